//! The Deployment that runs an app.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::api::core::v1::{PodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::ResourceExt;
use kube::api::ObjectMeta;
use spinkube_api::SpinApp;
use spinkube_api::contract::selector_labels;
use spinkube_api::executor::DeploymentConfig;

use super::DesiredError;
use super::container::container;
pub(crate) use super::volumes::MountedSecrets;
use super::volumes::volumes;

pub(crate) fn deployment(
    app: &SpinApp,
    config: &DeploymentConfig,
    secrets: MountedSecrets<'_>,
) -> Result<Deployment, DesiredError> {
    let name = app.name_any();
    let selector = selector_labels(&name);
    let mut labels = app.spec.pod_labels.clone();
    labels.extend(selector.clone());
    Ok(Deployment {
        metadata: ObjectMeta {
            annotations: nonempty(&app.spec.deployment_annotations),
            ..super::child_metadata(app, name, super::controller_of(app))
        },
        spec: Some(DeploymentSpec {
            // Unset, the field stays with the autoscaler.
            replicas: (!app.spec.enable_autoscaling).then(|| app.spec.replicas.unwrap_or_default()),
            selector: LabelSelector { match_labels: Some(selector), ..LabelSelector::default() },
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(labels),
                    annotations: nonempty(&app.spec.pod_annotations),
                    ..ObjectMeta::default()
                }),
                spec: Some(pod(app, config, secrets)?),
            },
            ..DeploymentSpec::default()
        }),
        status: None,
    })
}

fn pod(app: &SpinApp, config: &DeploymentConfig, secrets: MountedSecrets<'_>) -> Result<PodSpec, DesiredError> {
    let (volumes, mounts) = volumes(app, secrets);
    let own_account = !app.spec.service_account_name.is_empty();
    let account = if own_account { &app.spec.service_account_name } else { "default" };
    Ok(PodSpec {
        runtime_class_name: config.runtime_class_name.clone(),
        service_account_name: Some(account.to_owned()),
        automount_service_account_token: (config.minimal_pods && !own_account).then_some(false),
        image_pull_secrets: Some(app.spec.image_pull_secrets.clone()).filter(|secrets| !secrets.is_empty()),
        containers: vec![container(app, config, mounts)?],
        volumes: Some(volumes).filter(|volumes| !volumes.is_empty()),
        ..PodSpec::default()
    })
}

fn nonempty(map: &BTreeMap<String, String>) -> Option<BTreeMap<String, String>> {
    Some(map.clone()).filter(|map| !map.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixtures::{app, config, shim_config};
    use super::*;
    use serde_json::{Value, json};

    fn built(spec: &Value, config: &DeploymentConfig, secrets: MountedSecrets<'_>) -> Value {
        serde_json::to_value(deployment(&app(spec), config, secrets).unwrap()).unwrap()
    }

    #[test]
    fn simple_app_is_upstreams() {
        let secrets = MountedSecrets { runtime_config: Some("simple-spinapp-760b133c"), ca: Some("spin-ca") };
        insta::assert_json_snapshot!(built(&json!({}), &shim_config(), secrets));
    }

    #[test]
    fn minimal_pod_has_no_volume_and_no_token() {
        let minimal = config(&json!({"runtimeClassName": "wasmtime-spin-v2", "minimalPods": true}));
        let deployment = built(&json!({}), &minimal, MountedSecrets::default());
        let pod = &deployment["spec"]["template"]["spec"];
        assert_eq!(pod["automountServiceAccountToken"], json!(false));
        assert_eq!(pod["volumes"], Value::Null);
        assert_eq!(pod["containers"][0]["volumeMounts"], Value::Null);
    }

    #[test]
    fn minimal_pod_of_an_app_with_a_service_account_keeps_its_token() {
        let minimal = config(&json!({"runtimeClassName": "wasmtime-spin-v2", "minimalPods": true}));
        let deployment = built(&json!({"serviceAccountName": "mine"}), &minimal, MountedSecrets::default());
        let pod = &deployment["spec"]["template"]["spec"];
        assert_eq!(pod["serviceAccountName"], json!("mine"));
        assert_eq!(pod["automountServiceAccountToken"], Value::Null);
    }

    #[test]
    fn replicas_belong_to_the_autoscaler() {
        for (spec, replicas) in [
            (json!({"replicas": 3}), json!(3)),
            (json!({"replicas": null}), json!(0)),
            (json!({"replicas": null, "enableAutoscaling": true}), Value::Null),
        ] {
            let deployment = built(&spec, &shim_config(), MountedSecrets::default());
            assert_eq!(deployment["spec"]["replicas"], replicas, "{spec}");
        }
    }

    #[test]
    fn labels_and_annotations_land_where_they_belong() {
        let deployment = built(
            &json!({
                "deploymentAnnotations": {"on": "deployment"},
                "podAnnotations": {"on": "pod"},
                "podLabels": {"mine": "kept", "core.spinkube.dev/app-name": "overridden"},
                "imagePullSecrets": [{"name": "registry"}],
            }),
            &shim_config(),
            MountedSecrets::default(),
        );
        assert_eq!(deployment["metadata"]["annotations"], json!({"on": "deployment"}));
        assert_eq!(deployment["metadata"]["labels"], json!({"core.spinkube.dev/app-name": "simple-spinapp"}));
        let template = &deployment["spec"]["template"];
        assert_eq!(template["metadata"]["annotations"], json!({"on": "pod"}));
        assert_eq!(
            template["metadata"]["labels"],
            json!({
                "mine": "kept",
                "core.spinkube.dev/app-name": "simple-spinapp",
                "core.spinkube.dev/app.simple-spinapp.status": "ready",
            })
        );
        assert_eq!(template["spec"]["imagePullSecrets"], json!([{"name": "registry"}]));
    }
}
