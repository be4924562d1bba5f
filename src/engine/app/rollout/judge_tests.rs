#![allow(clippy::unwrap_used, clippy::panic)]

use serde_json::{Value, json};

use super::*;

const APP: &str = "hello";

/// A cluster in which `hello` is rolled out to the spec `new`, with `pods` in the newest `ReplicaSet`.
fn seen(status: &Value, pods: &[Value]) -> Observed {
    let mut seen = Observed::default();
    seen.deployments.insert(object(json!({
        "metadata": {
            "name": APP, "uid": "d", "generation": 2,
            "annotations": { SPEC: "new", REVISION: "2" },
        },
        "spec": { "replicas": 2, "selector": {}, "template": {} },
        "status": status,
    })));
    for (revision, hash) in [("1", "old"), ("2", "new")] {
        seen.replica_sets.insert(object(json!({
            "metadata": {
                "name": format!("hello-{hash}"), "uid": hash,
                "annotations": { REVISION: revision }, "labels": { TEMPLATE_HASH: hash },
                "ownerReferences": [{ "apiVersion": "apps/v1", "kind": "Deployment", "name": APP, "uid": "d" }],
            },
            "spec": { "selector": {} },
        })));
    }
    for pod in pods {
        seen.pods.insert(object(pod.clone()));
    }
    seen
}

fn object<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn pod(name: &str, hash: &str, container: &Value) -> Value {
    let mut status = json!({ "name": APP, "image": "", "imageID": "", "ready": false, "restartCount": 0 });
    status.as_object_mut().unwrap().extend(container.as_object().unwrap().clone());
    json!({
        "metadata": { "name": name, "uid": format!("uid-{name}"), "labels": { TEMPLATE_HASH: hash } },
        "status": { "phase": "Pending", "containerStatuses": [status] },
    })
}

fn counts(updated: i32, replicas: i32, available: i32) -> Value {
    json!({ "observedGeneration": 2, "updatedReplicas": updated, "replicas": replicas, "availableReplicas": available })
}

fn verdict(seen: &Observed) -> Judgement {
    judge(APP, "new", seen, |_, _| true)
}

fn waits(seen: &Observed) -> String {
    match verdict(seen) {
        Judgement::Waiting(text) => text,
        other => panic!("{other:?}"),
    }
}

/// What a kubelet 1.36 with containerd 2.3 writes about a container, and what it means.
#[test]
fn statuses_of_containers_are_judged() {
    let running = json!({ "state": { "running": { "startedAt": "2026-11-24T16:00:00Z" } } });
    let creating = json!({ "state": { "waiting": { "reason": "ContainerCreating" } } });
    let start_error = json!({ "terminated": {
        "containerID": "containerd://1", "exitCode": 128, "reason": "StartError",
        "startedAt": "1970-01-01T00:00:00Z", "finishedAt": "2026-11-24T16:00:00Z",
        "message": "failed to start containerd task \"1\": hello needs the variable token",
    } });
    let error = json!({ "terminated": {
        "containerID": "containerd://1", "exitCode": 1, "reason": "Error",
        "startedAt": "2026-11-24T16:00:00Z", "finishedAt": "2026-11-24T16:00:00Z",
    } });
    let waiting = |reason: &str, message: &str| json!({ "waiting": { "reason": reason, "message": message } });
    let back_off =
        waiting("CrashLoopBackOff", "back-off 10s restarting failed container=hello pod=hello-new-a_default(u)");
    for (container, expected) in [
        (running.clone(), None),
        (creating, None),
        (json!({ "state": waiting("PodInitializing", "") }), None),
        (json!({ "state": start_error }), Some((Kind::Pod, "StartError", "hello needs the variable token"))),
        (
            json!({ "state": waiting("RunContainerError", "failed to create containerd task: failed to create shim task: no app"), "lastState": start_error }),
            Some((Kind::Pod, "RunContainerError", "no app")),
        ),
        (
            json!({ "state": back_off, "lastState": start_error, "restartCount": 2 }),
            Some((Kind::Pod, "StartError", "hello needs the variable token")),
        ),
        (
            json!({ "state": back_off, "lastState": error, "restartCount": 2 }),
            Some((Kind::Pod, "Error", "it ended with exit code 1")),
        ),
        (json!({ "state": error }), Some((Kind::Pod, "Error", "it ended with exit code 1"))),
        (
            json!({ "state": waiting("ErrImagePull", "failed to pull and unpack image: not found") }),
            Some((Kind::Pull, "ErrImagePull", "failed to pull and unpack image: not found")),
        ),
        (
            json!({ "state": waiting("ImagePullBackOff", "Back-off pulling image \"x\"") }),
            Some((Kind::Pull, "ImagePullBackOff", "Back-off pulling image \"x\"")),
        ),
        (
            json!({ "state": waiting("CreateContainerConfigError", "secret \"hello-variables\" not found") }),
            Some((Kind::Pod, "CreateContainerConfigError", "secret \"hello-variables\" not found")),
        ),
        // It crashed before and runs now: only time can tell.
        (json!({ "state": running["state"], "lastState": error, "restartCount": 1 }), None),
        // The node was stopped under it.
        (json!({ "state": { "terminated": { "exitCode": 255, "reason": "Unknown" } } }), None),
    ] {
        let judgement = verdict(&seen(&counts(1, 3, 2), &[pod("hello-new-a", "new", &container)]));
        match (judgement, expected) {
            (Judgement::Waiting(_), None) => {}
            (Judgement::Failed(failure), Some((kind, reason, message))) => {
                assert_eq!((failure.kind, failure.reason.as_str(), failure.message.as_str()), (kind, reason, message));
                assert_eq!(failure.pod.as_deref(), Some("hello-new-a"));
            }
            (judgement, expected) => assert_eq!(format!("{judgement:?}"), format!("{expected:?}"), "{container}"),
        }
    }
}

