//! Why a reconciliation failed.

use spinkube_api::runtime_config::RuntimeConfigError;

use crate::desired::DesiredError;

/// A failed reconciliation. The text goes into an Event and a condition of the object, so it says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The executor that the app names exists neither in its namespace nor in the default one.
    #[error("Could not find SpinAppExecutor {namespace}/{name}")]
    MissingExecutor {
        /// The app's namespace.
        namespace: String,
        /// The name in `spec.executor`.
        name: String,
    },
    /// The executor wants Deployments but does not say which.
    #[error(
        "SpinAppExecutor {namespace}/{name} has createDeployment but no deploymentConfig; add spec.deploymentConfig"
    )]
    MissingDeploymentConfig {
        /// The executor's namespace.
        namespace: String,
        /// The executor's name.
        name: String,
    },
    /// An object that the runtime config takes values from does not exist.
    #[error("{resource} {name:?} not found; create it, or change the reference in spec.runtimeConfig")]
    MissingReference {
        /// `secrets` or `configmaps`.
        resource: &'static str,
        /// Its name.
        name: String,
    },
    /// The app's Deployment has an owner already, and it isn't the app.
    #[error("{kind} {name:?} exists and does not belong to this SpinApp; rename the app, or delete the {kind}")]
    NotOurs {
        /// `Deployment` or `Service`.
        kind: &'static str,
        /// Its name, the app's.
        name: String,
    },
    /// The app's runtime config can't be written.
    #[error(transparent)]
    RuntimeConfig(#[from] RuntimeConfigError),
    /// The app's Deployment can't be built.
    #[error("failed to construct Deployment: {0}")]
    Desired(#[from] DesiredError),
    /// The stored object does not have the form of its kind.
    #[error("the stored object can't be read: {0}; apply it again in a valid form")]
    Invalid(String),
    /// An executor that is being deleted still has apps.
    #[error("Cannot delete SpinAppExecutor with dependent SpinApps")]
    DeletionBlocked,
    /// The API server does not answer.
    #[error("the API server took too long")]
    TooSlow,
    /// The API server refused, or can't be reached.
    #[error("Kubernetes API: {0}")]
    Api(#[source] Box<kube::Error>),
}

impl From<kube::Error> for Error {
    fn from(error: kube::Error) -> Self {
        Self::Api(Box::new(error))
    }
}

impl Error {
    /// The reason in Events and conditions.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::MissingExecutor { .. } => "MissingExecutor",
            Self::MissingDeploymentConfig { .. } => "MissingDeploymentConfig",
            Self::MissingReference { .. } => "MissingReference",
            Self::NotOurs { .. } => "NotOurs",
            Self::RuntimeConfig(_) => "InvalidRuntimeConfig",
            Self::Desired(_) | Self::Invalid(_) => "InvalidSpec",
            Self::DeletionBlocked => "DeletionBlocked",
            Self::TooSlow | Self::Api(_) => "ReconcileFailed",
        }
    }
}
