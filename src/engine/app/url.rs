//! The URL of an app on this machine: a `NodePort` in the cluster and a forwarder that leads to it.

use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::{api::core::v1::Service, apimachinery::pkg::apis::meta::v1::OwnerReference};
use kube::{
    Api,
    api::{Patch, PatchParams},
};

use super::{
    AppError, answer,
    desired::{MANAGER, local_service, local_service_name},
    list,
};
use crate::engine::{
    Engine,
    cluster::{
        Cluster, ClusterError,
        forward::{self, Forwarder, Wanted},
    },
    event::AppSummary,
};

/// How long an app with ready pods may take to answer.
const LIMIT: Duration = Duration::from_secs(30);
/// The same after its nodes were started.
const START_LIMIT: Duration = Duration::from_mins(2);

/// Makes the app reachable from this machine, or keeps what is there.
pub(crate) async fn ensure(
    engine: &Engine,
    cluster: &Cluster,
    namespace: &str,
    app: &str,
    owner: OwnerReference,
) -> Result<Forwarder, AppError> {
    let services: Api<Service> = Api::namespaced(cluster.client.clone(), namespace);
    let name = local_service_name(app);
    let params = PatchParams::apply(MANAGER).force();
    let applied = services.patch(&name, &params, &Patch::Apply(local_service(app, owner))).await;
    let service = applied.map_err(AppError::api(format!("apply the Service {name}")))?;
    let port = service.spec.and_then(|spec| spec.ports?.first()?.node_port).ok_or_else(|| AppError::Api {
        action: format!("give the Service {name} a port"),
        reason: "it has none".into(),
    })?;
    let node = cluster.entry_node().ok_or_else(|| ClusterError::HalfMade { name: cluster.name.clone() })?;
    let parts = super::parts(engine).await?;
    let wanted = Wanted {
        cluster: &cluster.name,
        network: &cluster.network,
        namespace,
        app,
        target: format!("{}:{port}", node.name),
    };
    Ok(forward::ensure(&engine.docker, &parts, &wanted).await?)
}

/// Waits until an app whose pods are ready answers.
pub(crate) async fn wait_for_answer(forwarder: &Forwarder) -> Result<(), AppError> {
    wait(forwarder, LIMIT).await
}

/// Waits, after the nodes were started, until each app with a URL answers. One that does not is warned about.
pub async fn wait_for_all(engine: &Engine, cluster: &Cluster) -> Result<Vec<AppSummary>, AppError> {
    let apps = list::list(engine, cluster, None).await?;
    let forwarders = forward::list(&engine.docker, &cluster.name).await?;
    let has_pods =
        |it: &&Forwarder| apps.iter().any(|app| app.name == it.app && app.namespace == it.namespace && app.desired > 0);
    let waits = forwarders.iter().filter(has_pods).map(|it| wait(it, START_LIMIT));
    for error in join_all(waits).await.into_iter().filter_map(Result::err) {
        let help = miette::Diagnostic::help(&error).map(|help| help.to_string());
        engine.events.warn(error.to_string(), help.unwrap_or_default());
    }
    list::list(engine, cluster, None).await
}

async fn wait(forwarder: &Forwarder, limit: Duration) -> Result<(), AppError> {
    answer::wait_for(forwarder.port, limit).await.map_err(|last| AppError::NoAnswer {
        app: forwarder.app.clone(),
        url: forwarder.url(),
        container: forwarder.container.clone(),
        seconds: limit.as_secs(),
        last,
    })
}
