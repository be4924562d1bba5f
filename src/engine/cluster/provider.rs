//! What makes and removes clusters.
//!
//! A provider creates nodes and says how to reach them. All that follows goes through the Docker API and the
//! Kubernetes API, so that it is the same for each provider.

use async_trait::async_trait;
use kube::config::Kubeconfig;

use super::ClusterError;
use crate::engine::bus::Events;

/// A tool that makes clusters out of containers, or adopts one that is there.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Its name, as in `--provider`.
    fn name(&self) -> &'static str;

    /// What is there under this cluster name, running or not, ours or not.
    async fn find(&self, cluster: &str) -> Result<Option<Found>, ClusterError>;

    /// Creates the cluster up to a running API server; nodes need not be Ready yet.
    async fn create(&self, spec: &Spec, events: &Events) -> Result<(), ClusterError>;

    /// Removes the cluster (or, where it was adopted, nothing).
    async fn delete(&self, cluster: &str) -> Result<(), ClusterError>;

    /// The id label's value that the cluster was created with, read from its node, running or not.
    async fn id_of(&self, found: &Found) -> Result<Option<String>, ClusterError>;

    /// A kubeconfig that reaches the cluster from this machine, whatever the user's own says.
    async fn kubeconfig(&self, found: &Found) -> Result<Kubeconfig, ClusterError>;

    /// Writes the cluster's context into the user's kubeconfig when it is not there.
    async fn export_kubeconfig(&self, found: &Found) -> Result<(), ClusterError>;
}

/// The cluster to create.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Its name.
    pub name: String,
    /// Its id, which becomes a label of each node.
    pub id: String,
    /// Worker nodes beside the control plane.
    pub workers: usize,
    /// The image of its nodes.
    pub node_image: String,
    /// The user's own provider config instead of ours.
    pub config: Option<std::path::PathBuf>,
    /// What this host needs beyond the default config.
    pub quirks: Vec<crate::engine::host::Quirk>,
}

/// A cluster as its containers show it.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// The kubeconfig context that reaches it.
    pub context: String,
    /// The Docker network that its nodes are on.
    pub network: String,
    /// Its nodes; at least one.
    pub nodes: Vec<Node>,
}

/// A node, which is a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name, in Docker and in Kubernetes.
    pub name: String,
    /// `control-plane` or `worker`.
    pub role: String,
    /// Whether the container runs.
    pub running: bool,
    /// When the container was created, in seconds since 1970.
    pub created: i64,
}

impl Node {
    /// Whether the API server runs in it.
    #[must_use]
    pub fn is_control_plane(&self) -> bool {
        self.role == "control-plane"
    }
}
