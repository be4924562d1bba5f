//! From nothing to an app that answers, again, stopped and started, and down.

use std::{collections::BTreeSet, time::Duration};

use crate::support::{
    self, CLUSTER,
    cluster::{all_pods, get},
    docker::{self, Bystander, docker},
    http::{answers, body_of},
    tool::{self, run},
    url_of,
};

#[test]
#[ignore = "needs a cluster: tests/run"]
fn from_nothing_to_an_app_that_answers_and_again() {
    run(&["down"]).ok();
    let outcome = run(&["up"]).ok();
    let finished = outcome.closing("up-finished");
    assert_eq!((&finished["cluster"], &finished["reused"]), (&CLUSTER.into(), &false.into()));
    assert_eq!(finished["context"], format!("kind-{CLUSTER}"));
    let seconds = finished["seconds"].as_f64().unwrap();
    assert!(seconds > 0.0 && seconds <= outcome.elapsed.as_secs_f64(), "{finished}");
    let app = &finished["apps"][0];
    assert_eq!((&app["name"], &app["namespace"]), (&"hello-rust".into(), &"default".into()));

    // Each step that began has ended, and is in the closing line with its time.
    let steps = |event| outcome.all(event).map(|it| it["step"].as_str().unwrap()).collect::<BTreeSet<_>>();
    let told: BTreeSet<_> =
        finished["steps"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(steps("step-started"), told);
    assert_eq!(steps("step-finished"), told);
    for step in ["create the cluster", "install the shim", "verify the shim", "install the operator", "wait for DNS"] {
        assert!(told.contains(step), "{step} is not in {told:?}");
    }

    // The command has exited; the app goes on answering.
    let url = url_of(&finished);
    assert_eq!(body_of(&url), "Hello, world!\n");
    assert_eq!(body_of(&format!("{url}/hello/cluster")), "Hello, cluster!\n");

    let before = all_pods();
    let again = run(&["up"]).ok();
    let finished = again.closing("up-finished");
    assert_eq!(finished["reused"], true);
    assert!(again.elapsed < Duration::from_secs(5), "{}", again.told());
    assert_eq!(url_of(&finished), url);
    assert_eq!(all_pods(), before, "a pod was made anew or restarted");
}

#[test]
#[ignore = "needs a cluster: tests/run"]
fn other_tools_see_an_ordinary_cluster() {
    support::up();
    let kind = std::process::Command::new(part("kind")).args(["get", "clusters"]).output().unwrap();
    let clusters = String::from_utf8(kind.stdout).unwrap();
    assert!(clusters.lines().any(|line| line == CLUSTER), "{clusters}");

    let version = with_the_users_kubeconfig();
    assert!(version.starts_with("v1."), "{version}");
    let status = run(&["status"]).ok().closing("status");
    assert_eq!((&status["state"], &status["kubernetes"]), (&"running".into(), &version.into()));
    assert!(std::path::Path::new(status["log_file"].as_str().unwrap()).is_file(), "{status}");
    assert!(status["nodes"][0]["shim"].is_string(), "{status}");

    let hosting = get(&["configmap", "-n", "kube-public", "local-registry-hosting"]);
    let hosting = hosting["data"]["localRegistryHosting.v1"].as_str().unwrap();
    assert!(hosting.contains(status["registry"].as_str().unwrap()), "{hosting}");
}

/// The API server's version through the context that `up` wrote for other tools.
fn with_the_users_kubeconfig() -> String {
    drop(rustls::crypto::ring::default_provider().install_default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let context = Some(format!("kind-{CLUSTER}"));
        let options = kube::config::KubeConfigOptions { context, ..Default::default() };
        let mut config = kube::Config::from_kubeconfig(&options).await.unwrap();
        config.proxy_url = None;
        kube::Client::try_from(config).unwrap().apiserver_version().await.unwrap().git_version
    })
}

/// A part that the tool unpacked; the cluster remembers which parts it was set up with.
fn part(name: &str) -> std::path::PathBuf {
    support::parts().join(name)
}

#[test]
#[ignore = "needs a cluster: tests/run"]
fn stop_then_start_brings_the_app_back_on_its_port() {
    let url = url_of(&support::up());
    run(&["stop"]).ok().closing("stop-finished");
    let status = run(&["status"]).ok().closing("status");
    assert_eq!(status["state"], "stopped");
    run(&["deploy", "demos/hello-rust"]).failure(1).says(&[CLUSTER, "is stopped", "spinkube-dev start"]);
    run(&["stop"]).ok();

    let started = run(&["start"]).ok().closing("start-finished");
    let apps = started["apps"].as_array().unwrap();
    let demo = apps.iter().find(|app| app["name"] == "hello-rust").unwrap();
    assert_eq!(demo["url"], url);
    assert_eq!(body_of(&url), "Hello, world!\n");
    run(&["start"]).ok();
}

#[test]
#[ignore = "needs a cluster: tests/run"]
fn a_node_stopped_by_hand_is_started() {
    let url = url_of(&support::up());
    docker(&["stop", "-t", "2", &format!("{CLUSTER}-control-plane")]);
    let finished = support::up();
    assert_eq!(finished["reused"], true);
    answers(&url_of(&finished));
    assert_eq!(url_of(&finished), url);
}

#[test]
#[ignore = "needs a cluster: tests/run"]
fn down_leaves_nothing_but_the_registry() {
    support::up();
    let bystander = Bystander::run("e2e-bystander", &[]);
    let before = docker::identity(&bystander.0);
    let outcome = run(&["down"]).ok();
    let finished = outcome.closing("down-finished");
    assert_eq!((&finished["removed"], &finished["purged"]), (&true.into(), &false.into()));
    assert!(outcome.elapsed < Duration::from_secs(10), "{}", outcome.told());

    assert_eq!(docker::labelled(&format!("io.x-k8s.kind.cluster={CLUSTER}")), [""; 0]);
    assert_eq!(docker::labelled(&format!("dev.spinkube.cluster={CLUSTER}")), [""; 0]);
    assert!(docker::inspect("spinkube-registry").is_some_and(|it| it["State"]["Running"] == true));
    assert_eq!(docker::identity(&bystander.0), before);
    let kubeconfig = std::fs::read_to_string(std::env::var_os("KUBECONFIG").unwrap()).unwrap_or_default();
    assert!(!kubeconfig.contains(&format!("kind-{CLUSTER}")), "{kubeconfig}");
    let state = std::path::PathBuf::from(std::env::var_os("XDG_STATE_HOME").unwrap()).join("spinkube-dev/clusters");
    let left: Vec<_> = std::fs::read_dir(&state).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains(&format!("kind-{CLUSTER}."))), "{left:?}");

    let again = run(&["down"]).ok();
    assert_eq!(again.closing("down-finished")["removed"], false);
    let text = tool::Tool::new(&["down"]).text().run().ok();
    assert_eq!(text.stdout, format!("There is no cluster {CLUSTER}."));
    run(&["start"]).failure(1).says(&[CLUSTER, "spinkube-dev up"]);
    assert_eq!(run(&["status"]).ok().closing("status")["state"], "absent");
}
