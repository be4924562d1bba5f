//! What goes wrong: one clear sentence with the cure, the exit code of the contract, nothing lost.

use std::os::unix::{fs::PermissionsExt, net::UnixListener};

use crate::support::{
    self,
    app::{App, EMPTY_COMPONENT, demo_component, url_of},
    cluster::apply,
    docker::docker,
    http::body_of,
    oci::{self, Blob},
    tool::{Tool, run},
};

#[test]
#[ignore = "needs a cluster: tests/run"]
fn no_engine() {
    for command in ["up", "down", "status"] {
        let outcome = Tool::new(&[command]).env("DOCKER_HOST", "unix:///nonexistent.sock").run();
        let failure = outcome.failure(3);
        failure.is_one_sentence().says(&["no Docker engine answers at unix:///nonexistent.sock", "start it"]);
    }
    let text = Tool::new(&["up"]).text().env("DOCKER_HOST", "unix:///nonexistent.sock").run();
    assert_eq!((text.status.code(), text.stdout.as_str()), (Some(3), ""));
    assert!(text.stderr.contains("no Docker engine answers"), "{}", text.told());
}

#[test]
#[ignore = "needs a cluster: tests/run"]
fn no_permission_on_the_engines_socket() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("docker.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o0)).unwrap();
    let tool = Tool::new(&["up"]).env("DOCKER_HOST", format!("unix://{}", socket.display()));
    // root may use any socket, unless it gives that up.
    let as_anyone = ["setpriv", "--inh-caps=-dac_override", "--bounding-set=-dac_override"];
    let tool = if nix::unistd::geteuid().is_root() { tool.under(as_anyone) } else { tool };
    tool.run().failure(3).is_one_sentence().says(&["you may not use the Docker engine", "group docker"]);
}

#[test]
#[ignore = "needs a cluster: tests/run"]
fn no_space() {
    let root = docker(&["info", "-f", "{{.DockerRootDir}}"]);
    // In a mount namespace of its own the tool sees a small disk where the engine keeps its data.
    let small = "mount -t tmpfs -o size=64m tmpfs \"$0\" && exec \"$@\"";
    let namespace = if nix::unistd::geteuid().is_root() { "-m" } else { "-rm" };
    let tool = Tool::new(&["up", "--name", "e2e-full"]).under(["unshare", namespace, "sh", "-c", small, root.as_str()]);
    let outcome = tool.run();
    outcome.failure(3).is_one_sentence().says(&["0.1 GiB are free in", &root, "docker system prune"]);
    assert_eq!(run(&["status", "--name", "e2e-full"]).ok().closing("status")["state"], "absent");
}

#[test]
#[ignore = "needs a cluster: tests/run"]
fn wrong_usage() {
    for args in [&["up", "--nope"][..], &["nope"], &["deploy", "--replicas", "0"], &["delete"]] {
        let outcome = Tool::new(args).text().run();
        assert_eq!(outcome.status.code(), Some(2), "{}", outcome.told());
        assert!(outcome.stderr.contains("--help"), "{}", outcome.told());
    }
    run(&["deploy", "no-such-folder"]).failure(2).is_one_sentence().says(&["no-such-folder is neither a folder"]);
    run(&["deploy", "demos/hello-rust", "-v", "greetee"]).failure(2).says(&["`greetee` is not NAME=VALUE"]);
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("spinkube.toml"), "worker = 2\n").unwrap();
    let outcome = Tool::new(&["up"]).dir(dir.path()).run();
    outcome.failure(2).is_one_sentence().says(&["no setting `worker`; the nearest is `workers`"]);
}

#[test]
#[ignore = "needs a cluster: tests/run"]
fn a_malformed_manifest() {
    support::up();
    let app = App::without_code("e2e-malformed", "");
    let manifest = app.replace_manifest("spin_manifest_version = 2\n[application]\nname = 7\n");
    let failure = app.deploy(&[]).failure(1);
    failure.says(&[&format!("{}:3:8: ", manifest.display()), "expected a string"]);
    let text = Tool::new(&["deploy", app.path()]).text().run();
    assert!(text.stderr.contains("name = 7"), "the place is not shown: {}", text.told());
}

#[test]
#[ignore = "needs a cluster: tests/run"]
fn missing_code_names_the_build_command() {
    support::up();
    let app = App::without_code("e2e-unbuilt", "[component.main.build]\ncommand = \"echo not-today && exit 3\"\n");
    let failure = run(&["push", app.path()]).failure(1);
    failure.is_one_sentence().says(&["main.wasm is not there", "echo not-today && exit 3"]);
    // deploy runs it, and shows what it said.
    let outcome = app.deploy(&[]);
    outcome.failure(1).says(&["the build of main failed", "echo not-today && exit 3", "exit status: 3", "not-today"]);
    assert!(outcome.all("build-output").any(|it| it["line"] == "not-today"), "{}", outcome.told());
    let app = App::without_code("e2e-unbuilt", "");
    app.deploy(&[]).failure(1).is_one_sentence().says(&["main.wasm is not there"]);
}

