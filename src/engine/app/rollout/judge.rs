//! How a rollout stands, judged from what was observed: a pure function, so that each status that a kubelet
//! writes is a line in a table of tests.

use k8s_openapi::api::{
    apps::v1::{Deployment, ReplicaSet},
    core::v1::{ContainerState, ContainerStatus, Pod},
};
use kube::ResourceExt;

use super::{message::cleaned, observed::Observed};
use crate::engine::app::desired::SPEC;

const REVISION: &str = "deployment.kubernetes.io/revision";
const TEMPLATE_HASH: &str = "pod-template-hash";

/// How a rollout stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Judgement {
    /// Not done; the text says what it waits for.
    Waiting(String),
    /// Every new pod is available and no old one is left.
    Ready,
    /// It will not come to an end by itself.
    Failed(Failure),
}

/// Why it will not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) kind: Kind,
    /// The pod that shows it.
    pub(super) pod: Option<String>,
    /// That pod's uid.
    pub(super) uid: Option<String>,
    /// Kubernetes' word for it.
    pub(super) reason: String,
    /// What was said about it.
    pub(super) message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    MissingExecutor,
    Pull,
    Pod,
    Rollout,
}

/// Judges the rollout of `app` to the spec with the hash `spec`. `is_news` tells whether an occurrence is younger
/// than the rollout.
pub(super) fn judge(app: &str, spec: &str, seen: &Observed, is_news: impl Fn(&str, &str) -> bool) -> Judgement {
    let news: Vec<_> = seen
        .occurrences
        .iter()
        .filter(|it| it.involved_object.kind.as_deref() == Some("SpinApp"))
        .filter(|it| it.involved_object.name.as_deref() == Some(app))
        .filter(|it| is_news(&it.uid().unwrap_or_default(), &it.resource_version().unwrap_or_default()))
        .collect();
    for occurrence in &news {
        let message = occurrence.message.clone().unwrap_or_default();
        match occurrence.reason.as_deref().unwrap_or_default() {
            reason @ "MissingExecutor" => return failed(Kind::MissingExecutor, None, reason, &message),
            // Our operator's words for what only another spec can mend.
            reason @ ("InvalidRuntimeConfig" | "InvalidSpec" | "MissingDeploymentConfig" | "NotOurs") => {
                return failed(Kind::Rollout, None, reason, &message);
            }
            _ => {}
        }
    }
    let waiting = |text: &str| {
        let said = news.iter().rev().find_map(|it| it.message.as_deref());
        Judgement::Waiting(said.map_or_else(|| text.to_owned(), |said| format!("{text}: {said}")))
    };
    let Some(deployment) = seen.deployments.iter().find(|it| it.name_any() == app) else {
        return waiting("the operator has not made its Deployment yet");
    };
    if deployment.annotations().get(SPEC).map(String::as_str) != Some(spec) {
        return waiting("the operator has not taken up the change yet");
    }
    let status = deployment.status.clone().unwrap_or_default();
    if status.observed_generation < deployment.metadata.generation {
        return waiting("Kubernetes has not taken up the change yet");
    }
    let pods = new_pods(deployment, seen);
    for pod in &pods {
        if let Some(failure) = pod_failure(app, pod) {
            return Judgement::Failed(failure);
        }
    }
    let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let (made, updated) = (status.replicas.unwrap_or(0), status.updated_replicas.unwrap_or(0));
    if updated < wanted {
        return match creation_failure(deployment) {
            Some(message) if is_passing(&message) => Judgement::Waiting(message),
            Some(message) => failed(Kind::Rollout, None, "ReplicaFailure", &message),
            None => Judgement::Waiting(format!("{updated} of {wanted} new pods are made{}", unready(app, &pods, seen))),
        };
    }
    if made > updated {
        return Judgement::Waiting(format!("{} old pods are still there{}", made - updated, unready(app, &pods, seen)));
    }
    let available = status.available_replicas.unwrap_or(0);
    if available < updated {
        return Judgement::Waiting(format!("{available} of {updated} pods are ready{}", unready(app, &pods, seen)));
    }
    Judgement::Ready
}

fn failed(kind: Kind, pod: Option<&Pod>, reason: &str, message: &str) -> Judgement {
    Judgement::Failed(failure(kind, pod, reason, message))
}

fn failure(kind: Kind, pod: Option<&Pod>, reason: &str, message: &str) -> Failure {
    Failure {
        kind,
        pod: pod.map(ResourceExt::name_any),
        uid: pod.and_then(ResourceExt::uid),
        reason: reason.into(),
        message: cleaned(message),
    }
}

/// Whether a pod of an older template still runs: it may answer for the moment in which kube-proxy has not heard
/// that it leaves.
pub(super) fn old_pods_run(app: &str, seen: &Observed) -> bool {
    let deployment = seen.deployments.iter().find(|it| it.name_any() == app);
    let Some(newest) = deployment.and_then(|deployment| newest_template(deployment, seen)) else { return false };
    let ended =
        |pod: &Pod| container(app, pod).is_some_and(|it| it.state.as_ref().is_some_and(|it| it.terminated.is_some()));
    let old = |pod: &&Pod| pod.labels().get(TEMPLATE_HASH).is_some_and(|hash| hash != newest);
    seen.pods.iter().filter(old).any(|pod| !is_over(pod) && !ended(pod))
}

