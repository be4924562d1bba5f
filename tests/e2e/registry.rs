//! The registry, and ports that are taken.

use std::net::TcpListener;

use crate::support::{
    self,
    app::{App, url_of},
    cluster::kubectl,
    docker::{self, docker},
    http::body_of,
    tool::run,
};

const NAME: &str = "spinkube-registry";
const URL_PORTS: std::ops::Range<u16> = 8081..8981;

#[test]
#[ignore = "needs a cluster: tests/run"]
fn a_registry_stopped_by_hand_is_started() {
    support::up();
    let address = support::registry();
    docker(&["stop", "-t", "1", NAME]);
    let app = App::hello("e2e-registry", "greetee = { default = \"world\" }");
    run(&["push", app.path()]).failure(1).says(&["the local registry does not run", "spinkube-dev up"]);
    app.deploy(&[]).ok();
    assert_eq!(support::registry(), address);
    docker(&["stop", "-t", "1", NAME]);
    support::up();
    assert_eq!(support::registry(), address);
}

#[test]
#[ignore = "needs a cluster: tests/run"]
fn a_registry_whose_port_was_taken_moves_and_remembers() {
    support::up();
    let before = support::registry();
    let port: u16 = before.rsplit(':').next().unwrap().parse().unwrap();
    docker(&["stop", "-t", "1", NAME]);
    let taken = TcpListener::bind(("127.0.0.1", port)).unwrap();
    support::up();
    let moved = support::registry();
    assert_ne!(moved, before);
    let app = App::hello("e2e-registry-moved", "greetee = { default = \"world\" }");
    let outcome = app.deploy(&[]).ok();
    let image = outcome.closing("deployed")["image"].as_str().unwrap().to_owned();
    assert!(image.starts_with(&moved), "{image}");

    // What was pushed before is pulled as before, by its old name.
    drop(taken);
    support::up();
    assert_eq!(support::registry(), moved, "it is remembered");
    restart_the_demo();

    // As it was, for whoever else uses it.
    docker(&["rm", "-f", NAME]);
    support::up();
    assert_eq!(support::registry(), before);
}

/// A new pod of the demo must pull its image anew.
fn restart_the_demo() {
    let node = format!("{}-control-plane", support::CLUSTER);
    let image = support::cluster::get(&["spinapp", "hello-rust"])["spec"]["image"].as_str().unwrap().to_owned();
    docker(&["exec", &node, "crictl", "rmi", &image]);
    kubectl(&["rollout", "restart", "deployment/hello-rust"]);
    kubectl(&["rollout", "status", "deployment/hello-rust", "--timeout=60s"]);
}

#[test]
#[ignore = "needs a cluster: tests/run"]
fn a_taken_port_gives_a_new_app_the_next_one_for_good() {
    support::up();
    // Whatever is the next free port: somebody takes it first.
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).ok();
    let known = docker::labelled("dev.spinkube=url");
    let reserved: Vec<u16> = known.iter().filter_map(|name| label(name, "dev.spinkube.port")?.parse().ok()).collect();
    let (port, taken) = URL_PORTS
        .filter(|port| !reserved.contains(port))
        .find_map(|port| Some((port, free(&port)?)))
        .expect("some port is free");
    let app = App::hello("e2e-port", "greetee = { default = \"world\" }");
    let url = url_of(&app.deploy(&[]).ok());
    assert_ne!(url, format!("http://localhost:{port}"));
    drop(taken);
    assert_eq!(url_of(&app.deploy(&["--variable", "greetee=again"]).ok()), url, "it is remembered");
    assert_eq!(body_of(&url), "Hello, again!\n");
}

fn label(container: &str, key: &str) -> Option<String> {
    docker::inspect(container)?["Config"]["Labels"][key].as_str().map(str::to_owned)
}

#[test]
#[ignore = "needs a cluster: tests/run"]
fn a_registry_that_the_cluster_announces_is_used() {
    support::up();
    let announcement = ["configmap", "-n", "kube-public", "local-registry-hosting"];
    let theirs = r#"{"data":{"localRegistryHosting.v1":"host: \"localhost:1\"\n"}}"#;
    kubectl(&[&["patch", "-p", theirs][..], &announcement].concat());
    let app = App::hello("e2e-announced", "greetee = { default = \"world\" }");
    let outcome = app.deploy(&[]);
    kubectl(&[&["delete"][..], &announcement].concat());
    outcome.failure(1).says(&["localhost:1/e2e-announced"]);
    support::up();
    let hosting = kubectl(&[&["get", "-o", "yaml"][..], &announcement].concat());
    assert!(hosting.contains(&support::registry()), "ours is announced again: {hosting}");
}
