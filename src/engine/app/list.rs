//! The apps of a cluster, whoever deployed them.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::Deployment;
use kube::{Api, Client, Resource, ResourceExt, api::ListParams, core::NamespaceResourceScope};
use spinkube_api::{SpinApp, contract::APP_NAME_LABEL};

use super::AppError;
use crate::engine::{
    Engine,
    cluster::{Cluster, forward},
    event::AppSummary,
};

/// The apps of one namespace or of all, by namespace and name.
pub async fn list(engine: &Engine, cluster: &Cluster, namespace: Option<&str>) -> Result<Vec<AppSummary>, AppError> {
    let everything = ListParams::default();
    let of_apps = ListParams::default().labels(APP_NAME_LABEL);
    let apps: Api<SpinApp> = scoped(&cluster.client, namespace);
    let deployments: Api<Deployment> = scoped(&cluster.client, namespace);
    let (apps, deployments, forwarders) = tokio::try_join!(
        async { apps.list(&everything).await.map_err(no_operator("list the apps")) },
        async { deployments.list(&of_apps).await.map_err(AppError::api("list the Deployments of apps")) },
        async { Ok(forward::list(&engine.docker, &cluster.name).await?) },
    )?;
    let replicas: BTreeMap<_, _> = deployments
        .into_iter()
        .map(|it| ((it.namespace(), it.name_any()), it.spec.and_then(|spec| spec.replicas).unwrap_or(1)))
        .collect();
    let urls: BTreeMap<_, _> = forwarders
        .into_iter()
        .filter(|it| it.running)
        .map(|it| ((it.namespace.clone(), it.app.clone()), it.url()))
        .collect();
    let mut summaries: Vec<_> = apps
        .into_iter()
        .map(|app| {
            let (namespace, name) = (app.namespace(), app.name_any());
            // An autoscaler writes its wish into the Deployment.
            let desired = replicas.get(&(namespace.clone(), name.clone())).copied().or(app.spec.replicas);
            let namespace = namespace.unwrap_or_default();
            AppSummary {
                url: urls.get(&(namespace.clone(), name.clone())).cloned(),
                name,
                namespace,
                image: app.spec.image,
                ready: app.status.map_or(0, |status| status.ready_replicas),
                desired: desired.unwrap_or(0),
            }
        })
        .collect();
    summaries.sort_by(|one, other| (&one.namespace, &one.name).cmp(&(&other.namespace, &other.name)));
    Ok(summaries)
}

/// An API for one namespace or all.
pub(super) fn scoped<K>(client: &Client, namespace: Option<&str>) -> Api<K>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
{
    match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

/// A refused request about `SpinApps`; 404 on the kind itself means that the cluster doesn't know it.
pub(super) fn no_operator(action: impl Into<String>) -> impl FnOnce(kube::Error) -> AppError {
    let action = action.into();
    move |error| match &error {
        kube::Error::Api(status)
            if status.code == 404 && status.details.as_ref().is_none_or(|it| it.name.is_empty()) =>
        {
            AppError::NoOperator
        }
        _ => AppError::api(action)(error),
    }
}

/// The error for a name that no app has.
pub(super) fn no_such_app(name: &str, namespace: &str, apps: &[AppSummary]) -> AppError {
    let names: Vec<_> = apps
        .iter()
        .map(
            |it| if it.namespace == namespace { it.name.clone() } else { format!("{} (in {})", it.name, it.namespace) },
        )
        .collect();
    let known = if names.is_empty() {
        "there are no apps: `spinkube-dev deploy` makes one".to_owned()
    } else {
        format!("there {} {}", if names.len() == 1 { "is" } else { "are" }, names.join(", "))
    };
    AppError::NoSuchApp { name: name.into(), namespace: namespace.into(), known }
}
