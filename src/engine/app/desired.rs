//! The objects that a deploy applies, as pure functions of what was asked for.
//!
//! The operator copies `deploymentAnnotations` onto the Deployment and `podAnnotations` into its pod template. So
//! [`SPEC`] on the Deployment tells when the operator has taken up a spec, and [`CONFIG`] in the template makes new
//! pods when only the content of a Secret changed.

use std::collections::BTreeMap;

use k8s_openapi::{
    ByteString,
    api::core::v1::{EnvVarSource, Secret, SecretKeySelector, Service, ServicePort, ServiceSpec},
    apimachinery::pkg::{apis::meta::v1::OwnerReference, util::intstr::IntOrString},
};
use kube::{Resource, api::ObjectMeta};
use sha2::{Digest, Sha256};
use spinkube_api::{
    SpinApp, SpinAppSpec, SpinVar,
    contract::{self, DEFAULT_EXECUTOR, HTTP_PORT, HTTP_PORT_NAME},
    runtime_config::RuntimeConfig,
};

use super::variables::Resolved;

/// Field manager of every apply.
pub(crate) const MANAGER: &str = "spinkube-dev";
/// Label on what is applied here.
pub(crate) const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Annotation of the Deployment: the hash of the `SpinApp`'s spec that it was made from.
pub(crate) const SPEC: &str = "dev.spinkube/spec";
/// Annotation of pods: the revisions of the Secrets that they read. Annotation of such a Secret: its revision.
pub(crate) const CONFIG: &str = "dev.spinkube/config";

/// What the `SpinApp` shall say.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) name: &'a str,
    pub(crate) namespace: &'a str,
    /// By digest.
    pub(crate) image: &'a str,
    /// `None` where an autoscaler decides.
    pub(crate) replicas: Option<i32>,
    pub(crate) variables: &'a Resolved,
    /// Whether there is a Secret with a runtime config.
    pub(crate) runtime_config: bool,
    /// The revisions of the app's Secrets; empty when it has none.
    pub(crate) config: &'a str,
}

/// Name of the Secret with the values of secret variables.
pub(crate) fn variables_secret(app: &str) -> String {
    format!("{app}-variables")
}

/// Name of the Secret with the runtime config, as `spin kube scaffold` calls it.
pub(crate) fn runtime_config_secret(app: &str) -> String {
    format!("{app}-runtime-config")
}

/// Name of the Service through which the app is reached from this machine.
pub(crate) fn local_service_name(app: &str) -> String {
    format!("{app}-local")
}

/// The `SpinApp`, and the hash by which its Deployment is known.
pub(crate) fn spin_app(wanted: &Wanted<'_>) -> (SpinApp, String) {
    let app = wanted.name;
    let inline = wanted.variables.inline.iter().map(|(name, value)| SpinVar {
        name: name.clone(),
        value: value.clone(),
        value_from: None,
    });
    let secret = wanted.variables.secret.iter().map(|(name, _)| SpinVar {
        name: name.into(),
        value: String::new(),
        value_from: Some(EnvVarSource {
            secret_key_ref: Some(SecretKeySelector { name: variables_secret(app), key: name.into(), optional: None }),
            ..EnvVarSource::default()
        }),
    });
    let mut variables: Vec<SpinVar> = inline.chain(secret).collect();
    variables.sort_by(|one, other| one.name.cmp(&other.name));
    let mut spec = SpinAppSpec {
        image: wanted.image.into(),
        executor: DEFAULT_EXECUTOR.into(),
        replicas: wanted.replicas,
        enable_autoscaling: wanted.replicas.is_none(),
        variables,
        runtime_config: wanted
            .runtime_config
            .then(|| RuntimeConfig { load_from_secret: runtime_config_secret(app), ..RuntimeConfig::default() }),
        ..SpinAppSpec::default()
    };
    if !wanted.config.is_empty() {
        spec.pod_annotations.insert(CONFIG.into(), wanted.config.into());
    }
    let hash = hash(&spec);
    spec.deployment_annotations.insert(SPEC.into(), hash.clone());
    let mut object = SpinApp::new(app, spec);
    object.metadata.namespace = Some(wanted.namespace.into());
    object.metadata.labels = Some(managed());
    (object, hash)
}

/// A Secret of an app. Its owner is not known before the app was applied for the first time.
pub(crate) fn secret(
    name: &str,
    app: &str,
    data: &BTreeMap<String, String>,
    revision: &str,
    owner: Option<OwnerReference>,
) -> Secret {
    let mut labels = contract::app_labels(app);
    labels.extend(managed());
    Secret {
        metadata: ObjectMeta {
            name: Some(name.into()),
            labels: Some(labels),
            annotations: Some(BTreeMap::from([(CONFIG.to_owned(), revision.to_owned())])),
            owner_references: owner.map(|owner| vec![owner]),
            ..ObjectMeta::default()
        },
        data: Some(data.iter().map(|(key, value)| (key.clone(), ByteString(value.clone().into_bytes()))).collect()),
        ..Secret::default()
    }
}

