//! Reconciliations of executors against a scripted API server.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use http::Method;
use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use serde_json::{Value, json};
use spinkube_api::SpinAppExecutor;

use super::error::Error;
use super::executor::reconcile;
use crate::scenario::{Call, call, get, play};

const FINALIZER: &str = "core.spinkube.dev/finalizer";
const APPS: &str = "/apis/core.spinkube.dev/v1alpha1/spinapps";
const EXECUTORS: &str = "/apis/core.spinkube.dev/v1alpha1/spinappexecutors";

fn executor(namespace: &str, finalizers: &[&str], deleting: bool) -> SpinAppExecutor {
    let deleted = deleting.then_some("2026-01-01T00:00:00Z");
    serde_json::from_value(json!({
        "metadata": {"name": "e", "namespace": namespace, "finalizers": finalizers, "deletionTimestamp": deleted},
        "spec": {"createDeployment": false},
    }))
    .unwrap()
}

fn path(namespace: &str, resource: &str) -> String {
    format!("/apis/core.spinkube.dev/v1alpha1/namespaces/{namespace}/{resource}")
}

fn app(namespace: &str, executor: &str) -> Value {
    json!({
        "apiVersion": "core.spinkube.dev/v1alpha1", "kind": "SpinApp",
        "metadata": {"name": "a", "namespace": namespace},
        "spec": {"executor": executor, "image": "i"},
    })
}

fn blocked(namespace: &str) -> Call {
    call(Method::POST, &format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events"))
        .with("/reason", json!("DeletionBlocked"))
        .with("/note", json!("Cannot delete SpinAppExecutor with dependent SpinApps"))
}

fn released(namespace: &str) -> Call {
    call(Method::PATCH, &path(namespace, "spinappexecutors/e"))
        .with("/1", json!({"op": "remove", "path": "/metadata/finalizers/0"}))
        .answered(serde_json::to_value(executor(namespace, &[], true)).unwrap())
}

async fn run(executor: SpinAppExecutor, script: Vec<Call>) -> Result<Action, Error> {
    play(script, |client| reconcile(Arc::new(DeserializeGuard(Ok(executor))), super::Context::scripted(&client))).await
}

#[tokio::test]
async fn a_new_executor_gets_the_finalizer() {
    let added = call(Method::PATCH, &path("default", "spinappexecutors/e"))
        .with("/1", json!({"op": "add", "path": "/metadata/finalizers", "value": [FINALIZER]}))
        .answered(serde_json::to_value(executor("default", &[FINALIZER], false)).unwrap());
    run(executor("default", &[], false), vec![added]).await.unwrap();
    run(executor("default", &[FINALIZER], false), vec![]).await.unwrap();
}

#[tokio::test]
async fn an_executor_stays_while_apps_of_its_namespace_name_it() {
    for (apps, free) in [
        (json!([app("default", "e")]), false),
        (json!([app("default", "other")]), true),
        (
            json!([{"apiVersion": "core.spinkube.dev/v1alpha1", "kind": "SpinApp", "metadata": {"name": "odd"},
                 "spec": {"executor": "e", "replicas": "unreadable"}}]),
            false,
        ),
        (json!([]), true),
    ] {
        let list = get(&path("default", "spinapps")).answered(json!({"items": apps}));
        let end = if free { released("default") } else { blocked("default") };
        let result = run(executor("default", &[FINALIZER], true), vec![list, end]).await;
        assert_eq!(result.is_ok(), free, "{apps}");
    }
}

#[tokio::test]
async fn the_clusters_executor_stays_while_any_app_falls_back_to_it() {
    let own = json!({"metadata": {"name": "e", "namespace": "has-own"}});
    let itself = json!({"metadata": {"name": "e", "namespace": "spin-operator"}});
    for (apps, free) in [
        (json!([app("spin-operator", "e")]), false),
        (json!([app("has-none", "e")]), false),
        (json!([app("has-own", "e"), app("has-none", "other")]), true),
    ] {
        let script = vec![
            get(APPS).answered(json!({"items": apps})),
            get(EXECUTORS).answered(json!({"items": [own, itself]})),
            if free { released("spin-operator") } else { blocked("spin-operator") },
        ];
        let result = run(executor("spin-operator", &[FINALIZER], true), script).await;
        assert_eq!(result.is_ok(), free, "{apps}");
    }
}
