//! Apps as a user has them: deploy, list, logs, secrets, delete; and upstream's own YAML.

use std::time::Duration;

use serde_json::Value;

use crate::support::{
    self, CLUSTER,
    app::{App, url_of},
    cluster::{apply, get, kubectl},
    docker, eventually,
    http::{body_of, get as http_get},
    tool::run,
};

#[test]
#[ignore = "needs a cluster: tests/run"]
fn an_app_is_deployed_listed_logged_and_deleted_without_a_trace() {
    support::up();
    let app = App::hello("e2e-app", "greetee = { default = \"world\" }");
    let url = url_of(&app.deploy(&["--replicas", "2", "--namespace", "e2e-apps"]).ok());
    assert_eq!(body_of(&url), "Hello, world!\n");
    let listed = run(&["list", "--namespace", "e2e-apps"]).ok().closing("apps");
    let [summary] = &listed["apps"].as_array().unwrap()[..] else { panic!("{listed}") };
    assert_eq!((&summary["name"], &summary["url"]), (&"e2e-app".into(), &Value::from(url.as_str())));
    assert_eq!((&summary["ready"], &summary["desired"]), (&2.into(), &2.into()));

    // What the guest prints is in the pods' logs.
    body_of(&format!("{url}/log"));
    eventually("the line is in the log", Duration::from_secs(20), || {
        let logs = run(&["logs", "e2e-app", "--namespace", "e2e-apps"]).ok();
        logs.all("log").any(|it| it["line"] == "hello-rust: GET /log").then_some(())
    });
    let plain = kubectl(&["logs", "-n", "e2e-apps", "-l", "core.spinkube.dev/app-name=e2e-app", "--tail=-1"]);
    assert!(plain.contains("hello-rust: GET /log"), "{plain}");

    let deleted = run(&["delete", "e2e-app", "--namespace", "e2e-apps"]).ok().closing("deleted");
    assert_eq!((&deleted["app"], &deleted["namespace"]), (&"e2e-app".into(), &"e2e-apps".into()));
    let left = get(&["spinapp,deployment,replicaset,pod,service", "-n", "e2e-apps"]);
    assert_eq!(left["items"], serde_json::json!([]));
    assert!(docker::inspect(&format!("spinkube-url.{CLUSTER}.e2e-apps.e2e-app")).is_none());
    assert!(http_get(&url).is_err(), "something still answers at {url}");

    let failure = run(&["delete", "e2e-app", "--namespace", "e2e-apps"]).failure(1);
    failure.is_one_sentence().says(&["there is no app e2e-app", "hello-rust (in default)"]);
    kubectl(&["delete", "namespace", "e2e-apps", "--wait=false"]);
}

#[test]
#[ignore = "needs a cluster: tests/run"]
fn secrets_are_in_a_secret_and_nowhere_else() {
    support::up();
    let app = App::hello("e2e-secret", "greetee = { required = true, secret = true }");
    let dir = tempfile::tempdir().unwrap();
    let (env, record) = (dir.path().join(".env"), dir.path().join("record"));
    std::fs::write(&env, "# who\nGREETEE=\"agent-x\"\n").unwrap();
    let (env, record) = (env.to_str().unwrap(), record.to_str().unwrap());
    let outcome = app.deploy(&["--env-file", env, "--record", record]).ok();
    assert_eq!(body_of(&url_of(&outcome)), "Hello, agent-x!\n");
    let recorded = std::fs::read_to_string(record).unwrap();
    assert_eq!(recorded.trim_end(), outcome.stdout, "a recording is the stream");
    assert!(!recorded.contains("agent-x"), "{recorded}");
    let objects = kubectl(&["get", "spinapp,deployment,pod", "-l", "!absent", "-o", "yaml"]);
    assert!(!objects.contains("agent-x"));

    // A changed secret makes new pods.
    let outcome = app.deploy(&["--variable", "greetee=agent-y"]).ok();
    assert_eq!(body_of(&url_of(&outcome)), "Hello, agent-y!\n");
    run(&["delete", &app.name]).ok();
    let left = get(&["secret", "-l", "core.spinkube.dev/app-name=e2e-secret"]);
    assert_eq!(left["items"], serde_json::json!([]));
}

#[test]
#[ignore = "needs a cluster: tests/run"]
fn an_artifact_is_deployed_by_its_reference() {
    support::up();
    let app = App::hello("e2e-by-reference", "greetee = { default = \"reader\" }");
    let push = || run(&["push", app.path()]).ok().all("pushed").next().cloned().unwrap();
    let (pushed, again) = (push(), push());
    assert_eq!(again["digest"], pushed["digest"]);
    // Of an app that is there already only the manifest goes again, for its tag.
    let sent = |event: &Value| event["uploaded_bytes"].as_u64().unwrap();
    assert!((1..2_000).contains(&sent(&again)) && sent(&again) <= sent(&pushed), "{again}");
    let deployed = run(&["deploy", pushed["reference"].as_str().unwrap()]).ok();
    assert_eq!(body_of(&url_of(&deployed)), "Hello, reader!\n");
    let image = deployed.closing("deployed")["image"].as_str().unwrap().to_owned();
    assert!(image.ends_with(pushed["digest"].as_str().unwrap()), "{image}");
}

#[test]
#[ignore = "needs a cluster: tests/run"]
fn upstreams_samples_apply_unchanged() {
    support::up();
    let samples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("operator/config/samples");
    let list = std::fs::read_to_string(samples.join("kustomization.yaml")).unwrap();
    let names: Vec<_> = list.lines().filter_map(|line| line.trim().strip_prefix("- ")).collect();
    assert!(!names.is_empty(), "{list}");
    for name in names {
        let yaml = std::fs::read_to_string(samples.join(name)).unwrap();
        let applied = apply(&yaml, &["--dry-run=server"]).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(applied.contains("(server dry run)"), "{name}: {applied}");
    }
}