/// The Service of type `NodePort` beside the operator's own, selecting the same pods.
pub(crate) fn local_service(app: &str, owner: OwnerReference) -> Service {
    let mut labels = contract::app_labels(app);
    labels.extend(managed());
    Service {
        metadata: ObjectMeta {
            name: Some(local_service_name(app)),
            labels: Some(labels),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        spec: Some(ServiceSpec {
            type_: Some("NodePort".into()),
            selector: Some(contract::service_selector(app)),
            ports: Some(vec![ServicePort {
                port: HTTP_PORT,
                protocol: Some("TCP".into()),
                target_port: Some(IntOrString::String(HTTP_PORT_NAME.into())),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}

/// What makes things go with the app. No controller reference: the operator is the app's only controller.
pub(crate) fn owner(app: &SpinApp) -> Option<OwnerReference> {
    app.owner_ref(&())
}

fn managed() -> BTreeMap<String, String> {
    BTreeMap::from([(MANAGED_BY.to_owned(), MANAGER.to_owned())])
}

fn hash(spec: &SpinAppSpec) -> String {
    let text = serde_json::to_vec(spec).unwrap_or_default();
    hex::encode(&Sha256::digest(text)[..8])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;

    fn json(object: &impl serde::Serialize) -> Value {
        serde_json::to_value(object).unwrap()
    }

    fn variables() -> Resolved {
        Resolved {
            inline: BTreeMap::from([("user".to_owned(), "me: too".to_owned())]),
            secret: [("token".to_owned(), "t0p".to_owned())].into_iter().collect(),
        }
    }

    fn wanted<'a>(variables: &'a Resolved, config: &'a str) -> Wanted<'a> {
        Wanted {
            name: "hello",
            namespace: "default",
            image: "localhost:5001/hello@sha256:0f",
            replicas: Some(2),
            variables,
            runtime_config: !config.is_empty(),
            config,
        }
    }

    fn owner() -> OwnerReference {
        let (mut app, _) = spin_app(&wanted(&Resolved::default(), ""));
        app.metadata.uid = Some("u-1".into());
        super::owner(&app).unwrap()
    }

    #[test]
    fn a_plain_app_says_no_more_than_it_must() {
        let (app, hash) = spin_app(&wanted(&Resolved::default(), ""));
        assert_eq!(app.spec.deployment_annotations[SPEC], hash);
        assert_eq!(
            json(&app),
            json!({
                "apiVersion": "core.spinkube.dev/v1alpha1",
                "kind": "SpinApp",
                "metadata": { "name": "hello", "namespace": "default", "labels": { MANAGED_BY: MANAGER } },
                "spec": {
                    "image": "localhost:5001/hello@sha256:0f",
                    "executor": "containerd-shim-spin",
                    "replicas": 2,
                    "enableAutoscaling": false,
                    "deploymentAnnotations": { SPEC: hash },
                },
            })
        );
    }

    #[test]
    fn variables_secrets_and_config_are_referred_to() {
        let spec = json(&spin_app(&wanted(&variables(), "7-9")).0.spec);
        let from_secret = json!({ "secretKeyRef": { "name": "hello-variables", "key": "token" } });
        assert_eq!(
            spec["variables"],
            json!([{ "name": "token", "valueFrom": from_secret }, { "name": "user", "value": "me: too" }])
        );
        assert_eq!(spec["runtimeConfig"]["loadFromSecret"], "hello-runtime-config");
        assert_eq!(spec["podAnnotations"], json!({ CONFIG: "7-9" }));
    }

    #[test]
    fn the_hash_follows_the_spec() {
        let none = Resolved::default();
        let hash = |wanted: &Wanted<'_>| spin_app(wanted).1;
        let plain = hash(&wanted(&none, ""));
        assert_eq!(plain, hash(&wanted(&none, "")));
        assert_ne!(plain, hash(&wanted(&variables(), "")));
        assert_ne!(plain, hash(&Wanted { replicas: Some(3), ..wanted(&none, "") }));
    }

    #[test]
    fn a_secret_holds_the_values_and_goes_with_the_app() {
        let data = BTreeMap::from([("token".to_owned(), "t0p".to_owned())]);
        let secret = json(&secret("hello-variables", "hello", &data, "7", Some(owner())));
        assert_eq!(secret["data"], json!({ "token": "dDBw" }));
        assert_eq!(secret["metadata"]["annotations"], json!({ CONFIG: "7" }));
        let labels = json!({ MANAGED_BY: MANAGER, "core.spinkube.dev/app-name": "hello" });
        assert_eq!(secret["metadata"]["labels"], labels);
        assert_eq!(secret["metadata"]["ownerReferences"][0]["uid"], "u-1");
    }

    #[test]
    fn the_local_service_selects_what_the_operators_does() {
        let service = json(&local_service("hello", owner()));
        assert_eq!(service["metadata"]["name"], "hello-local");
        assert_eq!(
            service["spec"],
            json!({
                "type": "NodePort",
                "selector": { "core.spinkube.dev/app.hello.status": "ready" },
                "ports": [{ "port": 80, "protocol": "TCP", "targetPort": "http-app" }],
            })
        );
    }
}
