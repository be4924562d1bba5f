//! Why a manifest that is right can't be locked.

use std::path::PathBuf;

use crate::manifest::ManifestError;

/// A source or file that the manifest names is not as it should be.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum LockError {
    /// Something in the manifest, with its place.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Manifest(#[from] ManifestError),
    /// The app has not been built.
    #[error("component {component}: its wasm {} is not there; {cure}", path.display())]
    MissingWasm {
        /// Id of the component.
        component: String,
        /// The file that `source` names.
        path: PathBuf,
        /// What to do.
        cure: String,
    },
    /// The file is something else.
    #[error("component {component}: {} is no wasm file; check `source` and the build command", path.display())]
    NotWasm {
        /// Id of the component.
        component: String,
        /// The file that `source` names.
        path: PathBuf,
    },
    /// The system refused.
    #[error("can't read {}: {source}; check its permissions", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}
