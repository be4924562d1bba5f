//! Waits for a rollout by watching it, and ends early when a new pod says that it can't come up.
//!
//! Actors: four watches (Deployment, `ReplicaSets`, pods, events), read by one future that keeps [`Observed`]
//! current and judges it after each change. Nothing is polled. The watches begin before anything is applied, so
//! that old events and pods can be told from new ones.

mod judge;
mod message;
mod observed;

use std::{collections::BTreeMap, time::Duration};

use futures::{
    StreamExt,
    stream::{self, BoxStream, select_all},
};
use k8s_openapi::api::{
    apps::v1::{Deployment, ReplicaSet},
    core::v1::{Event as Occurrence, Pod},
};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, LogParams},
    runtime::{WatchStreamExt, watcher},
};
use spinkube_api::contract::{APP_NAME_LABEL, DEFAULT_EXECUTOR};
use tokio::time::{Instant, timeout_at};

use self::{
    judge::{Failure, Judgement, Kind, judge, old_pods_run},
    observed::{Change, Observed},
};
use super::AppError;

/// Lines of a failed container's log that its error shows.
const LOG_LINES: i64 = 20;

/// How long old pods are waited for once all new ones are available. They leave in two or three seconds, but for
/// one that has a long request to finish.
const OLD_PODS: Duration = Duration::from_secs(5);

/// The watches over one app.
pub(crate) struct Rollout {
    client: Client,
    namespace: String,
    app: String,
    changes: BoxStream<'static, Result<Change, watcher::Error>>,
    seen: Observed,
    /// Resource versions of the events that were there before, by uid.
    old_events: BTreeMap<String, String>,
    /// The pods that were there before, by uid, and whether each was replaced since.
    old_pods: BTreeMap<String, bool>,
}

impl Rollout {
    /// Begins to watch; returns when what is there is known.
    pub(crate) async fn watch(client: &Client, namespace: &str, app: &str) -> Result<Self, AppError> {
        let of_app = watcher::Config::default().labels(&format!("{APP_NAME_LABEL}={app}"));
        let named = watcher::Config::default().fields(&format!("metadata.name={app}"));
        let warnings = watcher::Config::default().fields("type=Warning");
        let api = || (client.clone(), namespace);
        let deployments = watcher(Api::<Deployment>::namespaced(api().0, api().1), named);
        let sets = watcher(Api::<ReplicaSet>::namespaced(api().0, api().1), of_app.clone());
        let pods = watcher(Api::<Pod>::namespaced(api().0, api().1), of_app);
        let events = watcher(Api::<Occurrence>::namespaced(api().0, api().1), warnings);
        let changes = select_all([
            deployments.default_backoff().map(|it| it.map(Change::Deployment)).boxed(),
            sets.default_backoff().map(|it| it.map(Change::ReplicaSet)).boxed(),
            pods.default_backoff().map(|it| it.map(Change::Pod)).boxed(),
            events.default_backoff().map(|it| it.map(Change::Occurrence)).boxed(),
        ])
        .boxed();
        let mut rollout = Self {
            client: client.clone(),
            namespace: namespace.into(),
            app: app.into(),
            changes,
            seen: Observed::default(),
            old_events: BTreeMap::new(),
            old_pods: BTreeMap::new(),
        };
        while !rollout.seen.is_complete() {
            match rollout.changes.next().await {
                Some(Ok(change)) => rollout.seen.take(change),
                Some(Err(error)) => return Err(AppError::watch(app, error)),
                None => return Err(AppError::Interrupted),
            }
        }
        let events = rollout.seen.occurrences.iter();
        rollout.old_events = events.filter_map(|it| Some((it.uid()?, it.resource_version()?))).collect();
        rollout.old_pods = rollout.seen.pods.iter().filter_map(|pod| Some((pod.uid()?, false))).collect();
        Ok(rollout)
    }

