//! Reconciliations of apps against a scripted API server.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use http::Method;
use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use serde_json::{Value, json};
use spinkube_api::SpinApp;

use super::app::reconcile;
use super::error::Error;
use crate::desired::fixtures::app;
use crate::scenario::{Call, apply, call, get, play};
use crate::status::{Observed, status};

const OWN: &str = "/apis/core.spinkube.dev/v1alpha1/namespaces/default/spinappexecutors/containerd-shim-spin";
const DEFAULT: &str = "/apis/core.spinkube.dev/v1alpha1/namespaces/spin-operator/spinappexecutors/containerd-shim-spin";
const STATUS: &str = "/apis/core.spinkube.dev/v1alpha1/namespaces/default/spinapps/simple-spinapp/status";
const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/default/deployments/simple-spinapp";
const SERVICE: &str = "/api/v1/namespaces/default/services/simple-spinapp";
const SECRETS: &str = "/api/v1/namespaces/default/secrets";
const EVENTS: &str = "/apis/events.k8s.io/v1/namespaces/default/events";

async fn run(app: SpinApp, script: Vec<Call>) -> Result<Action, Error> {
    play(script, |client| reconcile(Arc::new(DeserializeGuard(Ok(app))), super::Context::scripted(&client))).await
}

fn executor(config: &Value) -> Value {
    json!({
        "metadata": {"name": "containerd-shim-spin", "namespace": "default"},
        "spec": {"createDeployment": true, "deploymentConfig": config},
    })
}

/// Answered with the whole app, as the API server does.
fn apply_status() -> Call {
    apply(STATUS).completed(json!({"spec": {"image": "registry/hello:1"}}))
}

fn shim() -> Value {
    executor(&json!({"runtimeClassName": "wasmtime-spin-v2"}))
}

fn minimal() -> Value {
    executor(&json!({"runtimeClassName": "wasmtime-spin-v2", "minimalPods": true}))
}

fn secret(name: &str) -> String {
    format!("{SECRETS}/{name}")
}

fn volume(name: &str) -> Value {
    json!({
        "name": "spin-runtime-config",
        "secret": {
            "secretName": name,
            "optional": true,
            "items": [{"key": "runtime-config.toml", "path": "runtime-config.toml"}],
        },
    })
}

/// The Event and the status of a failure where there is no Deployment.
fn reported(reason: &str, message: &str) -> Vec<Call> {
    vec![
        call(Method::POST, EVENTS)
            .with("/type", json!("Warning"))
            .with("/reason", json!(reason))
            .with("/note", json!(message))
            .with("/reportingController", json!("test")),
        get(DEPLOYMENT).not_found(),
        apply_status()
            .with("/status/conditions/0/reason", json!(reason))
            .with("/status/conditions/2/type", json!("Reconciled"))
            .with("/status/conditions/2/status", json!("False"))
            .with("/status/conditions/2/reason", json!(reason))
            .with("/status/conditions/2/message", json!(message)),
    ]
}

#[tokio::test]
async fn a_new_app_gets_its_children_and_a_status() {
    let executor = executor(&json!({"runtimeClassName": "wasmtime-spin-v2", "installDefaultCACerts": true}));
    let script = vec![
        get(OWN).answered(executor),
        apply(&secret("simple-spinapp-760b133c")).with("/metadata/ownerReferences/0/uid", json!("app-uid")),
        get(&secret("spin-ca")).not_found(),
        call(Method::POST, SECRETS).with("/metadata/name", json!("spin-ca")),
        apply(DEPLOYMENT)
            .with("/spec/template/spec/volumes/0", volume("simple-spinapp-760b133c"))
            .with("/spec/template/spec/volumes/1/name", json!("spin-ca"))
            .completed(json!({"metadata": {"generation": 1}})),
        apply(SERVICE).with("/spec/selector", json!({"core.spinkube.dev/app.simple-spinapp.status": "ready"})),
        apply_status()
            .with("/metadata", json!({"uid": "app-uid"}))
            .with("/status/readyReplicas", json!(0))
            .with("/status/activeScheduler", json!("containerd-shim-spin"))
            .with("/status/deploymentName", json!("simple-spinapp"))
            .with("/status/serviceName", json!("simple-spinapp"))
            .with("/status/conditions/0/reason", json!("DeploymentNotFound"))
            .with("/status/conditions/2/status", json!("True")),
    ];
    run(app(&json!({})), script).await.unwrap();
}

#[tokio::test]
async fn an_existing_ca_secret_is_left_alone() {
    let executor = executor(
        &json!({"runtimeClassName": "r", "minimalPods": true, "installDefaultCACerts": true, "caCertSecret": "mine"}),
    );
    let script = vec![
        get(OWN).answered(executor),
        get(&secret("mine")).answered(json!({"metadata": {"name": "mine"}})),
        apply(DEPLOYMENT).completed(json!({"metadata": {"generation": 1}})),
        apply(SERVICE),
        apply_status(),
    ];
    run(app(&json!({})), script).await.unwrap();
}

