//! What is in the shared cluster, through the `kubectl` of its control plane.

use std::{
    collections::BTreeMap,
    io::Write,
    process::{Command, Stdio},
};

use serde_json::Value;

use super::{CLUSTER, docker};

fn node() -> String {
    format!("{CLUSTER}-control-plane")
}

const KUBECTL: [&str; 2] = ["kubectl", "--kubeconfig=/etc/kubernetes/admin.conf"];

/// Runs `kubectl`, which must end well; returns its stdout.
#[track_caller]
pub(crate) fn kubectl(args: &[&str]) -> String {
    let node = node();
    docker::docker(&[&["exec", &node][..], &KUBECTL, args].concat())
}

/// Objects as JSON.
#[track_caller]
pub(crate) fn get(args: &[&str]) -> Value {
    serde_json::from_str(&kubectl(&[&["get", "-o", "json"], args].concat())).unwrap()
}

/// `kubectl apply` of a text; `Err` with what the API server said.
pub(crate) fn apply(yaml: &str, args: &[&str]) -> Result<String, String> {
    let mut child = Command::new("docker")
        .args(["exec", "-i", &node()])
        .args(KUBECTL)
        .args(["apply", "-f", "-"])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(yaml.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// A pod's uid and restarts, by its namespace and name.
pub(crate) type Pods = BTreeMap<String, (String, u64)>;

/// The pods that a user's apps have.
pub(crate) fn app_pods() -> Pods {
    pods(&["-A", "-l", "core.spinkube.dev/app-name"])
}

/// All pods of the cluster.
pub(crate) fn all_pods() -> Pods {
    pods(&["-A"])
}

fn pods(which: &[&str]) -> Pods {
    let listed = get(&[&["pods"], which].concat());
    let items = listed["items"].as_array().unwrap();
    let pod = |it: &Value| {
        let text = |pointer| it.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let containers = it.pointer("/status/containerStatuses").and_then(Value::as_array);
        let restarts = containers.into_iter().flatten().filter_map(|it| it["restartCount"].as_u64()).sum();
        (format!("{}/{}", text("/metadata/namespace"), text("/metadata/name")), (text("/metadata/uid"), restarts))
    };
    items.iter().map(pod).collect()
}
