//! Where the tool keeps what: caches that may vanish, state that must not, and its own log.

use std::{
    fs,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use etcetera::BaseStrategy;
use miette::Diagnostic;
use thiserror::Error;

/// The tool's folders, each readable by its owner alone.
#[derive(Debug, Clone)]
pub struct Paths {
    /// What can be made again: unpacked parts, images, build caches.
    pub cache: PathBuf,
    /// What can't: which clusters are ours.
    pub state: PathBuf,
}

/// A folder or file of the tool's own can't be used.
#[derive(Debug, Error, Diagnostic)]
pub enum PathsError {
    /// `HOME` is not set.
    #[error("there is no home directory to keep state in")]
    #[diagnostic(help("set HOME, or XDG_STATE_HOME and XDG_CACHE_HOME"))]
    NoHome,
    /// Creating or writing failed.
    #[error("{} can't be written: {source}", path.display())]
    #[diagnostic(help("make the folder writable for you, or set XDG_STATE_HOME and XDG_CACHE_HOME elsewhere"))]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Paths {
    /// The folders as the environment says (the XDG variables, else below `HOME`); created when missing.
    pub fn from_env() -> Result<Self, PathsError> {
        let strategy = etcetera::choose_base_strategy().map_err(|_| PathsError::NoHome)?;
        let state = strategy.state_dir().unwrap_or_else(|| strategy.data_dir());
        Self::at(strategy.cache_dir().join("spinkube-dev"), state.join("spinkube-dev"))
    }

    /// The folders at given places; created when missing.
    pub fn at(cache: PathBuf, state: PathBuf) -> Result<Self, PathsError> {
        let paths = Self { cache, state };
        for dir in [&paths.cache, &paths.state] {
            private_dir(dir)?;
        }
        Ok(paths)
    }

    /// The tool's own log.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.state.join("spinkube-dev.log")
    }
}

/// Creates a folder and its parents, for the owner alone.
pub fn private_dir(path: &Path) -> Result<(), PathsError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| PathsError::Write { path: path.into(), source })
}

/// Writes a file that is there whole or not at all, for the owner alone.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), PathsError> {
    let failed = |source| PathsError::Write { path: path.into(), source };
    let partial = path.with_extension(format!("partial-{}", std::process::id()));
    let write = || {
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
        std::io::Write::write_all(&mut file, bytes)?;
        file.sync_all()?;
        fs::rename(&partial, path)
    };
    write().map_err(failed)
}
