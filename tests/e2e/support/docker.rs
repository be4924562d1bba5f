//! The Docker engine, as a user's own `docker` sees it.

use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Runs `docker`, which must end well; returns its stdout.
#[track_caller]
pub(crate) fn docker(args: &[&str]) -> String {
    let output = output(args);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "docker {}: {stderr}", args.join(" "));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Runs `docker`, however it ends.
pub(crate) fn output(args: &[&str]) -> Output {
    Command::new("docker").args(args).stdin(Stdio::null()).output().expect("there is a docker client")
}

/// A container as Docker describes it; `None` when there is none of that name.
pub(crate) fn inspect(container: &str) -> Option<Value> {
    let output = output(&["container", "inspect", container]);
    let described: Value = serde_json::from_slice(&output.stdout).ok()?;
    described.get(0).cloned()
}

/// What must stay as it is for a container to count as untouched.
pub(crate) fn identity(container: &str) -> Value {
    let described = inspect(container).unwrap_or_else(|| panic!("there is no container {container}"));
    serde_json::json!([described["Id"], described["State"]["StartedAt"], described["State"]["Running"]])
}

/// Names of all containers, running or not, with a label.
pub(crate) fn labelled(label: &str) -> Vec<String> {
    let names = docker(&["ps", "-a", "--filter", &format!("label={label}"), "--format", "{{.Names}}"]);
    let mut names: Vec<_> = names.lines().map(str::to_owned).collect();
    names.sort();
    names
}

/// A container that is no cluster's and none of the tool's; removed with this value.
pub(crate) struct Bystander(pub(crate) String);

impl Bystander {
    /// Runs the registry's image, which is there wherever a cluster was made, under another name.
    pub(crate) fn run(name: &str, labels: &[&str]) -> Self {
        drop(output(&["rm", "-f", name]));
        let image = docker(&["inspect", "-f", "{{.Config.Image}}", "spinkube-registry"]);
        let mut args = vec!["run", "-d", "--name", name];
        for label in labels {
            args.extend(["--label", label]);
        }
        args.push(&image);
        docker(&args);
        Self(name.into())
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        drop(output(&["rm", "-f", "-v", &self.0]));
    }
}
