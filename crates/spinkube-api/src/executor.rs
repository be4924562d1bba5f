//! The `SpinAppExecutor` kind: how apps are run.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Desired state of an executor.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[kube(
    group = "core.spinkube.dev",
    version = "v1alpha1",
    kind = "SpinAppExecutor",
    plural = "spinappexecutors",
    namespaced,
    status = "SpinAppExecutorStatus",
    derive = "PartialEq",
    doc = "A way of running Spin apps."
)]
#[serde(rename_all = "camelCase")]
pub struct SpinAppExecutorSpec {
    /// Whether the operator makes a Deployment for each app; if not, somebody else runs the app.
    pub create_deployment: bool,
    /// How the Deployment is made. Required when `createDeployment` is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_config: Option<DeploymentConfig>,
}

/// How an app's Deployment is made.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentConfig {
    /// `RuntimeClass` of the pods: the shim runs the app. Excludes `spinImage`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_class_name: Option<String>,
    /// Image with the `spin` program that runs the app in a container. Excludes `runtimeClassName`;
    /// the app's image must be pullable without authentication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spin_image: Option<String>,
    /// Secret with CA certificates (key `ca-certificates.crt`) to mount into the pods.
    #[serde(default, rename = "caCertSecret", skip_serializing_if = "String::is_empty")]
    pub ca_cert_secret: String,
    /// Make that Secret with Mozilla's CA certificates where it does not exist; it is called `spin-ca` unless
    /// `caCertSecret` says otherwise.
    #[serde(default, rename = "installDefaultCACerts", skip_serializing_if = "std::ops::Not::not")]
    pub install_default_ca_certs: bool,
    /// Where the app sends its telemetry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otel: Option<OtelConfig>,
    /// Give a pod only the volumes that its app needs: no service-account token unless the app names a
    /// service account, no runtime config unless the app has one. Each volume delays the start of a pod.
    #[serde(default)]
    pub minimal_pods: bool,
}

/// `OTLP` endpoints, all optional.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct OtelConfig {
    /// Endpoint for all signals.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub exporter_otlp_endpoint: String,
    /// Endpoint for traces.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub exporter_otlp_traces_endpoint: String,
    /// Endpoint for metrics.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub exporter_otlp_metrics_endpoint: String,
    /// Endpoint for logs.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub exporter_otlp_logs_endpoint: String,
}

/// Nothing is observed of an executor.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct SpinAppExecutorStatus {}
