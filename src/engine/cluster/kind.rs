//! The provider `kind`: clusters through the pinned kind CLI, looked at through the Docker API.

use std::{collections::BTreeMap, path::PathBuf};

use async_trait::async_trait;
use bollard::models::ContainerSummaryStateEnum;
use kube::config::Kubeconfig;

use super::{
    ClusterError, ID_LABEL, kind_config, nodes,
    provider::{Found, Node, Provider, Spec},
};
use crate::engine::{
    bus::Events,
    command::{CommandError, Run},
    docker::Docker,
    parts::Parts,
    paths::{Paths, write_private},
};

const CLUSTER_LABEL: &str = "io.x-k8s.kind.cluster";
const ROLE_LABEL: &str = "io.x-k8s.kind.role";
/// Where kind keeps the kubeadm config in a node; our label is in it.
const KUBEADM_CONFIG: &str = "/kind/kubeadm.conf";
const ADMIN_CONFIG: &str = "/etc/kubernetes/admin.conf";
const API_PORT: &str = "6443/tcp";

/// kind, driven through its CLI.
#[derive(Debug)]
pub struct Kind {
    docker: Docker,
    parts: Parts,
    paths: Paths,
}

impl Kind {
    /// A provider which uses the kind that this program carries.
    #[must_use]
    pub fn new(docker: Docker, parts: Parts, paths: Paths) -> Self {
        Self { docker, parts, paths }
    }

    fn command(&self) -> Result<Run, ClusterError> {
        // The engine that the API calls go to is the one that kind must use, not podman beside it.
        Ok(Run::new(self.parts.path("kind")?).env("KIND_EXPERIMENTAL_PROVIDER", "docker"))
    }

    fn config_file(&self, cluster: &str) -> PathBuf {
        self.paths.state.join("clusters").join(format!("kind-{cluster}.yaml"))
    }

    fn control_plane(found: &Found) -> Result<&Node, ClusterError> {
        let node = found.nodes.iter().find(|node| node.is_control_plane());
        node.ok_or_else(|| ClusterError::HalfMade { name: found.name.clone() })
    }
}

