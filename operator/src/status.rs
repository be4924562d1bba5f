//! The status of a `SpinApp`, from what was observed of its children.
//!
//! `Available` and `Progressing` are the Deployment's, but for one thing: a finished rollout has `Progressing` false.
//! Kubernetes leaves it true for ever, and Argo CD's health check for `SpinApps` would wait for ever. `Reconciled` is
//! ours: false, with the error, when the operator could not do its part.

use k8s_openapi::api::apps::v1::{Deployment, DeploymentCondition};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector, Time};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use spinkube_api::{SpinApp, SpinAppStatus};

/// What a reconciliation saw and how it ended.
#[derive(Default)]
pub(crate) struct Observed<'a> {
    pub(crate) deployment: Option<&'a Deployment>,
    /// `None` leaves the name that the status has.
    pub(crate) service: Option<&'a Service>,
    pub(crate) failure: Option<Failure>,
}

/// Why a reconciliation failed, as a condition says it.
pub(crate) struct Failure {
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

/// The app's new status. Times of conditions that did not change stay as they are.
pub(crate) fn status(app: &SpinApp, observed: &Observed<'_>) -> SpinAppStatus {
    let old = app.status.clone().unwrap_or_default();
    let deployment = observed.deployment.and_then(|deployment| deployment.status.clone()).unwrap_or_default();
    let mut conditions = old.conditions.clone();
    for type_ in ["Available", "Progressing"] {
        let found = deployment.conditions.iter().flatten().find(|condition| condition.type_ == type_);
        match (observed.deployment, found, &observed.failure) {
            (Some(seen), Some(found), _) => set(&mut conditions, from_deployment(found, is_stale(seen))),
            (None, _, Some(failure)) => {
                set(&mut conditions, condition(type_, "False", failure.reason, &failure.message));
            }
            (None, _, None) => set(&mut conditions, not_found(type_)),
            // A Deployment that has no conditions yet: what is known stays, at first that nothing is.
            (Some(_), None, _) if !conditions.iter().any(|known| known.type_ == type_) => {
                set(&mut conditions, not_found(type_));
            }
            (Some(_), None, _) => {}
        }
    }
    set(
        &mut conditions,
        match &observed.failure {
            None => condition("Reconciled", "True", "Reconciled", "Deployment and Service are as the app wants them."),
            Some(failure) => condition("Reconciled", "False", failure.reason, &failure.message),
        },
    );
    SpinAppStatus {
        conditions,
        active_scheduler: Some(app.spec.executor.clone()),
        ready_replicas: deployment.ready_replicas.unwrap_or_default(),
        deployment_name: observed.deployment.map(ResourceExt::name_any),
        service_name: observed.service.map(ResourceExt::name_any).or(old.service_name),
        replicas: observed.deployment.map(|_| deployment.replicas.unwrap_or_default()),
        selector: observed.deployment.and_then(|deployment| selector(&deployment.spec.as_ref()?.selector)),
    }
}

/// The status of an app that lost its Deployment to an executor that makes none; `None` if it never had one.
pub(crate) fn without_deployment(app: &SpinApp) -> Option<SpinAppStatus> {
    let old = app.status.as_ref()?;
    old.deployment_name.as_ref()?;
    Some(SpinAppStatus {
        active_scheduler: Some(app.spec.executor.clone()),
        service_name: old.service_name.clone(),
        ..SpinAppStatus::default()
    })
}

/// Whether the Deployment's status is about an older generation of it.
fn is_stale(deployment: &Deployment) -> bool {
    let observed = deployment.status.as_ref().and_then(|status| status.observed_generation);
    observed < deployment.metadata.generation
}

fn from_deployment(found: &DeploymentCondition, stale: bool) -> Condition {
    let reason = found.reason.as_deref().filter(|reason| !reason.is_empty()).unwrap_or("Unknown");
    let message = found.message.as_deref().unwrap_or_default();
    match (found.type_.as_str(), reason) {
        ("Progressing", _) if stale => {
            condition("Progressing", "True", "DeploymentUpdated", "Deployment was updated; its rollout has not begun.")
        }
        // Its own text names the ReplicaSet, and the health check takes "failed" or "timeout" in it, also as part of
        // an app's name, for a failure.
        ("Progressing", "NewReplicaSetAvailable") => {
            condition("Progressing", "False", reason, "Deployment has successfully progressed.")
        }
        (type_, _) => condition(type_, &found.status, reason, message),
    }
}

fn not_found(type_: &str) -> Condition {
    condition(type_, "Unknown", "DeploymentNotFound", "Deployment not found")
}

fn condition(type_: &str, status: &str, reason: &str, message: &str) -> Condition {
    Condition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
        last_transition_time: Time(Timestamp::UNIX_EPOCH),
        observed_generation: None,
    }
}

/// Replaces the condition of the same type; the time is that of the last change of its status.
fn set(conditions: &mut Vec<Condition>, mut new: Condition) {
    let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
    match conditions.iter_mut().find(|known| known.type_ == new.type_) {
        Some(known) => {
            let changed = known.status != new.status;
            new.last_transition_time = if changed { Time(now) } else { known.last_transition_time.clone() };
            *known = new;
        }
        None => conditions.push(Condition { last_transition_time: Time(now), ..new }),
    }
}

