//! Clusters: who makes them ([`provider`]), whose they are ([`intent`]), their nodes, their API and the registry
//! beside them.

mod api;
pub mod error;
pub mod forward;
pub mod intent;
pub mod kind;
mod kind_config;
pub mod nodes;
pub mod provider;
pub mod registry;

pub use api::{client_for, wait_for_api};
pub use error::ClusterError;

use intent::{Intent, Owner};
use kube::Client;
use provider::{Found, Node, Provider};

use super::{Engine, Result, parts::Parts};

/// The name of a cluster when none is given.
pub const DEFAULT_NAME: &str = "spinkube";

/// The label by which a node says which of our clusters it belongs to; its value is the cluster's id.
pub const ID_LABEL: &str = "dev.spinkube/cluster-id";

/// A cluster of ours that answers.
#[derive(Clone)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// The kubeconfig context that reaches it.
    pub context: String,
    /// The Docker network that its nodes are on.
    pub network: String,
    /// Its nodes.
    pub nodes: Vec<Node>,
    /// Its API.
    pub client: Client,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("name", &self.name).field("nodes", &self.nodes).finish_non_exhaustive()
    }
}

impl Cluster {
    /// A found cluster with a client for its API.
    #[must_use]
    pub fn new(found: Found, client: Client) -> Self {
        Self { name: found.name, context: found.context, network: found.network, nodes: found.nodes, client }
    }

    /// The node that a port of this machine leads to; every node serves every `NodePort`.
    #[must_use]
    pub fn entry_node(&self) -> Option<&Node> {
        self.nodes.iter().find(|node| node.is_control_plane()).or_else(|| self.nodes.first())
    }
}

/// The provider of a name (`kind`).
#[must_use]
pub fn provider(engine: &Engine, parts: Parts) -> Box<dyn Provider> {
    Box::new(kind::Kind::new(engine.docker.clone(), parts, engine.paths.clone()))
}

/// Our running cluster of a name (the default one when none is given), or why not.
pub async fn ours(engine: &Engine, name: Option<&str>) -> Result<Cluster> {
    let name = name.unwrap_or(DEFAULT_NAME);
    let provider = provider(engine, engine.parts().await?);
    let Some(found) = provider.find(name).await? else {
        return Err(ClusterError::Absent { name: name.into() }.into());
    };
    match owner_of(engine, provider.as_ref(), &found).await? {
        Owner::Foreign => Err(ClusterError::Foreign { provider: provider.name(), name: name.into() }.into()),
        Owner::Begun => Err(ClusterError::HalfMade { name: name.into() }.into()),
        Owner::Ours if !found.nodes.iter().any(|node| node.running) => {
            Err(ClusterError::Stopped { name: name.into() }.into())
        }
        Owner::Ours => {
            let client = client_for(provider.as_ref(), &found).await?;
            Ok(Cluster::new(found, client))
        }
    }
}

/// Whose a found cluster is.
pub async fn owner_of(engine: &Engine, provider: &dyn Provider, found: &Found) -> Result<Owner, ClusterError> {
    let id = provider.id_of(found).await?;
    let intent = Intent::read(&engine.paths, provider.name(), &found.name)?;
    Ok(intent::owner(found, id.as_deref(), intent.as_ref()))
}

/// Refuses names that can't be part of a container's, a host's and a context's name.
pub fn check_name(name: &str) -> Result<(), ClusterError> {
    let good = name.len() <= 40
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-');
    if good { Ok(()) } else { Err(ClusterError::BadName { name: name.into() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for good in ["spinkube", "a-1"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "Upper", "1st", "a_b", "a/b", "a--flag; rm", &"x".repeat(41)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