    /// Waits until the spec with the hash `spec` is rolled out. `progress` is told what is waited for.
    pub(crate) async fn finish(
        mut self,
        spec: &str,
        limit: Duration,
        mut progress: impl FnMut(&str),
    ) -> Result<(), AppError> {
        let deadline = Instant::now() + limit;
        let mut waiting_for = String::new();
        loop {
            let judgement = judge(&self.app, spec, &self.seen, |uid, version| {
                self.old_events.get(uid).is_none_or(|old| old != version)
            });
            match judgement {
                _ if !self.seen.is_complete() => {}
                Judgement::Ready => return self.old_pods_gone().await,
                Judgement::Waiting(text) => {
                    if text != waiting_for {
                        progress(&text);
                        waiting_for = text;
                    }
                }
                Judgement::Failed(failure) => {
                    // It failed before this deploy and only waits for its next try: that is now.
                    match failure.uid.as_deref().and_then(|uid| self.old_pods.get_mut(uid)) {
                        Some(replaced) => {
                            if let Some(pod) = failure.pod.filter(|_| !std::mem::replace(replaced, true)) {
                                self.replace(&pod).await?;
                            }
                        }
                        None => return Err(self.error(failure).await),
                    }
                }
            }
            match timeout_at(deadline, self.changes.next()).await {
                Ok(Some(Ok(change))) => self.seen.take(change),
                // A watch begins again by itself, after a pause that grows.
                Ok(Some(Err(error))) => tracing::debug!(%error, "a watch was interrupted"),
                Ok(None) => return Err(AppError::Interrupted),
                Err(_) => {
                    return Err(AppError::Stuck {
                        app: self.app,
                        namespace: self.namespace,
                        seconds: limit.as_secs(),
                        waiting_for,
                    });
                }
            }
        }
    }

    /// Waits, for a while, until no old pod can answer any more: what is asked after a deploy is answered by it.
    async fn old_pods_gone(mut self) -> Result<(), AppError> {
        let deadline = Instant::now() + OLD_PODS;
        while old_pods_run(&self.app, &self.seen) {
            match timeout_at(deadline, self.changes.next()).await {
                Ok(Some(Ok(change))) => self.seen.take(change),
                Ok(Some(Err(error))) => tracing::debug!(%error, "a watch was interrupted"),
                Ok(None) => return Err(AppError::Interrupted),
                Err(_) => {
                    tracing::info!(app = self.app, "an old pod has requests to finish");
                    break;
                }
            }
        }
        Ok(())
    }

    async fn replace(&self, pod: &str) -> Result<(), AppError> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &self.namespace);
        match pods.delete(pod, &DeleteParams::default()).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(AppError::api(format!("replace the pod {pod}"))(error)),
        }
    }

    async fn error(self, failure: Failure) -> AppError {
        let Failure { kind, pod, reason, message, .. } = failure;
        let (app, namespace) = (self.app.clone(), self.namespace.clone());
        match (kind, pod) {
            (Kind::MissingExecutor, _) => AppError::MissingExecutor { app, executor: DEFAULT_EXECUTOR.into(), message },
            (Kind::Pull, pod) => AppError::PullFailed { app, image: self.image(pod.as_deref()), message },
            (Kind::Pod, Some(pod)) => {
                let log = unsaid(&self.log(&pod).await, &message);
                AppError::Crashed { app, namespace, pod, reason, message, log }
            }
            (Kind::Pod | Kind::Rollout, _) => AppError::RolloutFailed { app, namespace, message },
        }
    }

    fn image(&self, pod: Option<&str>) -> String {
        let pod = self.seen.pods.iter().find(|it| Some(it.name_any().as_str()) == pod);
        let image = pod.and_then(|pod| pod.spec.as_ref()?.containers.first()?.image.clone());
        image.unwrap_or_else(|| "its image".into())
    }

    /// The end of what the container said, or of what it said before its last restart.
    async fn log(&self, pod: &str) -> String {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &self.namespace);
        let read = |previous| {
            let params = LogParams {
                container: Some(self.app.clone()),
                tail_lines: Some(LOG_LINES),
                previous,
                ..LogParams::default()
            };
            let pods = pods.clone();
            async move { pods.logs(pod, &params).await.ok().filter(|text| !text.trim().is_empty()) }
        };
        let logs = stream::iter([false, true]).then(read).filter_map(|log| async { log });
        std::pin::pin!(logs).next().await.unwrap_or_default()
    }
}

/// The lines of a log that the message does not repeat.
fn unsaid(log: &str, message: &str) -> String {
    let repeats = |line: &&str| {
        let line = line.trim();
        !message.contains(line.strip_prefix("Error: ").unwrap_or(line))
    };
    log.lines().filter(repeats).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::unsaid;

    #[test]
    fn a_log_is_shown_where_it_says_more() {
        assert_eq!(unsaid("Error: no handler\n", "the app did not start: no handler"), "");
        assert_eq!(unsaid("first\n\nError: no handler\n", "no handler"), "first");
    }
}
