//! What can go wrong with the platform's parts, and the cure.

use miette::Diagnostic;
use thiserror::Error;

use crate::engine::{cluster::ClusterError, docker::DockerError, parts::PartsError};

/// Shim, operator or executor can't be installed or does not work.
#[derive(Debug, Error, Diagnostic)]
pub enum PlatformError {
    /// A manifest that we ship can't be read.
    #[error("the manifest {name} that this program carries can't be read: {reason}")]
    #[diagnostic(help("this is a fault of the tool; please report it"))]
    Manifest {
        /// Its file.
        name: &'static str,
        /// Why.
        reason: String,
    },
    /// The API server refused an object.
    #[error("the API server refused {kind} {name}: {reason}")]
    #[diagnostic(help("`spinkube-dev status` shows the cluster's state; `spinkube-dev up` tries again"))]
    Refused {
        /// The object's kind.
        kind: String,
        /// The object's name.
        name: String,
        /// Its answer.
        reason: String,
    },
    /// Watching an object failed.
    #[error("{what} can't be watched: {source}")]
    #[diagnostic(help("`spinkube-dev up` tries again"))]
    Watch {
        /// The object.
        what: String,
        /// Why.
        source: Box<kube::runtime::wait::Error>,
    },
    /// A Deployment did not come up.
    #[error("{namespace}/{name} is not available after {seconds} s")]
    #[diagnostic(help("`kubectl -n {namespace} describe pods` tells why"))]
    NotAvailable {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The probe pod did not start.
    #[error("the shim on node {node} does not start a Spin app: {reason}")]
    #[diagnostic(help(
        "`docker exec {node} journalctl -u containerd` tells more; `spinkube-dev down` and `up` install it anew"
    ))]
    Shim {
        /// The node.
        node: String,
        /// What the kubelet said.
        reason: String,
    },
    /// The container engine.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Docker(#[from] DockerError),
    /// The cluster.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Cluster(#[from] ClusterError),
    /// The parts that the program carries.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Parts(#[from] PartsError),
}

impl PlatformError {
    /// Whether the API server asked a webhook and nothing answered: the one refusal that passes by itself, when the
    /// operator has just started.
    pub(super) fn is_unreachable_webhook(&self) -> bool {
        matches!(self, Self::Refused { reason, .. } if reason.contains("failed calling webhook"))
    }
}
