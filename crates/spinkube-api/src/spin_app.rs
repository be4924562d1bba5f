//! The `SpinApp` kind: an app to run, and what the operator says about it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{EnvVarSource, LocalObjectReference, Volume, VolumeMount};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::runtime_config::RuntimeConfig;

/// Desired state of a Spin app.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[kube(
    group = "core.spinkube.dev",
    version = "v1alpha1",
    kind = "SpinApp",
    plural = "spinapps",
    namespaced,
    status = "SpinAppStatus",
    derive = "PartialEq",
    doc = "A Spin app that the cluster runs.",
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn = r#"{"name": "Ready", "type": "integer", "jsonPath": ".status.readyReplicas"}"#,
    printcolumn = r#"{"name": "Desired", "type": "integer", "jsonPath": ".spec.replicas"}"#,
    printcolumn = r#"{"name": "Executor", "type": "string", "jsonPath": ".spec.executor"}"#,
    printcolumn = r#"{"name": "Deployment", "type": "string", "jsonPath": ".status.deploymentName", "priority": 1}"#,
    printcolumn = r#"{"name": "Service", "type": "string", "jsonPath": ".status.serviceName", "priority": 1}"#
)]
#[serde(rename_all = "camelCase")]
pub struct SpinAppSpec {
    /// Name of the executor that runs the app: a `SpinAppExecutor` in the app's namespace, else in the operator's.
    /// Filled in by the webhook when empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub executor: String,
    /// OCI reference of the app.
    pub image: String,
    /// Secrets in the app's namespace with which to pull the image.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub image_pull_secrets: Vec<LocalObjectReference>,
    /// Health checks of the app's pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checks: Option<HealthChecks>,
    /// Number of pods. Must be left out when autoscaling is enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Leave the number of pods to an autoscaler that targets the Deployment.
    #[serde(default)]
    pub enable_autoscaling: bool,
    /// Stores, databases and models that Spin offers to the app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_config: Option<RuntimeConfig>,
    /// Volumes of the app's pods.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Volume>,
    /// Where the volumes are mounted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volume_mounts: Vec<VolumeMount>,
    /// Application variables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<SpinVar>,
    /// Annotations of the Service.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub service_annotations: BTreeMap<String, String>,
    /// Annotations of the Deployment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub deployment_annotations: BTreeMap<String, String>,
    /// Annotations of the pods.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pod_annotations: BTreeMap<String, String>,
    /// Labels of the pods; the operator's own win.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pod_labels: BTreeMap<String, String>,
    /// Resources of the app's container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Components to run; all of them when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub components: Option<Vec<String>>,
    /// Service account of the pods; `default` when left out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub service_account_name: String,
    /// Limits of one invocation by name; `memory` is the one that is known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub invocation_limits: BTreeMap<String, String>,
}

/// Health checks of the app's pods.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct HealthChecks {
    /// Whether a pod gets requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readiness: Option<HealthProbe>,
    /// Whether a pod must be restarted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub liveness: Option<HealthProbe>,
}

/// One health check. Its timings have the defaults that the API server fills in.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthProbe {
    /// The GET request to make.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_get: Option<HttpHealthProbe>,
    /// Seconds from the start to the first check.
    #[serde(default = "probe_default::initial_delay_seconds")]
    pub initial_delay_seconds: i32,
    /// Seconds until a check times out.
    #[serde(default = "probe_default::timeout_seconds")]
    pub timeout_seconds: i32,
    /// Seconds between checks.
    #[serde(default = "probe_default::period_seconds")]
    pub period_seconds: i32,
    /// Successes in a row that make a failed check succeed.
    #[serde(default = "probe_default::success_threshold")]
    pub success_threshold: i32,
    /// Failures in a row that make the check fail.
    #[serde(default = "probe_default::failure_threshold")]
    pub failure_threshold: i32,
}

mod probe_default {
    pub(super) fn initial_delay_seconds() -> i32 {
        10
    }
    pub(super) fn timeout_seconds() -> i32 {
        1
    }
    pub(super) fn period_seconds() -> i32 {
        10
    }
    pub(super) fn success_threshold() -> i32 {
        1
    }
    pub(super) fn failure_threshold() -> i32 {
        3
    }
}

/// A health check by a GET request to the app's port.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpHealthProbe {
    /// Path to get.
    pub path: String,
    /// Headers to send.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub http_headers: Vec<HttpHealthProbeHeader>,
}

/// A header of a health check.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct HttpHealthProbeHeader {
    /// Header name.
    pub name: String,
    /// Header value.
    pub value: String,
}

/// An application variable: a value, or where to take it from.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpinVar {
    /// Name as in the app's manifest.
    pub name: String,
    /// The value itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// Where the pod takes the value from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_from: Option<EnvVarSource>,
}

/// Resources of the app's container.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct Resources {
    /// At most this much.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, Quantity>,
    /// At least this much.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<String, Quantity>,
}

/// What the operator observed.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SpinAppStatus {
    /// `Available` and `Progressing` follow the Deployment; `Reconciled` says whether the operator could do its part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Name of the executor that runs the app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_scheduler: Option<String>,
    /// Pods that are ready.
    pub ready_replicas: i32,
    /// Name of the Deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_name: Option<String>,
    /// Name of the Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_name: Option<String>,
    /// Pods there are, ready or not (scale subresource).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Label selector of the pods (scale subresource).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
}
