//! What the cluster should hold for an app: pure functions of the app and its executor's configuration. Nothing here
//! talks to the API server.
//!
//! Names, labels, order of environment and volumes are upstream's: a Deployment that upstream's operator made is left
//! as it is, so pods survive a change of operator.

pub(crate) mod ca;
mod container;
pub(crate) mod deployment;
pub(crate) mod env;
mod probe;
pub(crate) mod runtime_config;
pub(crate) mod service;
mod volumes;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::ObjectMeta;
use kube::{Resource, ResourceExt};
use spinkube_api::SpinApp;

/// Why an app can't be turned into Kubernetes objects.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum DesiredError {
    /// Neither way of running is configured.
    #[error("must specify either runtimeClassName or spinImage in the executor's spec.deploymentConfig")]
    NoRuntime,
    /// A probe without an action.
    #[error("spec.checks.{0} exists but without httpGet; say which path to get, or remove it")]
    ProbeWithoutAction(&'static str),
    /// A limit that is no number of bytes.
    #[error("failed to parse memory limit in spec.invocationLimits: {0}")]
    MemoryLimit(#[from] spinkube_api::quantity::ParseQuantityError),
}

/// Metadata that every child has in common, with the app as owner.
fn child_metadata(app: &SpinApp, name: String, owner: OwnerReference) -> ObjectMeta {
    ObjectMeta {
        labels: Some(spinkube_api::contract::app_labels(&app.name_any())),
        owner_references: Some(vec![owner]),
        name: Some(name),
        namespace: app.namespace(),
        ..ObjectMeta::default()
    }
}

/// The app as the one controller of a child.
fn controller_of(app: &SpinApp) -> OwnerReference {
    OwnerReference { controller: Some(true), block_owner_deletion: Some(true), ..owner_of(app) }
}

/// The app as an owner, which garbage collection follows.
fn owner_of(app: &SpinApp) -> OwnerReference {
    OwnerReference {
        api_version: SpinApp::api_version(&()).into_owned(),
        kind: SpinApp::kind(&()).into_owned(),
        name: app.name_any(),
        uid: app.uid().unwrap_or_default(),
        controller: None,
        block_owner_deletion: None,
    }
}

#[cfg(test)]
pub(crate) mod fixtures {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::{Value, json};
    use spinkube_api::executor::DeploymentConfig;

    /// An app called `simple-spinapp` as the API server stores it, with `spec` merged over image, executor and replicas.
    pub(crate) fn app(spec: &Value) -> SpinApp {
        let mut base = json!({"image": "registry/hello:1", "executor": "containerd-shim-spin", "replicas": 1});
        for (key, value) in spec.as_object().unwrap() {
            base[key] = value.clone();
        }
        serde_json::from_value(json!({
            "apiVersion": "core.spinkube.dev/v1alpha1",
            "kind": "SpinApp",
            "metadata": {"name": "simple-spinapp", "namespace": "default", "uid": "app-uid", "generation": 1},
            "spec": base,
        }))
        .unwrap()
    }

    /// A deployment configuration from its JSON form.
    pub(crate) fn config(config: &Value) -> DeploymentConfig {
        serde_json::from_value(config.clone()).unwrap()
    }

    /// The configuration of upstream's sample executor.
    pub(crate) fn shim_config() -> DeploymentConfig {
        config(&json!({"runtimeClassName": "wasmtime-spin-v2", "installDefaultCACerts": true}))
    }
}