#[async_trait]
impl Provider for Kind {
    fn name(&self) -> &'static str {
        "kind"
    }

    async fn find(&self, cluster: &str) -> Result<Option<Found>, ClusterError> {
        let containers = self.docker.labelled(&format!("{CLUSTER_LABEL}={cluster}")).await?;
        let mut network = None;
        let mut nodes = Vec::new();
        for container in containers {
            let label = |key| container.labels.as_ref().and_then(|labels| labels.get(key)).cloned();
            let names = container.names.unwrap_or_default();
            nodes.push(Node {
                name: names.first().map(|name| name.trim_start_matches('/').to_owned()).unwrap_or_default(),
                role: label(ROLE_LABEL).unwrap_or_default(),
                running: container.state == Some(ContainerSummaryStateEnum::RUNNING),
                created: container.created.unwrap_or_default(),
            });
            let networks: BTreeMap<_, _> = container
                .network_settings
                .and_then(|settings| settings.networks)
                .unwrap_or_default()
                .into_iter()
                .collect();
            network = network.or_else(|| networks.into_keys().next());
        }
        if nodes.is_empty() {
            return Ok(None);
        }
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Some(Found {
            name: cluster.into(),
            context: format!("kind-{cluster}"),
            network: network.unwrap_or_else(|| "kind".into()),
            nodes,
        }))
    }

    async fn create(&self, spec: &Spec, events: &Events) -> Result<(), ClusterError> {
        let config = kind_config::render(spec)?;
        let file = self.config_file(&spec.name);
        write_private(&file, config.as_bytes())?;
        let run = self.command()?.args(["create", "cluster", "--name", &spec.name, "--config"]).args([&file]);
        run.lines(|line| {
            tracing::info!(target: "kind", "{line}");
            if let Some(detail) = progress(line) {
                events.progress("create the cluster", detail);
            }
        })
        .await
        .map_err(failed(format!("creating the kind cluster {}", spec.name)))?;
        Ok(())
    }

    async fn delete(&self, cluster: &str) -> Result<(), ClusterError> {
        if let Some(found) = self.find(cluster).await? {
            nodes::quiesce(&self.docker, &found.nodes).await;
        }
        let run = self.command()?.args(["delete", "cluster", "--name", cluster]);
        run.lines(|line| tracing::info!(target: "kind", "{line}"))
            .await
            .map_err(failed(format!("deleting the kind cluster {cluster}")))?;
        let file = self.config_file(cluster);
        if let Err(error) = std::fs::remove_file(&file) {
            tracing::debug!(%error, file = %file.display(), "no rendered config to remove");
        }
        Ok(())
    }

    async fn id_of(&self, found: &Found) -> Result<Option<String>, ClusterError> {
        let Some(node) = found.nodes.iter().find(|node| node.is_control_plane()) else { return Ok(None) };
        let config = self.docker.read_file(&node.name, KUBEADM_CONFIG).await?;
        Ok(config.as_deref().and_then(id_in))
    }

    async fn kubeconfig(&self, found: &Found) -> Result<Kubeconfig, ClusterError> {
        let node = Self::control_plane(found)?;
        let broken = |reason: String| ClusterError::Kubeconfig { name: found.name.clone(), reason };
        let absent = || ClusterError::HalfMade { name: found.name.clone() };
        let text = self.docker.read_file(&node.name, ADMIN_CONFIG).await?.ok_or_else(absent)?;
        let mut config: Kubeconfig = serde_saphyr::from_str(&text).map_err(|error| broken(error.to_string()))?;
        let ports = self.docker.inspect(&node.name).await?.and_then(|it| it.network_settings).and_then(|it| it.ports);
        let binding =
            ports.and_then(|mut ports| ports.remove(API_PORT).flatten()).and_then(|all| all.into_iter().next());
        let binding = binding.ok_or_else(absent)?;
        let host = binding.host_ip.filter(|ip| ip != "0.0.0.0").unwrap_or_else(|| "127.0.0.1".into());
        let port = binding.host_port.ok_or_else(absent)?;
        for cluster in config.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
            cluster.server = Some(format!("https://{host}:{port}"));
        }
        Ok(config)
    }

    async fn export_kubeconfig(&self, found: &Found) -> Result<(), ClusterError> {
        let users_own = Kubeconfig::read();
        if users_own.is_ok_and(|config| config.contexts.iter().any(|context| context.name == found.context)) {
            return Ok(());
        }
        let run = self.command()?.args(["export", "kubeconfig", "--name", &found.name]);
        run.output().await.map_err(failed(format!("writing the context {} into the kubeconfig", found.context)))?;
        Ok(())
    }
}

fn failed(action: String) -> impl FnOnce(CommandError) -> ClusterError {
    move |source| ClusterError::Provider { action, source }
}

/// The id among the node labels of a kubeadm config.
fn id_in(kubeadm_config: &str) -> Option<String> {
    let (_, rest) = kubeadm_config.split_once(&format!("{ID_LABEL}="))?;
    let id: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
    (!id.is_empty()).then_some(id)
}

/// What a line of kind's says it is doing; `None` for lines that say nothing of the kind.
fn progress(line: &str) -> Option<String> {
    let action = line.trim().strip_prefix('•')?;
    let words = action.split_whitespace().filter(|word| word.is_ascii() && *word != "...");
    let text = words.collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_id_is_found_among_other_labels() {
        let config =
            "kubeletExtraArgs:\n  - name: node-labels\n    value: \"a=b,dev.spinkube/cluster-id=00ff12,c=d\"\n";
        assert_eq!(id_in(config).as_deref(), Some("00ff12"));
        assert_eq!(id_in("kind: InitConfiguration"), None);
    }

    #[test]
    fn kinds_lines_become_words() {
        assert_eq!(progress(" • Preparing nodes 📦   ...").as_deref(), Some("Preparing nodes"));
        assert_eq!(progress(" ✓ Preparing nodes 📦 "), None);
        assert_eq!(progress("Creating cluster \"x\" ..."), None);
    }
}
