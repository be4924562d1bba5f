//! `spin.toml`, version 2 and (converted) version 1.
//!
//! The text is walked by hand on `toml_edit`'s tree rather than by serde: every value keeps its place in the file, keys
//! keep their order, and an error can say where it is, what was found and what was expected.

use std::path::{Path, PathBuf};

mod component;
mod dependency;
mod error;
mod id;
mod model;
mod node;
mod normalise;
mod reader;
mod source;
mod trigger;
mod v1;
mod v2;

pub use error::{Invalid, ManifestError};
pub use model::{Application, Build, Component, FileMount, Located, Source, Trigger};

use crate::locked::{LockedMap, Variable};
pub(crate) use error::{Problem, problem};

/// The name that is looked for in a folder.
pub const FILE_NAME: &str = "spin.toml";

/// Largest manifest that is read, in bytes: far above any real one.
const MAX_BYTES: u64 = 4 << 20;

/// A checked and normalised manifest: every trigger has an id, inline components have moved to `components`, and each
/// component that a trigger names exists.
#[derive(Debug, Clone)]
pub struct Manifest {
    path: PathBuf,
    text: String,
    /// `[application]`.
    pub application: Application,
    /// `[variables]`: what may be given at deploy time.
    pub variables: LockedMap<Variable>,
    /// `[[trigger.X]]`, grouped by type in the order of the file.
    pub triggers: Vec<Trigger>,
    /// `[component.X]` in the order of the file, then inline ones.
    pub components: Vec<Component>,
}

impl Manifest {
    /// Reads `path`, or `path/spin.toml` when it is a folder.
    pub fn load(path: &Path) -> Result<Self, ManifestError> {
        let path = if path.is_dir() { path.join(FILE_NAME) } else { path.to_owned() };
        let unreadable = |source| ManifestError::Unreadable { path: path.clone(), source };
        if std::fs::metadata(&path).map_err(unreadable)?.len() > MAX_BYTES {
            return Err(unreadable(std::io::Error::other("it is larger than 4 MiB")));
        }
        let text = std::fs::read_to_string(&path).map_err(unreadable)?;
        Self::parse(&text, &path)
    }

    /// Parses text; `path` is what errors name, and its folder is the app's root.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ManifestError> {
        let parsed = v2::parse(text);
        match parsed {
            Ok(v2::Parsed { application, variables, triggers, components }) => {
                Ok(Self { path: path.to_owned(), text: text.to_owned(), application, variables, triggers, components })
            }
            Err(problem) => Err(problem.at(path, text)),
        }
    }

    /// The manifest file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder that paths in the manifest are relative to.
    pub fn root(&self) -> &Path {
        match self.path.parent() {
            Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
            Some(parent) => parent,
            None => &self.path,
        }
    }

    /// The component of that id.
    pub fn component(&self, id: &str) -> Option<&Component> {
        self.components.iter().find(|c| c.id == id)
    }

    /// An error about something in this file.
    pub(crate) fn invalid(&self, problem: Problem) -> ManifestError {
        problem.at(&self.path, &self.text)
    }
}

#[cfg(test)]
mod tests;
