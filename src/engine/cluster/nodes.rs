//! What is done to nodes through their containers: waiting for them, and images into their containerd.

use std::time::Duration;

use futures::future::{join_all, try_join_all};
use k8s_openapi::api::core::v1::{Node as KubeNode, Pod};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams},
};

use super::{
    ClusterError, ID_LABEL,
    provider::{Found, Node, Provider},
};
use crate::engine::docker::{
    Docker, DockerError,
    files::{Content, Upload},
    image::Built,
};

/// Between two looks at containers that another program is about to create.
const LOOK: Duration = Duration::from_millis(100);
/// The runtime of Spin pods in containerd's configuration.
const RUNTIME_TYPE: &str = "io.containerd.spin.v2";
/// How long a node's containerd may take to answer with its final configuration, in tenths of a second.
const CONTAINERD_TENTHS: u32 = 600;

/// Where the kernel has cgroup v1: runc freezes a container's processes for a moment while it makes it, and frozen ones
/// can't be killed there. A node that is killed in that moment stays for ever. So nothing makes containers any more, and
/// nothing is frozen, when this ends.
const QUIESCE: &str = "[ -d /sys/fs/cgroup/freezer ] || exit 0
systemctl --no-block stop kubelet containerd
systemctl kill --signal=KILL kubelet containerd
pkill -KILL -x runc
find /sys/fs/cgroup/freezer -mindepth 2 -name freezer.state | while read -r state; do echo THAWED >\"$state\"; done";

/// How long that may take in a node that is not well.
const QUIESCE_LIMIT: Duration = Duration::from_secs(3);

/// Waits until the provider has started as many nodes as it was asked for. Never ends when it fails to: race it
/// against the provider.
pub async fn started(provider: &dyn Provider, cluster: &str, count: usize) -> Result<Found, ClusterError> {
    loop {
        if let Some(found) = provider.find(cluster).await? {
            let running = found.nodes.iter().filter(|node| node.running).count();
            if running >= count {
                return Ok(found);
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Puts an image into the containerd of each node, where it isn't there yet.
pub async fn import(docker: &Docker, nodes: &[Node], image: &Built) -> Result<(), ClusterError> {
    try_join_all(nodes.iter().map(|node| import_one(docker, node, image))).await?;
    Ok(())
}

/// Readies nodes for being killed. What fails is of no matter to a node that goes, and logged: it may be half made.
pub async fn quiesce(docker: &Docker, nodes: &[Node]) {
    let running = nodes.iter().filter(|node| node.running);
    let each = running.map(|node| async {
        match tokio::time::timeout(QUIESCE_LIMIT, docker.exec(&node.name, &["sh", "-c", QUIESCE])).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::debug!(%error, node = %node.name, "not readied for its end"),
            Err(_) => tracing::debug!(node = %node.name, "not readied for its end in time"),
        }
    });
    join_all(each).await;
}

/// Makes the API server forget nodes whose containers are gone, and their pods, so that others take their place now and
/// not after the minutes that a lost node is given to come back.
pub async fn forget_removed(client: &Client, there: &[Node]) -> Result<(), ClusterError> {
    let nodes: Api<KubeNode> = Api::all(client.clone());
    let ours = ListParams::default().labels(ID_LABEL);
    let listed = nodes.list(&ours).await.map_err(ClusterError::api("list the nodes"))?;
    let gone = listed.iter().map(ResourceExt::name_any).filter(|name| there.iter().all(|node| node.name != *name));
    for name in gone {
        let forgetting = |error| ClusterError::api(format!("forget the removed node {name}"))(error);
        ignore_absent(nodes.delete(&name, &DeleteParams::default()).await).map_err(forgetting)?;
        let on_it = ListParams::default().fields(&format!("spec.nodeName={name}"));
        for pod in Api::<Pod>::all(client.clone()).list(&on_it).await.map_err(forgetting)? {
            let pods: Api<Pod> = Api::namespaced(client.clone(), &pod.namespace().unwrap_or_default());
            let deleted = pods.delete(&pod.name_any(), &DeleteParams::default().grace_period(0)).await;
            ignore_absent(deleted).map_err(forgetting)?;
        }
    }
    Ok(())
}

/// Whatever it was, it is gone: another may have been quicker.
fn ignore_absent<T>(deleted: kube::Result<T>) -> kube::Result<()> {
    match deleted {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        other => other.map(drop),
    }
}

async fn import_one(docker: &Docker, node: &Node, image: &Built) -> Result<(), DockerError> {
    let has = format!("ctr -n k8s.io images ls -q name=={} | grep -q .", image.reference);
    // kind restarts containerd once with our configuration: what talks to it before is cut off. From then on it knows
    // the runtime of Spin pods.
    let ready = format!(
        "i=0; until crictl info 2>/dev/null | grep -q {RUNTIME_TYPE}; do \
         i=$((i+1)); [ $i -lt {CONTAINERD_TENTHS} ] || exit 70; sleep 0.1; done"
    );
    if docker.exec(&node.name, &["sh", "-c", &format!("{ready}; {has}")]).await.is_ok() {
        return Ok(());
    }
    let file = format!("/var/lib/spinkube-dev/{}.tar", image.reference.replace(['/', ':'], "-"));
    let upload = Upload { path: &file, content: Content::File(&image.archive, 0o600) };
    docker.upload(&node.name, &[upload]).await?;
    let import = format!("{ready}; ctr -n k8s.io images import {file}; code=$?; rm -f {file}; exit $code");
    docker.exec(&node.name, &["sh", "-c", &import]).await?;
    Ok(())
}
