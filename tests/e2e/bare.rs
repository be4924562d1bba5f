//! The one file on a machine that has Docker, CA certificates and nothing else: no shell, no kind, no kubectl.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

use crate::support::{
    docker::{self, docker},
    http::body_of,
    tool::program,
    url_of,
};

const NAME: &str = "e2e-bare";
/// Where Debian's package ca-certificates, which `scripts/ensure-engine` installs, keeps them.
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

#[test]
#[ignore = "needs a cluster: tests/run"]
fn the_one_file_needs_nothing_but_docker() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    for folder in ["tmp", "root", "usr/bin", "etc/ssl/certs"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    fs::copy(program(), root.join("spinkube-dev")).unwrap();
    // The client of registries can't be made without any, not even for one that speaks http.
    fs::copy(CERTIFICATES, root.join(&CERTIFICATES[1..])).unwrap();
    let client = which("docker");
    fs::copy(&client, root.join("usr/bin/docker")).unwrap();
    for library in libraries(&client) {
        let place = root.join(library.trim_start_matches('/'));
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::copy(&library, place).unwrap();
    }
    fs::write(dir.path().join("Dockerfile"), "FROM scratch\nCOPY root /\n").unwrap();
    docker(&["build", "-q", "-t", NAME, dir.path().to_str().unwrap()]);

    in_it(&["down"]);
    let finished = in_it(&["up"]);
    assert_eq!((&finished["event"], &finished["reused"]), (&"up-finished".into(), &false.into()), "{finished}");
    assert_eq!(body_of(&url_of(&finished)), "Hello, world!\n");
    assert_eq!(in_it(&["up"])["reused"], true);
    assert_eq!(in_it(&["down"])["removed"], true);
    assert_eq!(docker::labelled(&format!("io.x-k8s.kind.cluster={NAME}")), [""; 0]);
    docker(&["volume", "rm", NAME]);
    docker(&["rmi", NAME]);
}

/// Runs the tool in that root; returns its closing line.
fn in_it(args: &[&str]) -> Value {
    let home = format!("{NAME}:/root");
    let mut command = vec!["run", "--rm", "--network", "host", "-v", "/var/run/docker.sock:/var/run/docker.sock"];
    command.extend(["-v", &home, "-e", "HOME=/root", "-e", "PATH=/usr/bin", NAME, "/spinkube-dev"]);
    command.extend(args);
    command.extend(["--name", NAME, "--output", "json"]);
    let Output { status, stdout, stderr } = docker::output(&command);
    let stdout = String::from_utf8_lossy(&stdout);
    assert!(status.success(), "{stdout}\n{}", String::from_utf8_lossy(&stderr));
    serde_json::from_str(stdout.lines().last().unwrap()).unwrap()
}

fn which(program: &str) -> String {
    let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output().unwrap();
    String::from_utf8(found.stdout).unwrap().trim().to_owned()
}

/// What a program is linked with; none when it is static.
fn libraries(program: &str) -> Vec<String> {
    let listed = Command::new("ldd").arg(Path::new(program)).output().unwrap();
    let text = String::from_utf8(listed.stdout).unwrap();
    text.split_whitespace().filter(|word| word.starts_with('/')).map(str::to_owned).collect()
}
