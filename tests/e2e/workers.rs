//! A cluster of several nodes.

use std::process::Command;

use crate::support::{
    docker::{self, docker},
    http::body_of,
    tool::run,
    url_of,
};

/// A cluster of its own: the shared one has one node.
const NAME: &str = "e2e-workers";

#[test]
#[ignore = "needs a cluster: tests/run"]
fn nodes_reach_each_other_and_a_removed_one_is_told() {
    run(&["down", "--name", NAME]).ok();
    let finished = run(&["up", "--name", NAME, "--workers", "2", "--replicas", "4"]).ok().closing("up-finished");
    assert_eq!(body_of(&url_of(&finished)), "Hello, world!\n");
    let status = run(&["status", "--name", NAME]).ok().closing("status");
    let nodes = status["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 3, "{status}");
    assert!(nodes.iter().all(|node| node["shim"].is_string()), "{status}");
    let apps = ["get", "pods", "-l", "core.spinkube.dev/app-name=hello-rust", "-o"];
    let placed = kubectl(&[&apps[..], &["jsonpath={.items[*].spec.nodeName}"]].concat());
    let mut placed: Vec<_> = placed.split_whitespace().collect();
    placed.sort_unstable();
    placed.dedup();
    assert!(placed.len() > 1, "all pods are on {placed:?}");

    // Pods, Services, DNS, storage and metrics across the nodes.
    let verify = Command::new("node-image/verify").args(["--context", &format!("kind-{NAME}")]).output().unwrap();
    let told = String::from_utf8_lossy(&verify.stdout).into_owned() + &String::from_utf8_lossy(&verify.stderr);
    assert!(verify.status.success(), "{told}");

    docker(&["rm", "-f", "-v", &format!("{NAME}-worker2")]);
    let again = run(&["up", "--name", NAME]).ok();
    assert_eq!(again.closing("up-finished")["reused"], true);
    let told = again.told();
    assert!(told.contains("1 node(s) of e2e-workers were removed by hand"), "{told}");
    assert!(!kubectl(&["get", "nodes", "-o", "name"]).contains("worker2"));
    assert_eq!(body_of(&url_of(&again.closing("up-finished"))), "Hello, world!\n");
    run(&["down", "--name", NAME]).ok();
    assert_eq!(docker::labelled(&format!("io.x-k8s.kind.cluster={NAME}")), [""; 0]);
}

fn kubectl(args: &[&str]) -> String {
    let node = format!("{NAME}-control-plane");
    docker(&[&["exec", &node, "kubectl", "--kubeconfig=/etc/kubernetes/admin.conf"], args].concat())
}