#[test]
#[ignore = "needs a cluster: tests/run"]
fn a_required_variable() {
    support::up();
    let app = App::hello("e2e-variables", "greetee = { required = true }");
    let failure = app.deploy(&[]).failure(1);
    failure.is_one_sentence().says(&["needs the variable greetee", "--variable greetee=VALUE"]);
    let failure = app.deploy(&["--variable", "greetee=x", "--variable", "gretee=y"]).failure(1);
    failure.is_one_sentence().says(&["has no variable gretee; did you mean greetee?"]);
    let deployed = app.deploy(&["--variable", "greetee=you"]).ok();
    assert_eq!(body_of(&url_of(&deployed)), "Hello, you!\n");
}

#[test]
#[ignore = "needs a cluster: tests/run"]
fn a_push_that_is_refused() {
    let app = App::with_code("e2e-refused", "", EMPTY_COMPONENT);
    let failure = run(&["push", app.path(), "localhost:1/e2e-refused:v1"]).failure(1);
    failure.is_one_sentence().says(&["the app was not pushed", "localhost:1/e2e-refused:v1", "can't be reached"]);
}

#[test]
#[ignore = "needs a cluster: tests/run"]
fn an_artifact_that_is_no_app() {
    support::up();
    let registry = support::registry();
    let config = Blob { media_type: "application/vnd.example.config+json", bytes: b"{}" };
    let layer = Blob { media_type: "application/vnd.example.picture", bytes: b"a picture" };
    let reference = oci::push(&registry, "e2e-no-app", &config, &[layer]);
    let failure = run(&["deploy", &reference]).failure(1);
    failure.is_one_sentence().says(&["is no Spin app", &reference, "it has no layer of a Spin app"]);
    let failure = run(&["deploy", &format!("{registry}/e2e-never-pushed:v1")]).failure(1);
    failure.is_one_sentence().says(&["the registry has no such image"]);
}

#[test]
#[ignore = "needs a cluster: tests/run"]
fn code_that_pretends_to_be_precompiled() {
    support::up();
    // Native code as wasmtime writes it is an ELF file; only code that our own compiler made may be trusted.
    let mut code = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x01\0".to_vec();
    code.resize(4096, 0);
    let app = App::with_code("e2e-native", "", &code);
    app.deploy(&[]).failure(1).is_one_sentence().says(&["main.wasm is no wasm file"]);

    let reference = oci::push_app(&support::registry(), "e2e-native", &code);
    let outcome = run(&["deploy", &reference]);
    outcome.failure(1).says(&["e2e-native", "it is native code, not WebAssembly"]);
    assert!(outcome.elapsed.as_secs() < 60, "{}", outcome.told());
}

#[test]
#[ignore = "needs a cluster: tests/run"]
fn an_executor_that_is_not_there() {
    support::up();
    let app = "apiVersion: core.spinkube.dev/v1alpha1\nkind: SpinApp\nmetadata: { name: e2e-executor }\n\
               spec: { image: localhost:1/x, executor: nowhere, replicas: 1 }\n";
    let refused = apply(app, &[]).unwrap_err();
    assert!(refused.contains("spec.executor"), "{refused}");
    assert!(refused.contains("\"nowhere\": executor does not exist in namespace"), "{refused}");
}

#[test]
#[ignore = "needs a cluster: tests/run"]
fn an_app_that_crashes_at_its_start_says_why_and_the_old_one_serves_on() {
    support::up();
    let app = App::hello("e2e-crash", "greetee = { default = \"old\" }");
    let url = url_of(&app.deploy(&[]).ok());
    app.replace_code(EMPTY_COMPONENT);
    let outcome = app.deploy(&[]);
    outcome.failure(1).says(&["e2e-crash", "exports no HTTP handler"]);
    assert!(outcome.elapsed.as_secs() < 60, "{}", outcome.told());
    assert_eq!(body_of(&url), "Hello, old!\n");

    // A repaired one goes on from there.
    app.replace_code(&demo_component());
    assert_eq!(url_of(&app.deploy(&["--variable", "greetee=new"]).ok()), url);
    assert_eq!(body_of(&url), "Hello, new!\n");
}

#[test]
#[ignore = "needs a cluster: tests/run"]
fn a_cluster_that_a_newer_tool_set_up() {
    support::up();
    let stamp = support::cluster::get(&["configmap", "-n", "spin-operator", "spinkube-dev"]);
    let version = stamp["data"]["version"].as_str().unwrap();
    set_version("99.0.0");
    let outcome = run(&["up"]);
    set_version(version);
    outcome.failure(1).is_one_sentence().says(&["99.0.0", "newer than this one", version]);
    support::up();
}

fn set_version(version: &str) {
    let patch = format!("{{\"data\":{{\"version\":\"{version}\"}}}}");
    support::cluster::kubectl(&["patch", "configmap", "-n", "spin-operator", "spinkube-dev", "-p", &patch]);
}
