//! The errors that containerd sees, and the ttrpc codes they travel as.

use containerd_shim_protos::ttrpc;

/// Why a call of the Task service failed. Each text is one sentence, shown by `kubectl describe pod`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The container or exec is not in this pod.
    #[error("{0} is not known to this shim")]
    NotFound(String),
    /// The id is taken.
    #[error("{0} already exists in this pod")]
    Exists(String),
    /// The call does not fit the state.
    #[error("{0}")]
    State(String),
    /// The request cannot be understood.
    #[error("{0}")]
    Invalid(String),
    /// The call is not offered.
    #[error("{0} is not supported by the Spin shim")]
    Unsupported(&'static str),
    /// runc refused.
    #[error(transparent)]
    Runc(#[from] crate::runc::Error),
    /// The operating system refused.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done, with the path.
        doing: String,
        /// The system's own words.
        source: std::io::Error,
    },
    /// An image that is no Spin app, or a damaged one.
    #[error(transparent)]
    Image(#[from] crate::image::Error),
    /// containerd's API.
    #[error(transparent)]
    Containerd(#[from] crate::containerd::Error),
    /// Native code.
    #[error(transparent)]
    Native(#[from] crate::native_cache::Error),
    /// A helper of ours.
    #[error(transparent)]
    Helper(#[from] crate::helper::Error),
    /// The app's files.
    #[error(transparent)]
    Assets(#[from] crate::assets::Error),
    /// The app can't run; the text is its own.
    #[error("the Spin app did not start: {0}")]
    App(String),
    /// From the shim crate.
    #[error(transparent)]
    Shim(#[from] containerd_shim::Error),
}

/// The result of a call of the Task service.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Wraps a system error with what was being done.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}

impl From<Error> for ttrpc::Error {
    fn from(error: Error) -> Self {
        use ttrpc::Code;
        let code = match &error {
            Error::NotFound(_) => Code::NOT_FOUND,
            Error::Exists(_) => Code::ALREADY_EXISTS,
            Error::State(_) => Code::FAILED_PRECONDITION,
            Error::Invalid(_) => Code::INVALID_ARGUMENT,
            Error::Unsupported(_) => Code::UNIMPLEMENTED,
            _ => Code::UNKNOWN,
        };
        ttrpc::Error::RpcStatus(ttrpc::get_status(code, error.to_string()))
    }
}
