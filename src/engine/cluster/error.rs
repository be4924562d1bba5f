//! What can go wrong with a cluster, and the cure.

use miette::Diagnostic;
use thiserror::Error;

use crate::engine::{command::CommandError, docker::DockerError, parts::PartsError, paths::PathsError};

/// A cluster can't be made, found, reached or removed.
#[derive(Debug, Error, Diagnostic)]
pub enum ClusterError {
    /// Someone else's cluster has the name.
    #[error("a {provider} cluster named {name} is there already and was not made by spinkube-dev")]
    #[diagnostic(help(
        "nothing of it was touched: choose another name with `--name`, or remove it yourself with `{provider} delete cluster --name {name}`"
    ))]
    Foreign {
        /// The provider.
        provider: &'static str,
        /// The cluster's name.
        name: String,
    },
    /// There is no cluster of ours with the name.
    #[error("there is no cluster named {name}")]
    #[diagnostic(help("make it with `spinkube-dev up`"))]
    Absent {
        /// The cluster's name.
        name: String,
    },
    /// It was stopped.
    #[error("the cluster {name} is stopped")]
    #[diagnostic(help("start it with `spinkube-dev start`"))]
    Stopped {
        /// The cluster's name.
        name: String,
    },
    /// An `up` was interrupted, or a node was removed by hand.
    #[error("the cluster {name} is only half there")]
    #[diagnostic(help("`spinkube-dev up` makes it anew"))]
    HalfMade {
        /// The cluster's name.
        name: String,
    },
    /// A newer tool set it up.
    #[error("the cluster {name} was set up by spinkube-dev {theirs}, which is newer than this one ({ours})")]
    #[diagnostic(help("use the newer spinkube-dev, or remove the cluster with `spinkube-dev down` first"))]
    Newer {
        /// The cluster's name.
        name: String,
        /// The version that set it up.
        theirs: String,
        /// This version.
        ours: String,
    },
    /// The name can't be one of a cluster.
    #[error("{name} can't be a cluster's name")]
    #[diagnostic(help("use at most 40 lower-case letters, digits and dashes, a letter first"))]
    BadName {
        /// The name.
        name: String,
    },
    /// The provider's program failed.
    #[error("{action} failed: {source}")]
    #[diagnostic(help(
        "the log file (`spinkube-dev status` names it) has all that the program said; then run `spinkube-dev up` again"
    ))]
    Provider {
        /// What was tried.
        action: String,
        /// Its answer.
        source: CommandError,
    },
    /// The user's own provider config can't be used.
    #[error("the cluster config {path} can't be used: {reason}")]
    #[diagnostic(help("compare it with the files in kind-configs/"))]
    Config {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The API server does not answer.
    #[error("the API server of {name} does not answer after {seconds} s: {reason}")]
    #[diagnostic(help(
        "`docker logs {name}-control-plane` tells why; `spinkube-dev down` and `up` make the cluster anew"
    ))]
    NoApi {
        /// The cluster's name.
        name: String,
        /// How long it was waited for.
        seconds: u64,
        /// The last answer.
        reason: String,
    },
    /// The API server refused.
    #[error("the API server could not {action}: {reason}")]
    #[diagnostic(help("`spinkube-dev status` shows the cluster's state"))]
    Api {
        /// What was tried.
        action: String,
        /// Its answer.
        reason: String,
    },
    /// The kubeconfig can't be used.
    #[error("the kubeconfig of {name} can't be used: {reason}")]
    #[diagnostic(help("`spinkube-dev down` and `up` make the cluster anew"))]
    Kubeconfig {
        /// The cluster's name.
        name: String,
        /// Why.
        reason: String,
    },
    /// The file that remembers our clusters is damaged.
    #[error("{path} is damaged: {reason}")]
    #[diagnostic(help("if the cluster is yours remove it with the provider's own command, then delete the file"))]
    Intent {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// No port is free.
    #[error("no free port was found between {from} and {to} for {purpose}")]
    #[diagnostic(help("stop what listens there (`ss -ltnp` shows it)"))]
    NoPort {
        /// The first that was tried.
        from: u16,
        /// The last.
        to: u16,
        /// What it was for.
        purpose: &'static str,
    },
    /// The container engine.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Docker(#[from] DockerError),
    /// The tool's folders.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Paths(#[from] PathsError),
    /// The parts that the program carries.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Parts(#[from] PartsError),
}

impl ClusterError {
    /// Whether this machine, and not the command, is what can't (exit code 3).
    #[must_use]
    pub fn is_of_the_machine(&self) -> bool {
        match self {
            Self::Docker(error) => error.is_of_the_machine(),
            Self::NoPort { .. } => true,
            _ => false,
        }
    }

    /// An error of the Kubernetes API with what was tried.
    pub(crate) fn api(action: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        let action = action.into();
        move |error| Self::Api { action, reason: api_reason(&error) }
    }
}

/// What the API server said, without the client's wrapping of it.
pub(crate) fn api_reason(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}
