//! The manifests in `config/` agree with the code.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;
use spinkube_api::defaults::{default_executor, runtime_class};
use spinkube_api::{SpinApp, SpinAppExecutor};

use crate::desired::deployment::{MountedSecrets, deployment};

fn config(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(path)
}

fn objects(path: &Path) -> Vec<Value> {
    let yaml = std::fs::read_to_string(path).unwrap();
    serde_saphyr::from_multiple(&yaml).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    objects.iter().find(|object| object["kind"] == kind).unwrap()
}

#[test]
fn defaults_are_those_of_the_api_crate() {
    let read: SpinAppExecutor = serde_json::from_value(objects(&config("executor.yaml"))[0].clone()).unwrap();
    assert_eq!(read, default_executor());
    let read = objects(&config("runtime-class.yaml"))[0].clone();
    assert_eq!(read, serde_json::to_value(runtime_class()).unwrap());
}

#[test]
fn webhooks_point_at_the_operator() {
    let service = &objects(&config("webhooks.yaml"))[0];
    let operator = &objects(&config("operator.yaml"))[0];
    assert_eq!(service["spec"]["selector"], operator["spec"]["selector"]["matchLabels"]);
    let name = service["metadata"]["name"].as_str().unwrap();
    let mut names = BTreeSet::new();
    for configuration in &objects(&config("webhooks.yaml"))[1..] {
        for webhook in configuration["webhooks"].as_array().unwrap() {
            assert_eq!(webhook["clientConfig"]["service"]["name"], name);
            names.insert(webhook["name"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(
        names,
        ["mspinapp.kb.io", "mspinappexecutor.kb.io", "vspinapp.kb.io", "vspinappexecutor.kb.io"]
            .map(str::to_owned)
            .into()
    );
}

#[test]
fn the_operator_runs_unprivileged() {
    let operator = &objects(&config("operator.yaml"))[0]["spec"]["template"]["spec"];
    let container = &operator["containers"][0];
    assert_eq!(operator["securityContext"]["runAsNonRoot"], true);
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false);
    assert_eq!(container["securityContext"]["capabilities"]["drop"], serde_json::json!(["ALL"]));
    // No rule gives more than it must: no wildcard, and nothing that escalates.
    for role in objects(&config("rbac.yaml")) {
        let text = role["rules"].to_string();
        for never in ["\"*\"", "escalate", "impersonate", "\"bind\"", "pods"] {
            assert!(!text.contains(never), "{never}");
        }
    }
    let arguments = container["args"].as_array().unwrap().iter().map(|argument| argument.as_str().unwrap());
    <crate::args::Args as clap::Parser>::try_parse_from(std::iter::once("/manager").chain(arguments)).unwrap();
}

/// Every sample, with its file name.
fn samples() -> Vec<(String, Vec<Value>)> {
    let files = std::fs::read_dir(config("samples")).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), objects(&path))).collect()
}

#[test]
fn every_sample_is_valid_and_can_be_deployed() {
    let samples = samples();
    let mut executors: Vec<SpinAppExecutor> = Vec::new();
    for (name, objects) in &samples {
        for object in objects.iter().filter(|object| object["kind"] == "SpinAppExecutor") {
            let executor: SpinAppExecutor = serde_json::from_value(object.clone()).unwrap();
            assert_eq!(crate::webhook::invalid_executor(&executor), Vec::<String>::new(), "{name}");
            executors.push(executor);
        }
    }
    let mut apps = 0;
    for (name, objects) in &samples {
        for object in objects.iter().filter(|object| object["kind"] == "SpinApp") {
            let app: SpinApp = serde_json::from_value(object.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
            let executor =
                executors.iter().find(|executor| executor.metadata.name.as_ref() == Some(&app.spec.executor));
            let executor = executor.unwrap_or_else(|| panic!("{name} names an executor of no sample"));
            assert_eq!(crate::webhook::invalid_app(&app, executor), Vec::<String>::new(), "{name}");
            let config = executor.spec.deployment_config.as_ref().unwrap();
            deployment(&app, config, MountedSecrets::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
            apps += 1;
        }
    }
    assert!(apps >= 15, "upstream has 15 apps in its samples, here are {apps}");
}

#[test]
fn samples_keep_upstreams_names() {
    let mut names: Vec<_> = samples().into_iter().map(|(name, _)| name).collect();
    names.sort();
    insta::assert_json_snapshot!(names);
    let simple = objects(&config("samples/simple.yaml"));
    assert_eq!(of_kind(&simple, "SpinApp")["metadata"]["name"], "simple-spinapp");
}
