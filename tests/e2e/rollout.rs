//! Apps, shim and operator are replaced under load, and no request is lost.

use std::{process::Command, time::Duration};

use crate::support::{
    self,
    app::{App, url_of},
    cluster::app_pods,
    load::{Count, Load},
    tool::{Tool, program, run},
};

#[test]
#[ignore = "needs a cluster: tests/run"]
fn redeploys_under_load_lose_no_request() {
    support::up();
    let app = App::hello("e2e-rollout", "greetee = { default = \"one\" }");
    let url = url_of(&app.deploy(&["--replicas", "2"]).ok());
    let load = Load::on(&url);
    for greetee in ["two", "three"] {
        let before = app_pods();
        app.deploy(&["--variable", &format!("greetee={greetee}")]).ok();
        assert_ne!(app_pods(), before, "nothing was rolled out");
    }
    // The last old pods still drain when deploy returns: see them go.
    support::eventually("two pods are left", Duration::from_mins(1), || {
        (app_pods().keys().filter(|name| name.contains("e2e-rollout")).count() == 2).then_some(())
    });
    assert_nothing_lost(&load.finish());
}

#[test]
#[ignore = "needs a cluster: tests/run"]
fn an_upgrade_keeps_every_pod_and_loses_no_request() {
    let url = support::url_of(&support::up());
    let shim_before = shim();
    let dir = tempfile::tempdir().unwrap();
    let newer = newer_tool(dir.path());
    let (pods, load) = (app_pods(), Load::on(&url));
    let cache = dir.path().join("cache");
    let upgraded = Tool::new(&["up"]).program(&newer).env("XDG_CACHE_HOME", &cache).run().ok();
    assert_eq!(upgraded.closing("up-finished")["reused"], true);
    assert_eq!(app_pods(), pods, "a pod was made anew or restarted");
    assert_ne!(shim(), shim_before);
    assert!(upgraded.all("step-finished").any(|it| it["step"] == "verify the shim"), "{}", upgraded.told());

    // And back, as it was.
    support::up();
    assert_eq!((app_pods(), shim()), (pods, shim_before));
    assert_nothing_lost(&load.finish());
}

fn assert_nothing_lost(count: &Count) {
    assert!(count.failed.is_empty(), "{} of {}: {:#?}", count.failed.len(), count.answered, count.failed);
    assert!(count.answered > 100, "{count:?}");
}

fn shim() -> String {
    let status = run(&["status"]).ok().closing("status");
    status["nodes"][0]["shim"].as_str().unwrap_or_else(|| panic!("no shim in {status}")).to_owned()
}

/// The tool with another shim and another operator in it: the same programs with a byte more, which an ELF file
/// does not mind.
fn newer_tool(dir: &std::path::Path) -> std::path::PathBuf {
    let parts = support::parts();
    let newer = dir.join("spinkube-dev");
    let mut embed = Command::new(program());
    embed.arg("embed").arg("--to").arg(&newer);
    for part in std::fs::read_dir(&parts).unwrap() {
        let name = part.unwrap().file_name().into_string().unwrap();
        let mut path = parts.join(&name);
        if name == "shim" || name == "operator" {
            let mut program = std::fs::read(&path).unwrap();
            program.push(0);
            path = dir.join(&name);
            std::fs::write(&path, program).unwrap();
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        }
        embed.arg(format!("{name}={}", path.display()));
    }
    assert!(embed.status().unwrap().success());
    newer
}