#[tokio::test]
async fn an_app_without_an_executor_in_its_namespace_gets_the_clusters() {
    let script = vec![
        get(OWN).not_found(),
        get(DEFAULT).answered(minimal()),
        apply(DEPLOYMENT)
            .with("/spec/template/spec/automountServiceAccountToken", json!(false))
            .with("/spec/template/spec/volumes", Value::Null)
            .completed(json!({"metadata": {"generation": 1}})),
        apply(SERVICE),
        apply_status(),
    ];
    run(app(&json!({})), script).await.unwrap();
}

#[tokio::test]
async fn a_missing_executor_is_an_event_and_a_condition() {
    let mut script = vec![get(OWN).not_found(), get(DEFAULT).not_found()];
    script.extend(reported("MissingExecutor", "Could not find SpinAppExecutor default/containerd-shim-spin"));
    let error = run(app(&json!({})), script).await.unwrap_err();
    assert!(matches!(error, Error::MissingExecutor { .. }), "{error}");
}

#[tokio::test]
async fn an_executor_without_deployment_config_is_refused() {
    let executor = json!({"metadata": {"name": "e", "namespace": "default"}, "spec": {"createDeployment": true}});
    let mut script = vec![get(OWN).answered(executor)];
    script.extend(reported(
        "MissingDeploymentConfig",
        "SpinAppExecutor default/e has createDeployment but no deploymentConfig; add spec.deploymentConfig",
    ));
    run(app(&json!({})), script).await.unwrap_err();
}

fn with_option(source: &Value) -> SpinApp {
    let option = json!({"name": "u", "valueFrom": source});
    app(&json!({"runtimeConfig": {"keyValueStores": [{"name": "a", "type": "x", "options": [option]}]}}))
}

#[tokio::test]
async fn values_come_from_secrets_and_config_maps() {
    for (source, path, answer) in [
        (
            json!({"configMapKeyRef": {"name": "c", "key": "k"}}),
            "/api/v1/namespaces/default/configmaps/c".to_owned(),
            json!({"metadata": {"name": "c"}, "data": {"k": "v"}}),
        ),
        (
            json!({"secretKeyRef": {"name": "s", "key": "k"}}),
            secret("s"),
            json!({"metadata": {"name": "s"}, "data": {"k": "dg=="}}),
        ),
    ] {
        let toml = "[[config_provider]]\ntype = 'env'\nprefix = 'SPIN_VARIABLE_'\n\n\
                    [key_value_store]\n[key_value_store.a]\ntype = 'x'\nu = 'v'\n";
        let name = spinkube_api::runtime_config::secret_name("simple-spinapp", toml);
        let script = vec![
            get(OWN).answered(minimal()),
            get(&path).answered(answer),
            apply(&secret(&name)),
            apply(DEPLOYMENT)
                .with("/spec/template/spec/volumes", json!([volume(&name)]))
                .completed(json!({"metadata": {"generation": 1}})),
            apply(SERVICE),
            apply_status(),
        ];
        run(with_option(&source), script).await.unwrap();
    }
}

#[tokio::test]
async fn a_missing_key_is_an_empty_value() {
    let script = vec![
        get(OWN).answered(shim()),
        get(&secret("s")).answered(json!({"metadata": {"name": "s"}})),
        apply(&secret("simple-spinapp-24a92654")),
        apply(DEPLOYMENT).completed(json!({"metadata": {"generation": 1}})),
        apply(SERVICE),
        apply_status(),
    ];
    run(with_option(&json!({"secretKeyRef": {"name": "s", "key": "absent"}})), script).await.unwrap();
}

