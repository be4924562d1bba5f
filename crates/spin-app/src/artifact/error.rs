//! Why an artifact can't be made.

use std::path::PathBuf;

/// A content of the app is not as it was when the app was locked, or can't be pushed.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// A file has gone or can't be read.
    #[error("can't read {}: {source}; build the app again", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is no room for an archive.
    #[error("can't write an archive of {component}'s files to the temporary folder: {source}; free some space")]
    Archive {
        /// Id of the component.
        component: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The locked app was not made by [`crate::lock`].
    #[error("component {component}: its content names no file on this machine; lock the app again from its spin.toml")]
    NotLocal {
        /// Id of the component.
        component: String,
    },
    /// The app can't be pushed in one artifact.
    #[error("the app needs {layers} layers, but registries take {LAYERS_MAX}; use fewer components", LAYERS_MAX = super::LAYERS_MAX)]
    TooManyLayers {
        /// How many there would be, with files archived.
        layers: usize,
    },
}
