//! Manifests onto the API server, by server-side apply.

use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DynamicObject, Patch, PatchParams},
    core::GroupVersionKind,
};

use super::PlatformError;
use crate::engine::cluster::error::api_reason;

/// The field manager of all that the tool applies.
const MANAGER: &str = "spinkube-dev";
/// Kinds among our manifests that live in no namespace.
const CLUSTER_SCOPED: [&str; 7] = [
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "MutatingWebhookConfiguration",
    "Namespace",
    "RuntimeClass",
    "ValidatingWebhookConfiguration",
];

/// The objects of a manifest that this program carries.
pub(super) fn objects(name: &'static str, yaml: &str) -> Result<Vec<DynamicObject>, PlatformError> {
    serde_saphyr::from_multiple(yaml).map_err(|error| PlatformError::Manifest { name, reason: error.to_string() })
}

/// Applies objects one after the other, as they may depend on each other.
pub(super) async fn apply(client: &Client, objects: &[DynamicObject]) -> Result<(), PlatformError> {
    let params = PatchParams::apply(MANAGER).force();
    for object in objects {
        apply_one(client, object, &params).await?;
    }
    Ok(())
}

async fn apply_one(client: &Client, object: &DynamicObject, params: &PatchParams) -> Result<(), PlatformError> {
    let types = object.types.clone().unwrap_or_default();
    let (group, version) = types.api_version.split_once('/').unwrap_or(("", &types.api_version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &types.kind));
    let api: Api<DynamicObject> = if CLUSTER_SCOPED.contains(&types.kind.as_str()) {
        Api::all_with(client.clone(), &resource)
    } else {
        Api::namespaced_with(client.clone(), object.namespace().as_deref().unwrap_or("default"), &resource)
    };
    let name = object.name_any();
    let applied = api.patch(&name, params, &Patch::Apply(object)).await;
    applied.map_err(|error| PlatformError::Refused { kind: types.kind, name, reason: api_reason(&error) })?;
    Ok(())
}
