//! Every way in which a command can fail, and the exit code that tells a script which.

use miette::Diagnostic;
use thiserror::Error;

use super::{
    app::AppError, cluster::ClusterError, docker::DockerError, host::HostError, node_image::NodeImageError,
    parts::PartsError, paths::PathsError, platform::PlatformError,
};

/// A command's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any subsystem's error, as it is; each has its own text and cure.
#[derive(Debug, Error, Diagnostic)]
pub enum Error {
    /// The container engine.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Docker(#[from] DockerError),
    /// What this machine lacks.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Host(#[from] HostError),
    /// The tool's folders.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Paths(#[from] PathsError),
    /// The parts that the program carries.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Parts(#[from] PartsError),
    /// Cluster, nodes, registry.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Cluster(#[from] ClusterError),
    /// The node image.
    #[error(transparent)]
    #[diagnostic(transparent)]
    NodeImage(#[from] NodeImageError),
    /// Shim, operator, executor.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Platform(#[from] PlatformError),
    /// An app.
    #[error(transparent)]
    #[diagnostic(transparent)]
    App(#[from] AppError),
    /// The command can't mean what was asked.
    #[error("{message}")]
    #[diagnostic(help("{help}"))]
    Usage {
        /// What is wrong with it.
        message: String,
        /// What to write instead.
        help: String,
    },
    /// A task of ours was cancelled or died.
    #[error("the command was interrupted")]
    #[diagnostic(help("run it again: every command picks up where it was left"))]
    Interrupted,
}

impl Error {
    /// The process's exit code: 1 it failed, 2 wrong usage, 3 this machine can't do it, 130 interrupted.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Docker(error) if error.is_of_the_machine() => 3,
            Self::Cluster(error) if error.is_of_the_machine() => 3,
            Self::App(error) if error.is_of_the_machine() => 3,
            Self::App(AppError::Interrupted) => 130,
            Self::Host(_) => 3,
            Self::Usage { .. } | Self::Cluster(ClusterError::BadName { .. }) => 2,
            Self::App(AppError::NoSource { .. } | AppError::BadVariable { .. } | AppError::BadEnvFile { .. }) => 2,
            Self::Interrupted => 130,
            _ => 1,
        }
    }
}

/// A task that did not come to its end was cancelled with its command, or panicked (which the log tells).
pub(crate) fn interrupted(error: &tokio::task::JoinError) -> Error {
    tracing::error!(%error, "a task ended early");
    Error::Interrupted
}
