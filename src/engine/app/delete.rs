//! Removes an app and all that was made for it.

use std::{collections::BTreeSet, time::Duration};

use futures::StreamExt;
use k8s_openapi::api::{
    apps::v1::{Deployment, ReplicaSet},
    core::v1::{Pod, Secret, Service},
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, ListParams, Preconditions},
    core::NamespaceResourceScope,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event as Change, watcher},
    },
};
use serde::de::DeserializeOwned;
use spinkube_api::{SpinApp, contract::APP_NAME_LABEL};
use tokio::time::timeout;

use super::{
    AppError,
    desired::{MANAGED_BY, MANAGER},
    list::{list, no_operator, no_such_app},
};
use crate::engine::{
    Engine,
    cluster::{Cluster, forward},
    event::Event,
};

/// How long the pods of a deleted app may take to go: twice Kubernetes' grace period.
const LIMIT: Duration = Duration::from_mins(1);

/// Deletes one app, waits until its pods are gone, and says so with [`Event::Deleted`].
pub async fn delete(engine: &Engine, cluster: &Cluster, namespace: &str, name: &str) -> Result<(), AppError> {
    let apps: Api<SpinApp> = Api::namespaced(cluster.client.clone(), namespace);
    let found = apps.get_opt(name).await.map_err(no_operator(format!("look for {name}")))?;
    // What an interrupted delete left behind goes also when the app itself is gone.
    let url = forward::remove(&engine.docker, &cluster.name, namespace, name).await?;
    let secrets: Api<Secret> = Api::namespaced(cluster.client.clone(), namespace);
    let Some(uid) = found.and_then(|app| app.uid()) else {
        let left = remove_secrets(&secrets, name).await?;
        if url || left {
            engine.events.emit(Event::Deleted { app: name.into(), namespace: namespace.into() });
            return Ok(());
        }
        return Err(no_such_app(name, namespace, &list(engine, cluster, None).await?));
    };
    let this_one = Preconditions { uid: Some(uid), resource_version: None };
    match apps.delete(name, &DeleteParams::background().preconditions(this_one)).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 404 => {}
        Err(error) => return Err(AppError::api(format!("delete {name}"))(error)),
    }
    remove_secrets(&secrets, name).await?;
    // The garbage collector works downward: what is asked for first goes first.
    let client = &cluster.client;
    let gone = async {
        tokio::try_join!(
            none_left::<Deployment>(client, namespace, name),
            none_left::<ReplicaSet>(client, namespace, name),
            none_left::<Service>(client, namespace, name),
        )?;
        none_left::<Pod>(client, namespace, name).await
    };
    match timeout(LIMIT, gone).await {
        Ok(result) => result?,
        Err(_) => return Err(still_there(client, namespace, name).await),
    }
    engine.events.emit(Event::Deleted { app: name.into(), namespace: namespace.into() });
    Ok(())
}

/// Waits until nothing of one kind is left of the app.
async fn none_left<K>(client: &Client, namespace: &str, app: &str) -> Result<(), AppError>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned
        + Send
        + 'static,
{
    let config = watcher::Config::default().labels(&format!("{APP_NAME_LABEL}={app}"));
    let mut changes = watcher(Api::<K>::namespaced(client.clone(), namespace), config).default_backoff().boxed();
    let mut left = BTreeSet::new();
    let mut listed = false;
    while let Some(change) = changes.next().await {
        match change {
            Ok(Change::Init) => (listed, left) = (false, BTreeSet::new()),
            Ok(Change::InitApply(object) | Change::Apply(object)) => {
                left.insert(object.uid());
            }
            Ok(Change::InitDone) => listed = true,
            Ok(Change::Delete(object)) => {
                left.remove(&object.uid());
            }
            Err(error) => tracing::debug!(%error, "the watch was interrupted"),
        }
        if listed && left.is_empty() {
            return Ok(());
        }
    }
    Err(AppError::Interrupted)
}

/// Removes the Secrets that a deploy made; `false` when there was none.
async fn remove_secrets(secrets: &Api<Secret>, app: &str) -> Result<bool, AppError> {
    let ours = ListParams::default().labels(&format!("{APP_NAME_LABEL}={app},{MANAGED_BY}={MANAGER}"));
    let listed = secrets.list(&ours).await.map_err(AppError::api(format!("list the Secrets of {app}")))?;
    let any = !listed.items.is_empty();
    for secret in listed {
        match secrets.delete(&secret.name_any(), &DeleteParams::default()).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => return Err(AppError::api(format!("delete the Secret {}", secret.name_any()))(error)),
        }
    }
    Ok(any)
}

async fn still_there(client: &Client, namespace: &str, app: &str) -> AppError {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let left = pods.list(&ListParams::default().labels(&format!("{APP_NAME_LABEL}={app}"))).await;
    let names: Vec<_> = left.map(|pods| pods.iter().map(ResourceExt::name_any).collect()).unwrap_or_default();
    let waiting_for = match names.as_slice() {
        [] => "its Deployment or Service is left".to_owned(),
        names => format!("left are {}", names.join(", ")),
    };
    AppError::StillThere { app: app.into(), namespace: namespace.into(), seconds: LIMIT.as_secs(), waiting_for }
}
