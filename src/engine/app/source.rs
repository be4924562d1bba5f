//! What an app command works on: a folder with a `spin.toml`, or an image.

use std::path::{Path, PathBuf};

use oci_client::Reference;

use super::AppError;

/// The manifest's file name.
const MANIFEST: &str = "spin.toml";

/// An app, before anything of it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A manifest on this machine.
    Manifest {
        /// The `spin.toml`.
        path: PathBuf,
        /// Its components are there already and are never built.
        prebuilt: bool,
    },
    /// An artifact in a registry.
    Image(Reference),
}

impl Source {
    /// The app in a folder, or of a manifest.
    pub fn from_dir(path: impl Into<PathBuf>) -> Result<Self, AppError> {
        let path = path.into();
        let path = if path.is_dir() { path.join(MANIFEST) } else { path };
        if !path.is_file() {
            return Err(AppError::NoManifest { from: path.parent().unwrap_or(&path).to_owned() });
        }
        Ok(Self::Manifest { path, prebuilt: false })
    }

    /// The app in a folder, whose components are there and are never built.
    pub fn prebuilt(dir: impl Into<PathBuf>) -> Result<Self, AppError> {
        match Self::from_dir(dir)? {
            Self::Manifest { path, .. } => Ok(Self::Manifest { path, prebuilt: true }),
            image @ Self::Image(_) => Ok(image),
        }
    }

    /// What an argument says: a folder, a manifest, an image, or (none given) the nearest manifest upward.
    pub fn from_argument(argument: Option<&str>, cwd: &Path) -> Result<Self, AppError> {
        let Some(given) = argument else { return Self::nearest(cwd) };
        let path = cwd.join(given);
        if path.exists() {
            return Self::from_dir(path);
        }
        match given.parse::<Reference>() {
            Ok(reference) if names_a_registry(given) => Ok(Self::Image(reference)),
            _ => Err(AppError::NoSource { given: given.into() }),
        }
    }

    /// The nearest manifest in a folder or above it.
    pub fn nearest(cwd: &Path) -> Result<Self, AppError> {
        let found = cwd.ancestors().map(|dir| dir.join(MANIFEST)).find(|path| path.is_file());
        let path = found.ok_or_else(|| AppError::NoManifest { from: cwd.into() })?;
        Ok(Self::Manifest { path, prebuilt: false })
    }
}

/// Whether the first part of a reference is a host, so that a mistyped folder is not taken for an image.
fn names_a_registry(given: &str) -> bool {
    given.split_once('/').is_some_and(|(host, rest)| {
        !rest.is_empty() && (host == "localhost" || host.trim_start_matches('.').contains(['.', ':']))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_argument_is_a_folder_a_manifest_or_an_image() {
        let dir = tempfile::tempdir().unwrap();
        let (app, sub) = (dir.path().join("app"), dir.path().join("app/src/deep"));
        std::fs::create_dir_all(&sub).unwrap();
        let path = app.join(MANIFEST);
        std::fs::write(&path, "").unwrap();
        let manifest = Source::Manifest { path: path.clone(), prebuilt: false };
        let from = |argument, cwd: &Path| Source::from_argument(argument, cwd);
        assert_eq!(from(Some("app"), dir.path()).unwrap(), manifest);
        assert_eq!(from(Some("app/spin.toml"), dir.path()).unwrap(), manifest);
        assert_eq!(from(None, &sub).unwrap(), manifest, "the nearest one upward");
        for image in [
            "ghcr.io/a/b:v1",
            "localhost:5001/b",
            "localhost/b",
            "r.example/b@sha256:0000000000000000000000000000000000000000000000000000000000000000",
        ] {
            assert!(matches!(from(Some(image), dir.path()), Ok(Source::Image(_))), "{image}");
        }
        for typo in ["ap", "./ap", "../ap/x", "ap/src", "ghcr.io/", "ghcr.io/UPPER"] {
            assert!(matches!(from(Some(typo), dir.path()), Err(AppError::NoSource { .. })), "{typo}");
        }
        assert!(matches!(from(Some("app/src"), dir.path()), Err(AppError::NoManifest { .. })));
        assert!(matches!(from(None, dir.path()), Err(AppError::NoManifest { .. })));
    }
}
