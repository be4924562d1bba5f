//! Writes an app's children by server-side apply, and removes what is no longer wanted.

use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Secret, Service};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::PartialObjectMeta;
use kube::{Api, Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use spinkube_api::SpinApp;
use spinkube_api::contract::{FIELD_MANAGER, RUNTIME_CONFIG_VOLUME, is_object_name};
use spinkube_api::executor::DeploymentConfig;

use super::error::Error;
use super::references;
use crate::desired::ca;
use crate::desired::deployment::{MountedSecrets, deployment};
use crate::desired::{runtime_config, service};

/// Brings the Secrets and then the Deployment to their desired state; the Deployment as it is afterwards.
pub(super) async fn apply_deployment(
    client: &Client,
    app: &SpinApp,
    config: &DeploymentConfig,
) -> Result<Deployment, Error> {
    let namespace = app.namespace().unwrap_or_default();
    let generated = match runtime_config::to_generate(app, config) {
        Some(runtime_config) => {
            let references = references::fetch(client, &namespace, &runtime_config).await?;
            Some(runtime_config::secret(app, &runtime_config, &references)?)
        }
        None => None,
    };
    let own = app.spec.runtime_config.as_ref().map(|config| config.load_from_secret.as_str());
    let generated_name = generated.as_ref().map(ResourceExt::name_any);
    let ca_secret = ca::secret_name(config);
    let secrets = MountedSecrets {
        runtime_config: generated_name.as_deref().or(own.filter(|name| !name.is_empty())),
        ca: ca_secret,
    };
    // Built before anything is written, so that an impossible app leaves nothing behind.
    let desired = deployment(app, config, secrets)?;
    if let Some(secret) = &generated {
        apply(client, &namespace, secret).await?;
    }
    if let Some(name) = ca_secret.filter(|_| config.install_default_ca_certs) {
        ensure_ca_secret(client, &namespace, name).await?;
    }
    apply(client, &namespace, &desired).await
}

/// Brings the Service to its desired state.
pub(super) async fn apply_service(client: &Client, app: &SpinApp) -> Result<Service, Error> {
    apply(client, &app.namespace().unwrap_or_default(), &service::service(app)).await
}

/// Deletes the app's Deployment, if there is one and it is the app's.
pub(super) async fn delete_deployment(client: &Client, app: &SpinApp) -> Result<(), Error> {
    let api = Api::<PartialObjectMeta<Deployment>>::namespaced(client.clone(), &app.namespace().unwrap_or_default());
    let name = app.name_any();
    let Some(found) = api.get_opt(&name).await? else { return Ok(()) };
    if !found.owner_references().iter().any(|owner| Some(&owner.uid) == app.metadata.uid.as_ref()) {
        return Ok(());
    }
    delete(&api, &found).await
}

/// Deletes exactly the object that was seen; gone already is fine.
pub(super) async fn delete<K>(api: &Api<PartialObjectMeta<K>>, seen: &PartialObjectMeta<K>) -> Result<(), Error>
where
    K: Resource + Clone + Debug + DeserializeOwned,
    PartialObjectMeta<K>: Clone + Debug + DeserializeOwned,
{
    let preconditions = Preconditions { uid: seen.metadata.uid.clone(), resource_version: None };
    let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::background() };
    match api.delete(seen.metadata.name.as_deref().unwrap_or_default(), &params).await {
        Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => Ok(()),
        result => result.map(drop).map_err(Error::from),
    }
}

/// Name of the runtime-config Secret that pods of this template mount.
pub(super) fn mounted_config_secret(template: &k8s_openapi::api::core::v1::PodTemplateSpec) -> Option<&str> {
    let volumes = template.spec.as_ref()?.volumes.as_ref()?;
    let volume = volumes.iter().find(|volume| volume.name == RUNTIME_CONFIG_VOLUME)?;
    volume.secret.as_ref()?.secret_name.as_deref()
}

async fn apply<K>(client: &Client, namespace: &str, desired: &K) -> Result<K, Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + Serialize + DeserializeOwned,
{
    let api = Api::<K>::namespaced(client.clone(), namespace);
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let name = desired.name_any();
    match api.patch(&name, &params, &Patch::Apply(desired)).await {
        // Two controllers of one object: the API server refuses to add the second owner.
        Err(kube::Error::Api(status))
            if status.code == 422 && status.message.contains("Only one reference can have") =>
        {
            Err(Error::NotOurs { kind: kind_name::<K>(), name })
        }
        result => Ok(result?),
    }
}

fn kind_name<K: Resource<DynamicType = ()>>() -> &'static str {
    match K::kind(&()).as_ref() {
        "Deployment" => "Deployment",
        "Service" => "Service",
        _ => "object",
    }
}

/// Creates the CA Secret where it doesn't exist; what exists is the user's and stays.
async fn ensure_ca_secret(client: &Client, namespace: &str, name: &str) -> Result<(), Error> {
    let known = Api::<PartialObjectMeta<Secret>>::namespaced(client.clone(), namespace);
    // A name that can't be is refused below, in the API server's words.
    if is_object_name(name) && known.get_opt(name).await?.is_some() {
        return Ok(());
    }
    let secret = ca::default_secret(name, Some(namespace.to_owned()));
    let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    match Api::<Secret>::namespaced(client.clone(), namespace).create(&params, &secret).await {
        // Another app of the namespace was faster.
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
        result => result.map(drop).map_err(Error::from),
    }
}
