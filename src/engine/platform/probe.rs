//! The proof that a node's shim works: a pod that runs a Spin app on it.
//!
//! Our shim reports a start only when the app listens, so a running container is an app that answers.

use std::time::Duration;

use futures::future::try_join_all;
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams},
    runtime::wait::{await_condition, delete::delete_and_finalize},
};
use serde_json::json;
use spinkube_api::contract::RUNTIME_CLASS;

use super::PlatformError;
use crate::engine::cluster::{error::api_reason, provider::Node};

/// The operator's own namespace takes restricted pods only, and a Spin app listens on port 80.
const NAMESPACE: &str = "kube-system";
const LIMIT: Duration = Duration::from_mins(1);

/// Runs `image`, which is a Spin app, on each node, and removes it again.
pub async fn verify(client: &Client, nodes: &[Node], image: &str) -> Result<(), PlatformError> {
    account(client).await?;
    try_join_all(nodes.iter().map(|node| verify_node(client, node, image))).await?;
    Ok(())
}

/// Waits for the account that a pod of a new cluster is refused without.
async fn account(client: &Client) -> Result<(), PlatformError> {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), NAMESPACE);
    let what = || format!("{NAMESPACE}/default");
    let made = await_condition(accounts, "default", |account: Option<&ServiceAccount>| account.is_some());
    match tokio::time::timeout(LIMIT, made).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(source)) => Err(PlatformError::Watch { what: what(), source: Box::new(source) }),
        Err(_) => Err(PlatformError::NotAvailable {
            namespace: NAMESPACE.into(),
            name: "the service account default".into(),
            seconds: LIMIT.as_secs(),
        }),
    }
}

async fn verify_node(client: &Client, node: &Node, image: &str) -> Result<(), PlatformError> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let name = format!("shim-probe-{}", node.name);
    remove(&pods, &name).await?;
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": name, "namespace": NAMESPACE },
        "spec": {
            "runtimeClassName": RUNTIME_CLASS,
            "nodeName": node.name,
            "restartPolicy": "Never",
            "automountServiceAccountToken": false,
            "terminationGracePeriodSeconds": 0,
            "tolerations": [{ "operator": "Exists" }],
            "containers": [{ "name": "probe", "image": image, "command": ["/"] }],
        },
    });
    let refused = |error| PlatformError::Refused { kind: "Pod".into(), name: name.clone(), reason: api_reason(&error) };
    pods.patch(&name, &PatchParams::apply("spinkube-dev").force(), &Patch::Apply(pod)).await.map_err(refused)?;
    let settled = await_condition(pods.clone(), &name, |pod: Option<&Pod>| pod.and_then(verdict).is_some());
    let result = match tokio::time::timeout(LIMIT, settled).await {
        Ok(Ok(pod)) => pod.as_ref().and_then(verdict).unwrap_or(Err("the pod is gone".into())),
        Ok(Err(source)) => {
            return Err(PlatformError::Watch { what: format!("{NAMESPACE}/{name}"), source: Box::new(source) });
        }
        Err(_) => Err(format!("the probe pod is not running after {} s", LIMIT.as_secs())),
    };
    remove(&pods, &name).await?;
    result.map_err(|reason| PlatformError::Shim { node: node.name.clone(), reason })
}

async fn remove(pods: &Api<Pod>, name: &str) -> Result<(), PlatformError> {
    if pods.get_opt(name).await.is_ok_and(|pod| pod.is_none()) {
        return Ok(());
    }
    let gone = delete_and_finalize(pods.clone(), name, &DeleteParams::default()).await;
    gone.map_err(|error| PlatformError::Shim {
        node: name.into(),
        reason: format!("its probe pod can't be removed: {error}"),
    })
}

/// What a pod's state says of the shim; `None` while it is open.
fn verdict(pod: &Pod) -> Option<Result<(), String>> {
    let state = pod.status.as_ref()?.container_statuses.as_ref()?.first()?.state.as_ref()?;
    if state.running.is_some() {
        return Some(Ok(()));
    }
    if let Some(ended) = &state.terminated {
        let message = ended.message.clone().or_else(|| ended.reason.clone());
        return Some(Err(message.unwrap_or_else(|| format!("it ended with {}", ended.exit_code))));
    }
    let waiting = state.waiting.as_ref()?;
    let failed = ["CreateContainerError", "RunContainerError", "ErrImagePull", "ImagePullBackOff", "InvalidImageName"];
    let reason = waiting.reason.as_deref().filter(|reason| failed.contains(reason))?;
    Some(Err(waiting.message.clone().unwrap_or_else(|| reason.into())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn pod(state: &serde_json::Value) -> Pod {
        let status = json!({ "containerStatuses": [{
            "name": "probe", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state,
        }] });
        serde_json::from_value(json!({ "metadata": {}, "status": status })).unwrap()
    }

    #[test]
    fn a_pods_state_is_judged() {
        assert_eq!(verdict(&pod(&json!({ "waiting": { "reason": "ContainerCreating" } }))), None);
        assert_eq!(verdict(&pod(&json!({ "running": {} }))), Some(Ok(())));
        let failed = pod(&json!({ "waiting": { "reason": "CreateContainerError", "message": "no runtime for spin" } }));
        assert_eq!(verdict(&failed), Some(Err("no runtime for spin".into())));
        let ended = pod(&json!({ "terminated": { "exitCode": 1, "reason": "Error" } }));
        assert_eq!(verdict(&ended), Some(Err("Error".into())));
    }
}