#[tokio::test]
async fn a_missing_object_is_said_and_nothing_is_written() {
    let mut script = vec![get(OWN).answered(shim()), get("/api/v1/namespaces/default/configmaps/c").not_found()];
    script.extend(reported(
        "MissingReference",
        "configmaps \"c\" not found; create it, or change the reference in spec.runtimeConfig",
    ));
    run(with_option(&json!({"configMapKeyRef": {"name": "c", "key": "k"}})), script).await.unwrap_err();
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_is_not_followed() {
    let mut script = vec![get(OWN).answered(shim())];
    script.extend(reported(
        "MissingReference",
        "secrets \"../../kube-system/secrets/x\" not found; create it, or change the reference in spec.runtimeConfig",
    ));
    let app = with_option(&json!({"secretKeyRef": {"name": "../../kube-system/secrets/x", "key": "k"}}));
    run(app, script).await.unwrap_err();
}

#[tokio::test]
async fn an_own_runtime_config_is_mounted_and_none_generated() {
    let script = vec![
        get(OWN).answered(shim()),
        apply(DEPLOYMENT)
            .with("/spec/template/spec/volumes", json!([volume("mine")]))
            .completed(json!({"metadata": {"generation": 1}})),
        apply(SERVICE),
        apply_status(),
    ];
    run(app(&json!({"runtimeConfig": {"loadFromSecret": "mine"}})), script).await.unwrap();
}

#[tokio::test]
async fn a_deployment_of_somebody_else_is_not_taken() {
    let refusal =
        "Deployment.apps is invalid: metadata.ownerReferences: Only one reference can have Controller set to true";
    let mut script = vec![get(OWN).answered(minimal()), apply(DEPLOYMENT).refused(422, refusal)];
    script.extend(reported(
        "NotOurs",
        "Deployment \"simple-spinapp\" exists and does not belong to this SpinApp; rename the app, or delete the Deployment",
    ));
    run(app(&json!({})), script).await.unwrap_err();
}

#[tokio::test]
async fn an_executor_without_deployments_takes_the_old_one_away() {
    let executor = json!({"metadata": {"name": "e"}, "spec": {"createDeployment": false}});
    let owned = |uid: &str| {
        json!({"metadata": {"name": "simple-spinapp", "uid": "d-uid", "ownerReferences": [
            {"apiVersion": "v1", "kind": "SpinApp", "name": "simple-spinapp", "uid": uid},
        ]}})
    };
    let rest = || vec![apply(SERVICE), get(SECRETS).answered(json!({"items": []}))];
    let delete = || call(Method::DELETE, DEPLOYMENT).with("/preconditions/uid", json!("d-uid"));
    for (found, deleted) in [
        (get(DEPLOYMENT).answered(owned("app-uid")), vec![delete()]),
        (get(DEPLOYMENT).answered(owned("other")), vec![]),
        (get(DEPLOYMENT).not_found(), vec![]),
    ] {
        let mut script = vec![get(OWN).answered(executor.clone()), found];
        script.extend(deleted);
        script.extend(rest());
        run(app(&json!({})), script).await.unwrap();
    }
}

#[tokio::test]
async fn an_app_that_is_being_deleted_is_left_alone() {
    let mut app = app(&json!({}));
    app.metadata.deletion_timestamp = serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap();
    run(app, vec![]).await.unwrap();
}

#[tokio::test]
async fn an_unchanged_status_is_not_written() {
    let mut app = app(&json!({}));
    let deployment = serde_json::from_value(json!({
        "metadata": {"name": "simple-spinapp", "generation": 1},
        "spec": {"selector": {"matchLabels": {
            "core.spinkube.dev/app-name": "simple-spinapp",
            "core.spinkube.dev/app.simple-spinapp.status": "ready",
        }}, "template": {}},
    }))
    .unwrap();
    let mut known = status(&app, &Observed { deployment: Some(&deployment), ..Observed::default() });
    known.service_name = Some("simple-spinapp".into());
    app.status = Some(known);
    let script = vec![
        get(OWN).answered(minimal()),
        apply(DEPLOYMENT).completed(json!({"metadata": {"generation": 1}})),
        apply(SERVICE),
    ];
    run(app, script).await.unwrap();
}

#[tokio::test]
async fn old_configs_are_collected_when_no_pod_mounts_them() {
    let generated = |name: &str| {
        json!({"metadata": {"name": name, "uid": format!("{name}-uid"), "ownerReferences": [
            {"apiVersion": "v1", "kind": "SpinApp", "name": "simple-spinapp", "uid": "app-uid"},
        ]}})
    };
    let replica_set = |secret: &str, pods: i32| {
        json!({
            "metadata": {"name": secret},
            "spec": {"replicas": 0, "selector": {}, "template": {"spec": {"containers": [], "volumes": [volume(secret)]}}},
            "status": {"replicas": pods},
        })
    };
    let script = vec![
        get(OWN).answered(shim()),
        apply(&secret("simple-spinapp-760b133c")),
        apply(DEPLOYMENT).completed(json!({
            "metadata": {"generation": 3},
            "status": {"observedGeneration": 3, "replicas": 1, "updatedReplicas": 1},
        })),
        apply(SERVICE),
        get(SECRETS).answered(json!({"items": [
            generated("simple-spinapp-760b133c"),
            generated("simple-spinapp-aaaa"),
            generated("simple-spinapp-bbbb"),
            {"metadata": {"name": "spin-ca"}},
        ]})),
        get("/apis/apps/v1/namespaces/default/replicasets").answered(json!({"items": [
            replica_set("simple-spinapp-aaaa", 0),
            replica_set("simple-spinapp-bbbb", 1),
        ]})),
        call(Method::DELETE, &secret("simple-spinapp-aaaa"))
            .with("/preconditions/uid", json!("simple-spinapp-aaaa-uid"))
            .not_found(),
        apply_status(),
    ];
    run(app(&json!({})), script).await.unwrap();
}

#[tokio::test]
async fn an_app_that_cannot_be_read_is_an_event() {
    let object: DeserializeGuard<SpinApp> = serde_json::from_value(json!({
        "metadata": {"name": "simple-spinapp", "namespace": "default"},
        "spec": {"image": "i", "replicas": 3_000_000_000_u32},
    }))
    .unwrap();
    let script = vec![call(Method::POST, EVENTS).with("/reason", json!("InvalidSpec"))];
    let error =
        play(script, |client| reconcile(Arc::new(object), super::Context::scripted(&client))).await.unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error}");
}
