//! Metrics in Prometheus' text form, under the names that dashboards for controllers know.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reconciled {
    controller: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Controller {
    controller: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reviewed {
    webhook: &'static str,
    code: u16,
}

/// The operator's metrics; clones share them.
#[derive(Clone)]
pub(crate) struct Metrics {
    registry: Arc<Registry>,
    reconciled: Family<Reconciled, Counter>,
    errors: Family<Controller, Counter>,
    seconds: Family<Controller, Histogram, fn() -> Histogram>,
    reviewed: Family<Reviewed, Counter>,
    leading: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let reconciled = Family::default();
        registry.register(
            "controller_runtime_reconcile",
            "Reconciliations per controller and result",
            reconciled.clone(),
        );
        let errors = Family::default();
        registry.register(
            "controller_runtime_reconcile_errors",
            "Failed reconciliations per controller",
            errors.clone(),
        );
        let histogram: fn() -> Histogram =
            || Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 10.0, 60.0]);
        let seconds = Family::new_with_constructor(histogram);
        let help = "Length of time per reconciliation per controller";
        registry.register_with_unit("controller_runtime_reconcile_time", help, Unit::Seconds, seconds.clone());
        let reviewed = Family::default();
        registry.register(
            "controller_runtime_webhook_requests",
            "Admission requests by HTTP status code",
            reviewed.clone(),
        );
        let leading = Gauge::default();
        registry.register("leader_election_master_status", "Whether this replica is the leader", leading.clone());
        Self { registry: Arc::new(registry), reconciled, errors, seconds, reviewed, leading }
    }
}

impl Metrics {
    /// Counts one reconciliation.
    pub(crate) fn reconciled(&self, controller: &'static str, ok: bool, took: Duration) {
        let result = if ok { "success" } else { "error" };
        self.reconciled.get_or_create(&Reconciled { controller, result }).inc();
        if !ok {
            self.errors.get_or_create(&Controller { controller }).inc();
        }
        self.seconds.get_or_create(&Controller { controller }).observe(took.as_secs_f64());
    }

    /// Counts one answer of a webhook.
    pub(crate) fn reviewed(&self, webhook: &'static str, code: u16) {
        self.reviewed.get_or_create(&Reviewed { webhook, code }).inc();
    }

    /// Says whether this replica leads.
    pub(crate) fn leading(&self, leading: bool) {
        self.leading.set(i64::from(leading));
    }

    /// All metrics as text.
    pub(crate) fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_those_of_controller_runtime() {
        let metrics = Metrics::default();
        metrics.reconciled("spinapp", true, Duration::from_millis(3));
        metrics.reconciled("spinapp", false, Duration::from_millis(3));
        metrics.reviewed("vspinapp.kb.io", 422);
        metrics.leading(true);
        let text = metrics.text().unwrap();
        for line in [
            "controller_runtime_reconcile_total{controller=\"spinapp\",result=\"success\"} 1",
            "controller_runtime_reconcile_errors_total{controller=\"spinapp\"} 1",
            "controller_runtime_reconcile_time_seconds_count{controller=\"spinapp\"} 2",
            "controller_runtime_webhook_requests_total{webhook=\"vspinapp.kb.io\",code=\"422\"} 1",
            "leader_election_master_status 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }
}
