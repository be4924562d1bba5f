//! The four webhooks by their paths.

use axum::extract::{DefaultBodyLimit, State};
use axum::routing::post;
use axum::{Json, Router};
use kube::Client;
use serde::de::DeserializeOwned;
use serde_json::Value;
use spinkube_api::{SpinApp, SpinAppExecutor};

use super::review::{Answer, Request, Review, Verdict};
use super::{defaulting, validation};
use crate::executors;
use crate::metrics::Metrics;

/// A review holds the object twice, and etcd takes objects of 1.5 MiB.
const MAX_REVIEW: usize = 8 * 1024 * 1024;

/// What the webhooks work with. They ask the API server each time: a cache could refuse an app whose executor was
/// made a moment ago.
#[derive(Clone)]
pub(crate) struct Webhooks {
    pub(crate) client: Client,
    pub(crate) metrics: Metrics,
    pub(crate) default_namespace: String,
}

pub(super) fn router(webhooks: Webhooks) -> Router {
    Router::new()
        .route("/mutate-core-spinkube-dev-v1alpha1-spinapp", post(mutate_app))
        .route("/mutate-core-spinkube-dev-v1alpha1-spinappexecutor", post(mutate_executor))
        .route("/validate-core-spinkube-dev-v1alpha1-spinapp", post(validate_app))
        .route("/validate-core-spinkube-dev-v1alpha1-spinappexecutor", post(validate_executor))
        .layer(DefaultBodyLimit::max(MAX_REVIEW))
        .with_state(webhooks)
}

async fn mutate_app(State(webhooks): State<Webhooks>, Json(review): Json<Review>) -> Json<Answer> {
    let verdict = defaulting::app(&review.request, &webhooks.client, &webhooks.default_namespace).await;
    answer(&webhooks, "mspinapp.kb.io", review, verdict)
}

async fn mutate_executor(State(webhooks): State<Webhooks>, Json(review): Json<Review>) -> Json<Answer> {
    answer(&webhooks, "mspinappexecutor.kb.io", review, Verdict::Allow)
}

async fn validate_app(State(webhooks): State<Webhooks>, Json(review): Json<Review>) -> Json<Answer> {
    let verdict =
        if review.request.leaves_spec() { Verdict::Allow } else { app_verdict(&webhooks, &review.request).await };
    answer(&webhooks, "vspinapp.kb.io", review, verdict)
}

async fn validate_executor(State(webhooks): State<Webhooks>, Json(review): Json<Review>) -> Json<Answer> {
    let verdict = match read::<SpinAppExecutor>(&review.request.object) {
        _ if review.request.leaves_spec() => Verdict::Allow,
        Ok(executor) => verdict("SpinAppExecutor", executor.metadata.name, validation::executor(&executor.spec)),
        Err(bad) => bad,
    };
    answer(&webhooks, "vspinappexecutor.kb.io", review, verdict)
}

async fn app_verdict(webhooks: &Webhooks, request: &Request) -> Verdict {
    let app = match read::<SpinApp>(&request.object) {
        Ok(app) => app,
        Err(bad) => return bad,
    };
    let Webhooks { client, default_namespace, .. } = webhooks;
    let executor = executors::find(client, &request.namespace, default_namespace, &app.spec.executor).await;
    let executor = match executor {
        Ok(executor) => executor,
        // Like upstream, say that it isn't there; what kept us from seeing it is in the log.
        Err(error) => {
            tracing::warn!(namespace = request.namespace, executor = app.spec.executor, "executor: {error}");
            None
        }
    };
    let old = read::<SpinApp>(&request.old_object).ok();
    let errors = validation::app(&app.spec, executor.as_ref(), old.as_ref().map(|old| &old.spec));
    verdict("SpinApp", app.metadata.name, errors)
}

fn verdict(kind: &'static str, name: Option<String>, errors: Vec<super::field_error::FieldError>) -> Verdict {
    if errors.is_empty() {
        return Verdict::Allow;
    }
    Verdict::Invalid { kind, name: name.unwrap_or_default(), errors }
}

fn read<K: DeserializeOwned>(object: &Value) -> Result<K, Verdict> {
    K::deserialize(object).map_err(|error| Verdict::BadRequest(format!("the object can't be read: {error}")))
}

fn answer(webhooks: &Webhooks, name: &'static str, review: Review, verdict: Verdict) -> Json<Answer> {
    webhooks.metrics.reviewed(name, verdict.code());
    tracing::debug!(webhook = name, namespace = review.request.namespace, ?verdict);
    Json(Answer::new(review.request.uid, verdict))
}
