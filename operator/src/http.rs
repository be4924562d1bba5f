//! The plain HTTP endpoints: health for the kubelet, metrics for Prometheus.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::health::Health;
use crate::metrics::Metrics;

/// `/healthz`: the process answers. `/readyz`: every check passes.
pub(crate) fn health(health: Arc<Health>) -> Router {
    let ready = move || async move {
        match health.ready() {
            Ok(text) => (StatusCode::OK, text),
            Err(text) => (StatusCode::SERVICE_UNAVAILABLE, text),
        }
    };
    Router::new().route("/healthz", get(|| async { "ok" })).route("/readyz", get(ready))
}

/// `/metrics`.
pub(crate) fn metrics(metrics: Metrics) -> Router {
    let text = move || async move {
        match metrics.text() {
            Ok(text) => (StatusCode::OK, text),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        }
    };
    Router::new().route("/metrics", get(text))
}

/// Serves until `stop`.
pub(crate) async fn serve(listener: Option<TcpListener>, router: Router, stop: CancellationToken) {
    let Some(listener) = listener else { return };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await {
        tracing::warn!("http: {error}");
    }
}
