//! Whose cluster it is.
//!
//! kind sets only its own Docker labels, and labels can't be added to a container later. So a cluster's id is
//! written to an intent file *before* the cluster is created, and given to each node as a node label through the
//! provider's config, from where it can be read back even of a node that is stopped.

use std::{fs, io, path::PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{ClusterError, provider::Found};
use crate::engine::paths::{Paths, private_dir, write_private};

/// What is remembered of a cluster of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// The cluster's id.
    pub id: String,
    /// Whether its creation came to an end.
    pub created: bool,
    /// When its creation began, in seconds since 1970.
    pub began: i64,
    /// Nodes that it was made with.
    pub nodes: usize,
}

/// What the containers and the intent file say about a name together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// We made it, whole.
    Ours,
    /// We began to make it.
    Begun,
    /// Somebody else did.
    Foreign,
}

impl Intent {
    /// A new cluster's intent, with an id that no other cluster has.
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        let now = jiff::Timestamp::now();
        let seed = format!("{}-{}", now.as_nanosecond(), std::process::id());
        Self { id: hex::encode(&Sha256::digest(seed)[..8]), created: false, began: now.as_second(), nodes }
    }

    /// The intent of a cluster, if there is one.
    pub fn read(paths: &Paths, provider: &str, cluster: &str) -> Result<Option<Self>, ClusterError> {
        let path = file(paths, provider, cluster);
        let damaged = |reason: String| ClusterError::Intent { path: path.display().to_string(), reason };
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| damaged(error.to_string())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(damaged(error.to_string())),
        }
    }

    /// Keeps it.
    pub fn write(&self, paths: &Paths, provider: &str, cluster: &str) -> Result<(), ClusterError> {
        let path = file(paths, provider, cluster);
        private_dir(&paths.state.join("clusters"))?;
        let text = serde_json::to_vec(self)
            .map_err(|error| ClusterError::Intent { path: path.display().to_string(), reason: error.to_string() })?;
        Ok(write_private(&path, &text)?)
    }

    /// Forgets it.
    pub fn remove(paths: &Paths, provider: &str, cluster: &str) -> Result<(), ClusterError> {
        let path = file(paths, provider, cluster);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(ClusterError::Intent { path: path.display().to_string(), reason: error.to_string() })
            }
            _ => Ok(()),
        }
    }
}

/// Judges a found cluster by the id in its node (`id`) and the intent.
#[must_use]
pub fn owner(found: &Found, id: Option<&str>, intent: Option<&Intent>) -> Owner {
    match (id, intent) {
        // An id without an intent: made by us from another home directory, or the state was lost.
        (Some(_), None) => Owner::Ours,
        (Some(id), Some(intent)) if id == intent.id => {
            if intent.created {
                Owner::Ours
            } else {
                Owner::Begun
            }
        }
        // Killed after the container was created and before the provider wrote its config into it.
        (None, Some(intent)) if !intent.created && found.nodes.iter().all(|node| node.created >= intent.began) => {
            Owner::Begun
        }
        // An id that is not the intent's: another home's cluster took the name after ours was removed by hand.
        (Some(_), Some(_)) => Owner::Ours,
        (None, _) => Owner::Foreign,
    }
}

fn file(paths: &Paths, provider: &str, cluster: &str) -> PathBuf {
    paths.state.join("clusters").join(format!("{provider}-{cluster}.json"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::engine::cluster::provider::Node;

    fn found(created: i64) -> Found {
        let node = Node { name: "x-control-plane".into(), role: "control-plane".into(), running: true, created };
        Found { name: "x".into(), context: "kind-x".into(), network: "kind".into(), nodes: vec![node] }
    }

    #[test]
    fn ownership_is_judged_by_id_and_intent() {
        let whole = Intent { id: "a".into(), created: true, began: 100, nodes: 1 };
        let begun = Intent { created: false, ..whole.clone() };
        assert_eq!(owner(&found(110), Some("a"), Some(&whole)), Owner::Ours);
        assert_eq!(owner(&found(110), Some("a"), None), Owner::Ours);
        assert_eq!(owner(&found(110), Some("a"), Some(&begun)), Owner::Begun);
        assert_eq!(owner(&found(110), None, Some(&begun)), Owner::Begun);
        assert_eq!(owner(&found(90), None, Some(&begun)), Owner::Foreign, "it is older than our attempt");
        assert_eq!(owner(&found(110), None, Some(&whole)), Owner::Foreign, "ours would carry its id");
        assert_eq!(owner(&found(110), None, None), Owner::Foreign);
    }

    #[test]
    fn an_intent_is_kept_and_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::at(dir.path().join("cache"), dir.path().join("state")).unwrap();
        let intent = Intent::new(1);
        assert_eq!(Intent::read(&paths, "kind", "x").unwrap(), None);
        intent.write(&paths, "kind", "x").unwrap();
        assert_eq!(Intent::read(&paths, "kind", "x").unwrap(), Some(intent));
        Intent::remove(&paths, "kind", "x").unwrap();
        Intent::remove(&paths, "kind", "x").unwrap();
        assert_eq!(Intent::read(&paths, "kind", "x").unwrap(), None);
    }
}
