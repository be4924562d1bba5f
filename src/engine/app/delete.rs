//! Removes an app and all that was made for it.

use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams},
    runtime::{
        WatchStreamExt,
        wait::{await_condition, conditions::is_deleted},
        watcher::{self, Event as Change, watcher},
    },
};
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
const LIMIT: Duration = Duration::from_secs(60);

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
    // Foreground: the app stays until its Deployment is gone, so that an end can be waited for.
    match apps.delete(name, &DeleteParams::foreground()).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 404 => {}
        Err(error) => return Err(AppError::api(format!("delete {name}"))(error)),
    }
    remove_secrets(&secrets, name).await?;
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), namespace);
    let gone = async {
        await_condition(apps.clone(), name, is_deleted(&uid))
            .await
            .map_err(|error| AppError::Api { action: format!("watch {name}"), reason: error.to_string() })?;
        no_pods(pods.clone(), name).await
    };
    match timeout(LIMIT, gone).await {
        Ok(result) => result?,
        Err(_) => return Err(still_there(&pods, namespace, name).await),
    }
    engine.events.emit(Event::Deleted { app: name.into(), namespace: namespace.into() });
    Ok(())
}

/// Waits until no pod of the app is left.
async fn no_pods(pods: Api<Pod>, app: &str) -> Result<(), AppError> {
    let config = watcher::Config::default().labels(&format!("{APP_NAME_LABEL}={app}"));
    let mut changes = watcher(pods, config).default_backoff().boxed();
    let mut left = std::collections::BTreeSet::new();
    while let Some(change) = changes.next().await {
        match change {
            Ok(Change::Init) => left.clear(),
            Ok(Change::InitApply(pod) | Change::Apply(pod)) => {
                left.insert(pod.uid());
                continue;
            }
            Ok(Change::InitDone) if left.is_empty() => return Ok(()),
            Ok(Change::Delete(pod)) => {
                left.remove(&pod.uid());
                if left.is_empty() {
                    return Ok(());
                }
            }
            Ok(Change::InitDone) => {}
            Err(error) => tracing::debug!(%error, "the watch was interrupted"),
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

async fn still_there(pods: &Api<Pod>, namespace: &str, app: &str) -> AppError {
    let left = pods.list(&ListParams::default().labels(&format!("{APP_NAME_LABEL}={app}"))).await;
    let names: Vec<_> = left.map(|pods| pods.iter().map(ResourceExt::name_any).collect()).unwrap_or_default();
    let waiting_for =
        if names.is_empty() { "its Deployment is left".to_owned() } else { format!("left are {}", names.join(", ")) };
    AppError::StillThere { app: app.into(), namespace: namespace.into(), seconds: LIMIT.as_secs(), waiting_for }
}