/// The selector as text, for the scale subresource.
fn selector(selector: &LabelSelector) -> Option<String> {
    let labels = selector.match_labels.as_ref()?;
    Some(labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::desired::fixtures::app;
    use serde_json::{Value, json};

    fn deployment(status: &Value) -> Deployment {
        serde_json::from_value(json!({
            "metadata": {"name": "simple-spinapp"},
            "spec": {"selector": {"matchLabels": {"a": "b", "c": "d"}}, "template": {}},
            "status": status,
        }))
        .unwrap()
    }

    /// Type, status, reason and message of each condition.
    fn conditions(status: &SpinAppStatus) -> Vec<[&str; 4]> {
        let texts = |c: &Condition| [c.type_.clone(), c.status.clone(), c.reason.clone(), c.message.clone()];
        status.conditions.iter().map(|c| texts(c).map(|text| &*text.leak())).collect()
    }

    const RECONCILED: [&str; 4] =
        ["Reconciled", "True", "Reconciled", "Deployment and Service are as the app wants them."];

    #[test]
    fn follows_the_deployment() {
        let deployment = deployment(&json!({
            "replicas": 2, "readyReplicas": 1,
            "conditions": [
                {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable", "message": "m"},
                {"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated", "message": "p"},
                {"type": "ReplicaFailure", "status": "True", "reason": "r", "message": "f"},
            ],
        }));
        let observed = Observed { deployment: Some(&deployment), ..Observed::default() };
        let status = status(&app(&json!({})), &observed);
        assert_eq!(
            conditions(&status),
            [
                ["Available", "True", "MinimumReplicasAvailable", "m"],
                ["Progressing", "True", "ReplicaSetUpdated", "p"],
                RECONCILED,
            ]
        );
        assert_eq!((status.ready_replicas, status.replicas), (1, Some(2)));
        assert_eq!(status.selector.as_deref(), Some("a=b,c=d"));
        assert_eq!(status.deployment_name.as_deref(), Some("simple-spinapp"));
        assert_eq!(status.active_scheduler.as_deref(), Some("containerd-shim-spin"));
    }

    #[test]
    fn a_finished_rollout_is_healthy_for_argo_cd() {
        let deployment = deployment(&json!({
            "readyReplicas": 1,
            "conditions": [
                {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable", "message": "m"},
                {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable",
                 "message": "ReplicaSet \"failed-login-app-1\" has successfully progressed."},
            ],
        }));
        let observed = Observed { deployment: Some(&deployment), ..Observed::default() };
        assert_eq!(
            conditions(&status(&app(&json!({})), &observed))[1],
            ["Progressing", "False", "NewReplicaSetAvailable", "Deployment has successfully progressed."]
        );
    }

    #[test]
    fn an_update_that_was_not_seen_yet_is_no_finished_rollout() {
        let mut deployment = deployment(&json!({"observedGeneration": 1, "conditions": [
            {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable", "message": "m"},
        ]}));
        deployment.metadata.generation = Some(2);
        let observed = Observed { deployment: Some(&deployment), ..Observed::default() };
        assert_eq!(conditions(&status(&app(&json!({})), &observed))[1][1..3], ["True", "DeploymentUpdated"]);
    }

    #[test]
    fn before_the_deployment_has_conditions_they_are_unknown() {
        let deployment = deployment(&json!({}));
        for deployment in [None, Some(&deployment)] {
            let observed = Observed { deployment, ..Observed::default() };
            assert_eq!(
                conditions(&status(&app(&json!({})), &observed)),
                [
                    ["Available", "Unknown", "DeploymentNotFound", "Deployment not found"],
                    ["Progressing", "Unknown", "DeploymentNotFound", "Deployment not found"],
                    RECONCILED,
                ]
            );
        }
    }

    #[test]
    fn a_failure_is_said_and_a_running_deployment_stays_available() {
        let failure = || Some(Failure { reason: "MissingExecutor", message: "none".into() });
        let running = deployment(&json!({"conditions": [
            {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable", "message": "m"},
        ]}));
        let failed = ["False", "MissingExecutor", "none"];
        for (deployment, available) in [(None, failed), (Some(&running), ["True", "MinimumReplicasAvailable", "m"])] {
            let observed = Observed { deployment, service: None, failure: failure() };
            let status = status(&app(&json!({})), &observed);
            let conditions = conditions(&status);
            assert_eq!(conditions[0][1..], available);
            assert_eq!(conditions[2][1..], failed);
        }
    }

    #[test]
    fn time_moves_with_the_status_alone() {
        let mut app = app(&json!({}));
        let first = status(&app, &Observed::default());
        app.status = Some(first.clone());
        app.status.as_mut().unwrap().conditions[0].last_transition_time = Time(Timestamp::UNIX_EPOCH);
        let same = status(&app, &Observed::default());
        assert_eq!(same.conditions[0].last_transition_time, Time(Timestamp::UNIX_EPOCH));
        let failure = Some(Failure { reason: "ReconcileFailed", message: String::new() });
        let changed = status(&app, &Observed { failure, ..Observed::default() });
        assert_ne!(changed.conditions[0].last_transition_time, Time(Timestamp::UNIX_EPOCH));
    }

    #[test]
    fn an_app_that_loses_its_deployment_loses_what_was_said_of_it() {
        let mut app = app(&json!({}));
        assert_eq!(without_deployment(&app), None);
        let old = SpinAppStatus {
            ready_replicas: 2,
            deployment_name: Some("simple-spinapp".into()),
            service_name: Some("simple-spinapp".into()),
            ..SpinAppStatus::default()
        };
        app.status = Some(old);
        let status = without_deployment(&app).unwrap();
        assert_eq!((status.ready_replicas, status.deployment_name), (0, None));
        assert_eq!(status.service_name.as_deref(), Some("simple-spinapp"));
        app.status = Some(SpinAppStatus { ready_replicas: 5, ..SpinAppStatus::default() });
        assert_eq!(without_deployment(&app), None, "another controller's status is left alone");
    }
}
