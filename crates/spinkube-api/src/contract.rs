//! Names that upstream's operator, its tools and running clusters rely on. A change here breaks a takeover.

use std::collections::BTreeMap;

/// API group of both kinds; also the prefix of every label and of the finalizer.
pub const GROUP: &str = "core.spinkube.dev";
/// The one API version served.
pub const VERSION: &str = "v1alpha1";
/// Field manager of every server-side apply.
pub const FIELD_MANAGER: &str = "spin-operator";
/// Finalizer on executors that still have apps.
pub const FINALIZER: &str = "core.spinkube.dev/finalizer";

/// Label with the app's name on everything made for an app.
pub const APP_NAME_LABEL: &str = "core.spinkube.dev/app-name";
/// Value of the status label (see [`status_label_key`]).
pub const STATUS_READY: &str = "ready";

/// Executor that the quickstart, `spin kube scaffold` and the samples name.
pub const DEFAULT_EXECUTOR: &str = "containerd-shim-spin";
/// Namespace of the operator. Executors in it serve every namespace that has none of the same name.
pub const OPERATOR_NAMESPACE: &str = "spin-operator";
/// `RuntimeClass` of the shim.
pub const RUNTIME_CLASS: &str = "wasmtime-spin-v2";
/// Handler in containerd's configuration that the `RuntimeClass` points to.
pub const RUNTIME_HANDLER: &str = "spin";

/// Port every app listens on.
pub const HTTP_PORT: i32 = 80;
/// Name of that container port; the Service targets it by name.
pub const HTTP_PORT_NAME: &str = "http-app";

/// Environment variables that the operator sets and the shim reads.
pub mod env {
    /// Prefix of an application variable; the rest is the upper-cased name.
    pub const VARIABLE_PREFIX: &str = "SPIN_VARIABLE_";
    /// Address to listen on, `0.0.0.0:80`.
    pub const LISTEN_ADDR: &str = "SPIN_HTTP_LISTEN_ADDR";
    /// Bytes of memory that one instance may use.
    pub const MAX_INSTANCE_MEMORY: &str = "SPIN_MAX_INSTANCE_MEMORY";
    /// Comma-separated components to keep; the others are dropped.
    pub const COMPONENTS_TO_RETAIN: &str = "SPIN_COMPONENTS_TO_RETAIN";
    /// `OTLP` endpoint for all signals.
    pub const OTLP_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    /// `OTLP` endpoint for traces.
    pub const OTLP_TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    /// `OTLP` endpoint for metrics.
    pub const OTLP_METRICS_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";
    /// `OTLP` endpoint for logs.
    pub const OTLP_LOGS_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT";
}

/// Volume with the runtime config.
pub const RUNTIME_CONFIG_VOLUME: &str = "spin-runtime-config";
/// Key in its Secret, and file name in the volume.
pub const RUNTIME_CONFIG_KEY: &str = "runtime-config.toml";
/// Where the shim and `spin up` read it.
pub const RUNTIME_CONFIG_PATH: &str = "/runtime-config.toml";

/// Volume with the CA certificates.
pub const CA_VOLUME: &str = "spin-ca";
/// Secret with the default CA certificates where the executor names none.
pub const CA_SECRET: &str = "spin-ca";
/// Key in that Secret, and file name in the volume.
pub const CA_KEY: &str = "ca-certificates.crt";
/// Where the certificates are mounted.
pub const CA_PATH: &str = "/etc/ssl/certs/ca-certificates.crt";
/// Annotation (upstream uses this label's name as an annotation) on the CA Secret.
pub const MANAGED_BY_ANNOTATION: &str = "app.kubernetes.io/managed-by";
/// Its value.
pub const MANAGED_BY: &str = "spin-operator.spinkube.dev";

/// Whether the API server could have an object of this name: an RFC 1123 subdomain. What users write into a reference
/// is only a string; as part of a URL it must not lead anywhere else.
pub fn is_object_name(name: &str) -> bool {
    let label = |label: &str| {
        let alphanumeric = |at: Option<u8>| at.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        alphanumeric(label.bytes().next())
            && alphanumeric(label.bytes().last())
            && label.bytes().all(|b| b == b'-' || alphanumeric(Some(b)))
    };
    name.len() <= 253 && name.split('.').all(label)
}

/// Key of the label by which the app's Service selects ready pods.
pub fn status_label_key(app: &str) -> String {
    format!("{GROUP}/app.{app}.status")
}

/// Labels of the Deployment, the Service and the runtime-config Secret.
pub fn app_labels(app: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(APP_NAME_LABEL.to_owned(), app.to_owned())])
}

/// Labels that select the app's pods: the Deployment's immutable selector.
pub fn selector_labels(app: &str) -> BTreeMap<String, String> {
    let mut labels = app_labels(app);
    labels.extend(service_selector(app));
    labels
}

/// Labels by which the Service selects pods.
pub fn service_selector(app: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(status_label_key(app), STATUS_READY.to_owned())])
}

#[cfg(test)]
mod tests {
    use super::is_object_name;

    #[test]
    fn object_names() {
        for name in ["a", "my-secret", "a.b-c.9", "0"] {
            assert!(is_object_name(name), "{name}");
        }
        let long = "a".repeat(254);
        for name in ["", ".", "..", "a/b", "../x", "a?b", "a%2fb", "A", "-a", "a-", "a..b", "a b", "\u{e4}", &long] {
            assert!(!is_object_name(name), "{name}");
        }
    }
}
