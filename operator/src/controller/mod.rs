//! The controllers. Each object's reconciliation is independent; up to [`CONCURRENCY`] run at once. A failed one is
//! repeated with growing delay, and at once when something it depends on changes.

mod app;
#[cfg(test)]
mod app_tests;
mod backoff;
mod children;
mod config_secrets;
mod error;
mod executor;
#[cfg(test)]
mod executor_tests;
mod references;
mod report;
mod triggers;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, Service};
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::controller::{Action, Config as ControllerConfig};
use kube::runtime::events::{Recorder, Reporter};
use kube::runtime::{Controller, watcher};
use kube::{Api, Client};
use spinkube_api::contract::APP_NAME_LABEL;
use spinkube_api::{SpinApp, SpinAppExecutor};
use tokio_util::sync::CancellationToken;

use self::backoff::Backoff;
use self::error::Error;
use crate::health::Health;
use crate::metrics::Metrics;

/// Reconciliations of one kind at once. They wait for the API server, so this bounds its load, not ours.
const CONCURRENCY: u16 = 16;
/// A reconciliation that takes longer is given up and repeated.
const LIMIT: Duration = Duration::from_mins(1);

/// One bad object must not stop the watch of all the others.
type Guarded<K> = DeserializeGuard<K>;

/// What a reconciliation works with.
pub(crate) struct Context {
    client: Client,
    recorder: Recorder,
    metrics: Metrics,
    backoff: Backoff,
    /// Executors in this namespace serve all namespaces.
    default_namespace: String,
}

impl Context {
    fn new(client: &Client, reporter: &str, metrics: &Metrics, default_namespace: &str) -> Arc<Self> {
        let reporter = Reporter { controller: reporter.to_owned(), instance: std::env::var("POD_NAME").ok() };
        Arc::new(Self {
            client: client.clone(),
            recorder: Recorder::new(client.clone(), reporter),
            metrics: metrics.clone(),
            backoff: Backoff::default(),
            default_namespace: default_namespace.to_owned(),
        })
    }
}

#[cfg(test)]
impl Context {
    fn scripted(client: &Client) -> Arc<Self> {
        Self::new(client, "test", &Metrics::default(), "spin-operator")
    }
}

/// Runs both controllers until `stop`, then lets running reconciliations finish.
pub(crate) async fn run(
    client: Client,
    metrics: Metrics,
    health: Arc<Health>,
    default_namespace: String,
    stop: CancellationToken,
) {
    let apps = Controller::new(Api::<Guarded<SpinApp>>::all(client.clone()), watcher::Config::default());
    let app_store = apps.store();
    let executors = Controller::new(Api::<Guarded<SpinAppExecutor>>::all(client.clone()), watcher::Config::default());
    let executor_store = executors.store();

    let children = watcher::Config::default().labels(APP_NAME_LABEL);
    let (by_executor, by_secret, by_config_map) = (app_store.clone(), app_store.clone(), app_store.clone());
    let namespace = default_namespace.clone();
    let apps = apps
        .owns(Api::<Deployment>::all(client.clone()), children.clone())
        .owns(Api::<Service>::all(client.clone()), children)
        .watches(Api::<SpinAppExecutor>::all(client.clone()), watcher::Config::default(), move |executor| {
            triggers::apps_of_executor(&by_executor, &namespace, &executor)
        })
        // Metadata alone: the contents of the cluster's Secrets never come here.
        .watches(Api::<PartialObjectMeta<Secret>>::all(client.clone()), watcher::Config::default(), move |secret| {
            triggers::apps_of_secret(&by_secret, &secret)
        })
        .watches(Api::<PartialObjectMeta<ConfigMap>>::all(client.clone()), watcher::Config::default(), move |map| {
            triggers::apps_of_config_map(&by_config_map, &map)
        })
        .with_config(ControllerConfig::default().concurrency(CONCURRENCY))
        .graceful_shutdown_on(stop.clone().cancelled_owned())
        .run(app::reconcile, retry, Context::new(&client, "spinapp-reconciler", &metrics, &default_namespace))
        .for_each(|result| {
            log("spinapp", result);
            std::future::ready(())
        });

    let by_app = executor_store.clone();
    let namespace = default_namespace.clone();
    let executors = executors
        .watches(Api::<Guarded<SpinApp>>::all(client.clone()), watcher::Config::default(), move |app| {
            triggers::executors_of_app(&by_app, &namespace, &app)
        })
        .with_config(ControllerConfig::default().concurrency(CONCURRENCY))
        .graceful_shutdown_on(stop.cancelled_owned())
        .run(
            executor::reconcile,
            retry,
            Context::new(&client, "spinappexecutor-reconciler", &metrics, &default_namespace),
        )
        .for_each(|result| {
            log("spinappexecutor", result);
            std::future::ready(())
        });

    let synced = async {
        let ready = (app_store.wait_until_ready(), executor_store.wait_until_ready());
        if let (Ok(()), Ok(())) = futures::join!(ready.0, ready.1) {
            health.pass(crate::health::Check::Controllers);
        }
    };
    futures::join!(apps, executors, synced);
}

/// When to repeat a failed reconciliation.
#[expect(clippy::needless_pass_by_value, reason = "the controller passes them so")]
fn retry<K: kube::Resource>(object: Arc<K>, error: &Error, context: Arc<Context>) -> Action {
    tracing::warn!(namespace = object.meta().namespace, name = object.meta().name, "reconcile: {error}");
    Action::requeue(context.backoff.next(object.meta()))
}

/// Counts and times one reconciliation, and forgets the failures of an object that succeeded.
async fn measured<K: kube::Resource>(
    kind: &'static str,
    object: &K,
    context: &Context,
    work: impl Future<Output = Result<Action, Error>>,
) -> Result<Action, Error> {
    let start = Instant::now();
    let result = tokio::time::timeout(LIMIT, Box::pin(work)).await.unwrap_or(Err(Error::TooSlow));
    context.metrics.reconciled(kind, result.is_ok(), start.elapsed());
    if result.is_ok() {
        context.backoff.reset(object.meta());
    }
    result
}

/// Failed reconciliations are reported where they fail; what is left are watches that break and are taken up again.
fn log<T, E: std::error::Error>(kind: &str, result: Result<T, kube::runtime::controller::Error<E, watcher::Error>>) {
    match result {
        Err(kube::runtime::controller::Error::QueueError(error)) => tracing::warn!(kind, "watch: {error}"),
        Err(error) => tracing::debug!(kind, "{error}"),
        Ok(_) => {}
    }
}
