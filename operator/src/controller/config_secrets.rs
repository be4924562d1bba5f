//! Collects generated runtime-config Secrets that no pod mounts any more. Each change of the config makes a new one.

use std::collections::BTreeSet;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;
use kube::core::PartialObjectMeta;
use kube::{Api, Client, ResourceExt};
use spinkube_api::SpinApp;
use spinkube_api::contract::APP_NAME_LABEL;
use spinkube_api::runtime_config::is_secret_name;

use super::children::{delete, mounted_config_secret};
use super::error::Error;

/// Deletes the app's generated Secrets but for those that `deployment`'s template or pods of an older template mount.
/// Does nothing while a rollout is under way.
pub(super) async fn collect(client: &Client, app: &SpinApp, deployment: Option<&Deployment>) -> Result<(), Error> {
    if deployment.is_some_and(|deployment| !settled(deployment)) {
        return Ok(());
    }
    let namespace = app.namespace().unwrap_or_default();
    let of_app = ListParams::default().labels(&format!("{APP_NAME_LABEL}={}", app.name_any()));
    let secrets = Api::<PartialObjectMeta<Secret>>::namespaced(client.clone(), &namespace);
    let current = deployment.and_then(|deployment| mounted_config_secret(&deployment.spec.as_ref()?.template));
    let old: Vec<_> = secrets.list(&of_app).await?.into_iter().filter(|secret| is_old(app, current, secret)).collect();
    if old.is_empty() {
        return Ok(());
    }
    let replica_sets = Api::<ReplicaSet>::namespaced(client.clone(), &namespace).list(&of_app).await?;
    let mounted: BTreeSet<&str> = replica_sets.iter().filter_map(mounted_by_pods).collect();
    for secret in old {
        if !mounted.contains(secret.name_any().as_str()) {
            tracing::info!(namespace, secret = secret.name_any(), "delete a runtime config that no pod uses");
            delete(&secrets, &secret).await?;
        }
    }
    Ok(())
}

/// Whether every pod is of the current template and the controller has seen that template.
fn settled(deployment: &Deployment) -> bool {
    let status = deployment.status.clone().unwrap_or_default();
    let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    status.observed_generation >= deployment.metadata.generation
        && status.updated_replicas.unwrap_or_default() == wanted
        && status.replicas.unwrap_or_default() == wanted
}

fn is_old(app: &SpinApp, current: Option<&str>, secret: &PartialObjectMeta<Secret>) -> bool {
    let name = secret.name_any();
    let ours = secret.owner_references().iter().any(|owner| Some(&owner.uid) == app.metadata.uid.as_ref());
    ours && is_secret_name(&app.name_any(), &name) && current != Some(name.as_str())
}

fn mounted_by_pods(replica_set: &ReplicaSet) -> Option<&str> {
    let spec = replica_set.spec.as_ref()?;
    let pods = replica_set.status.as_ref().map_or(0, |status| status.replicas);
    let live = pods > 0 || spec.replicas.unwrap_or(1) > 0;
    mounted_config_secret(spec.template.as_ref()?).filter(|_| live)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::desired::fixtures::app;
    use serde_json::json;

    #[test]
    fn only_our_own_generated_secrets_are_old() {
        let app = app(&json!({}));
        for (name, owner, old) in [
            ("simple-spinapp-1a2b", "app-uid", true),
            ("simple-spinapp-760b133c", "app-uid", false),
            ("simple-spinapp-1a2b", "other-uid", false),
            ("simple-spinapp-token", "app-uid", false),
            ("simple-spinapp-other-1a2b", "app-uid", false),
            ("simple-spinapp-123456789", "app-uid", false),
        ] {
            let secret = serde_json::from_value(json!({"metadata": {
                "name": name,
                "ownerReferences": [{"apiVersion": "v1", "kind": "SpinApp", "name": "a", "uid": owner}],
            }}))
            .unwrap();
            assert_eq!(is_old(&app, Some("simple-spinapp-760b133c"), &secret), old, "{name} {owner}");
        }
    }

    #[test]
    fn a_rollout_is_settled_when_no_old_pod_is_left() {
        for (status, settled_) in [
            (json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2}), true),
            (json!({"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2}), false),
            (json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 2}), false),
            (json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 1}), false),
            (json!({}), false),
        ] {
            let deployment = serde_json::from_value(json!({
                "metadata": {"generation": 2},
                "spec": {"replicas": 2, "selector": {}, "template": {}},
                "status": status,
            }))
            .unwrap();
            assert_eq!(settled(&deployment), settled_, "{status}");
        }
    }

    #[test]
    fn pods_that_end_still_mount() {
        for (replicas, pods, mounted) in [(1, 1, true), (0, 1, true), (1, 0, true), (0, 0, false)] {
            let replica_set: ReplicaSet = serde_json::from_value(json!({
                "spec": {"replicas": replicas, "selector": {}, "template": {"spec": {"containers": [], "volumes": [
                    {"name": "spin-runtime-config", "secret": {"secretName": "a-1"}},
                ]}}},
                "status": {"replicas": pods},
            }))
            .unwrap();
            assert_eq!(mounted_by_pods(&replica_set), mounted.then_some("a-1"), "{replicas} {pods}");
        }
    }
}