#[test]
fn pods_that_are_old_leaving_or_evicted_do_not_count() {
    let crashed = json!({ "state": { "waiting": { "reason": "CrashLoopBackOff" } } });
    let old = pod("hello-old-a", "old", &crashed);
    let mut leaving = pod("hello-new-a", "new", &crashed);
    leaving["metadata"]["deletionTimestamp"] = json!("2026-11-24T16:00:00Z");
    let mut evicted = pod("hello-new-b", "new", &crashed);
    evicted["status"]["phase"] = json!("Failed");
    assert_eq!(verdict(&seen(&counts(2, 2, 2), &[old, leaving, evicted])), Judgement::Ready);
}

#[test]
fn old_pods_count_until_their_container_has_ended() {
    let running = json!({ "state": { "running": {} } });
    let ended = json!({ "state": { "terminated": { "exitCode": 0 } } });
    for (hash, container, expected) in [("old", &running, true), ("old", &ended, false), ("new", &running, false)] {
        let mut leaving = pod("hello-a", hash, container);
        leaving["metadata"]["deletionTimestamp"] = json!("2026-11-24T16:00:00Z");
        assert_eq!(old_pods_run(APP, &seen(&counts(2, 2, 2), &[leaving])), expected, "{hash} {container}");
    }
}

#[test]
fn each_stage_says_what_it_waits_for() {
    assert_eq!(waits(&Observed::default()), "the operator has not made its Deployment yet");
    let done = seen(&counts(2, 2, 2), &[]);
    assert!(matches!(judge(APP, "newer", &done, |_, _| true), Judgement::Waiting(text) if text.contains("operator")));
    let stale =
        seen(&json!({ "observedGeneration": 1, "updatedReplicas": 2, "replicas": 2, "availableReplicas": 2 }), &[]);
    assert_eq!(waits(&stale), "Kubernetes has not taken up the change yet");
    assert_eq!(waits(&seen(&counts(1, 3, 2), &[])), "1 of 2 new pods are made");
    assert_eq!(waits(&seen(&counts(2, 3, 2), &[])), "1 old pods are still there");
    assert_eq!(waits(&seen(&counts(2, 2, 1), &[])), "1 of 2 pods are ready");
    assert_eq!(verdict(&done), Judgement::Ready);
}

#[test]
fn the_pod_that_is_stuck_is_named_with_its_condition_or_event() {
    let mut unscheduled = pod("hello-new-a", "new", &json!({}));
    unscheduled["status"] = json!({ "phase": "Pending", "conditions": [{
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available",
    }] });
    let text = waits(&seen(&counts(2, 2, 1), &[unscheduled]));
    assert_eq!(text, "1 of 2 pods are ready; hello-new-a is at Unschedulable: 0/1 nodes are available");

    let creating = json!({ "state": { "waiting": { "reason": "ContainerCreating" } } });
    let mut stuck = seen(&counts(2, 2, 1), &[pod("hello-new-a", "new", &creating)]);
    assert_eq!(waits(&stuck), "1 of 2 pods are ready; hello-new-a is at ContainerCreating");
    stuck.occurrences.insert(object(json!({
        "metadata": { "name": "e", "uid": "e" }, "type": "Warning", "reason": "FailedCreatePodSandBox",
        "message": "no runtime for \"spin\" is configured",
        "involvedObject": { "kind": "Pod", "name": "hello-new-a", "uid": "uid-hello-new-a" },
    })));
    let text = waits(&stuck);
    assert_eq!(
        text,
        "1 of 2 pods are ready; hello-new-a is at FailedCreatePodSandBox: no runtime for \"spin\" is configured"
    );
}

#[test]
fn a_missing_executor_fails_when_it_is_news() {
    let mut seen = Observed::default();
    seen.occurrences.insert(object(json!({
        "metadata": { "name": "e", "uid": "e", "resourceVersion": "7" }, "type": "Warning", "reason": "MissingExecutor",
        "message": "Could not find SpinAppExecutor default/x", "involvedObject": { "kind": "SpinApp", "name": APP },
    })));
    assert!(matches!(verdict(&seen), Judgement::Failed(Failure { kind: Kind::MissingExecutor, .. })));
    assert!(matches!(judge(APP, "new", &seen, |uid, version| (uid, version) != ("e", "7")), Judgement::Waiting(_)));
}

#[test]
fn pods_that_can_not_be_made_fail_the_rollout() {
    let status = |message: &str| {
        let mut status = counts(0, 0, 0);
        status["conditions"] =
            json!([{ "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message }]);
        status
    };
    let forbidden = seen(
        &status("pods \"hello-new-a\" is forbidden: pod rejected: RuntimeClass \"wasmtime-spin-v2\" not found"),
        &[],
    );
    assert!(matches!(verdict(&forbidden), Judgement::Failed(Failure { kind: Kind::Rollout, .. })));
    let young = seen(&status("pods \"hello-new-a\" is forbidden: error looking up service account x/default"), &[]);
    assert!(matches!(verdict(&young), Judgement::Waiting(_)));
}
