//! What is not ours is named and left alone.

use crate::support::{
    self,
    docker::{self, Bystander, identity},
    tool::run,
};

#[test]
#[ignore = "needs a cluster: tests/run"]
fn a_foreign_cluster_of_the_same_name_is_refused_and_untouched() {
    support::up();
    let name = "e2e-foreign";
    let cluster = format!("io.x-k8s.kind.cluster={name}");
    let node = Bystander::run(&format!("{name}-control-plane"), &[&cluster, "io.x-k8s.kind.role=control-plane"]);
    let before = identity(&node.0);
    for command in ["up", "stop", "start", "status", "down"] {
        let failure = run(&[command, "--name", name]).failure(1);
        let words = [&format!("a kind cluster named {name} is there already"), "--name"];
        failure.is_one_sentence().says(&words);
    }
    for args in [&["deploy", "demos/hello-rust"][..], &["list"], &["delete", "hello-rust"]] {
        run(&[args, &["--cluster", name]].concat()).failure(1).says(&[name, "was not made by spinkube-dev"]);
    }
    assert_eq!(identity(&node.0), before);
    assert_eq!(docker::labelled(&cluster), [node.0.as_str()]);
}

#[test]
#[ignore = "needs a cluster: tests/run"]
fn names_that_are_no_names_are_refused() {
    for name in ["Upper", "a_b", "a/b", "-x"] {
        run(&["up", &format!("--name={name}")]).failure(2).says(&[name, "can't be a cluster's name"]);
    }
}

#[test]
#[ignore = "needs a cluster: tests/run"]
fn the_current_context_decides_nothing() {
    support::up();
    // A kubeconfig which leads elsewhere, as a user's own may.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("kubeconfig");
    let elsewhere = "apiVersion: v1\nkind: Config\ncurrent-context: production\n\
        contexts: [{ name: production, context: { cluster: production, user: me } }]\n\
        clusters: [{ name: production, cluster: { server: 'https://127.0.0.1:1' } }]\n\
        users: [{ name: me, user: { token: secret } }]\n";
    std::fs::write(&path, elsewhere).unwrap();
    let listed = support::tool::Tool::new(&["list"]).env("KUBECONFIG", &path).run().ok().closing("apps");
    let apps = listed["apps"].as_array().unwrap();
    assert!(apps.iter().any(|app| app["name"] == "hello-rust"), "{listed}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), elsewhere);
}