/// The hash of the template of the Deployment's newest `ReplicaSet`.
fn newest_template<'a>(deployment: &Deployment, seen: &'a Observed) -> Option<&'a String> {
    let revision = deployment.annotations().get(REVISION);
    let of_deployment = |set: &&ReplicaSet| {
        let owners = set.owner_references();
        owners.iter().any(|owner| Some(&owner.uid) == deployment.metadata.uid.as_ref())
    };
    let sets = seen.replica_sets.iter().filter(of_deployment);
    let newest =
        sets.filter(|set| set.annotations().get(REVISION) == revision).max_by_key(|set| set.creation_timestamp());
    newest?.labels().get(TEMPLATE_HASH)
}

/// The pods of the newest template that are meant to stay, by name.
fn new_pods<'a>(deployment: &Deployment, seen: &'a Observed) -> Vec<&'a Pod> {
    let Some(newest) = newest_template(deployment, seen) else { return Vec::new() };
    let is_new = |pod: &&Pod| pod.labels().get(TEMPLATE_HASH) == Some(newest);
    let stays = |pod: &&Pod| pod.metadata.deletion_timestamp.is_none() && !is_over(pod);
    let mut pods: Vec<_> = seen.pods.iter().filter(is_new).filter(stays).collect();
    pods.sort_by_key(|pod| pod.name_any());
    pods
}

/// Evicted or ended: such a pod stays as a record only.
fn is_over(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Failed" | "Succeeded"))
}

fn container<'a>(app: &str, pod: &'a Pod) -> Option<&'a ContainerStatus> {
    pod.status.as_ref()?.container_statuses.as_ref()?.iter().find(|container| container.name == app)
}

/// What a pod's container says that time will not mend.
fn pod_failure(app: &str, pod: &Pod) -> Option<Failure> {
    let container = container(app, pod)?;
    let state = container.state.as_ref()?;
    if let Some(waiting) = &state.waiting {
        let reason = waiting.reason.as_deref().unwrap_or_default();
        let message = waiting.message.clone().unwrap_or_default();
        return match reason {
            "ErrImagePull"
            | "ImagePullBackOff"
            | "InvalidImageName"
            | "ErrImageNeverPull"
            | "ImageInspectError"
            | "RegistryUnavailable"
            | "SignatureValidationFailed" => Some(failure(Kind::Pull, Some(pod), reason, &message)),
            "CrashLoopBackOff" => {
                let ended = ended(container.last_state.as_ref());
                Some(ended.map_or_else(
                    || failure(Kind::Pod, Some(pod), reason, &message),
                    |(reason, message)| failure(Kind::Pod, Some(pod), &reason, &message),
                ))
            }
            "RunContainerError"
            | "CreateContainerError"
            | "CreateContainerConfigError"
            | "PreCreateHookError"
            | "PreStartHookError"
            | "PostStartHookError" => Some(failure(Kind::Pod, Some(pod), reason, &message)),
            _ => None,
        };
    }
    let (reason, message) = ended(Some(state))?;
    // The node went down under it: the kubelet starts it again.
    let lost = matches!(reason.as_str(), "Unknown" | "ContainerStatusUnknown");
    (!lost).then(|| failure(Kind::Pod, Some(pod), &reason, &message))
}

/// Reason and message of a container that ended.
fn ended(state: Option<&ContainerState>) -> Option<(String, String)> {
    let ended = state?.terminated.as_ref()?;
    let reason = ended.reason.clone().unwrap_or_else(|| "Error".into());
    let said = ended.message.clone().filter(|message| !message.trim().is_empty());
    Some((reason, said.unwrap_or_else(|| format!("it ended with exit code {}", ended.exit_code))))
}

/// Why the newest `ReplicaSet` can't make pods.
fn creation_failure(deployment: &Deployment) -> Option<String> {
    let conditions = deployment.status.as_ref()?.conditions.as_ref()?;
    let failure = conditions.iter().find(|it| it.type_ == "ReplicaFailure" && it.status == "True")?;
    Some(failure.message.clone().unwrap_or_default())
}

/// A new namespace has its default service account a moment later.
fn is_passing(message: &str) -> bool {
    message.contains("service account") || message.contains("serviceaccount")
}

/// The first pod that is not ready, with its last condition or event.
fn unready(app: &str, pods: &[&Pod], seen: &Observed) -> String {
    let Some(pod) = pods.iter().find(|pod| !container(app, pod).is_some_and(|it| it.ready)) else {
        return String::new();
    };
    let name = pod.name_any();
    let waiting = container(app, pod).and_then(|it| it.state.as_ref()?.waiting.as_ref()?.reason.clone());
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    let condition = conditions.and_then(|all| {
        let unmet =
            all.iter().find(|it| it.status == "False" && it.message.as_ref().is_some_and(|text| !text.is_empty()))?;
        Some(format!("{}: {}", unmet.reason.as_deref().unwrap_or(&unmet.type_), unmet.message.as_deref()?))
    });
    let of_pod = seen.occurrences.iter().filter(|it| it.involved_object.uid == pod.metadata.uid);
    let warnings = of_pod.filter(|it| it.type_.as_deref() == Some("Warning"));
    let warning = warnings.max_by_key(|it| it.last_timestamp.as_ref().map(|time| time.0)).map(|it| {
        format!("{}: {}", it.reason.as_deref().unwrap_or_default(), cleaned(it.message.as_deref().unwrap_or_default()))
    });
    let state = warning.or(condition.filter(|text| !text.starts_with("ContainersNotReady"))).or(waiting);
    format!("; {name} is at {}", state.unwrap_or_else(|| "its start".into()))
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
