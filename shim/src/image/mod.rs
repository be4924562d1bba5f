//! What a container's image is: a Spin OCI artifact, a single component pushed with wkg, a container
//! image with a spin.toml, or an ordinary container image, which runc runs as it is.

mod artifact;
mod manifest;
mod scratch;
mod wkg;

use std::fs::File;
use std::path::Path;

use spin_app::locked::LockedApp;

use crate::bundle::Config;
use crate::containerd::{Containerd, Root};
use crate::reaper::Children;

pub(crate) use manifest::{Kind, Manifest};
pub(crate) use scratch::{LOCK, lock_main, open_in};

/// Why an image can't be run as a Spin app. Shown by `kubectl describe pod`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// containerd's API.
    #[error(transparent)]
    Containerd(#[from] crate::containerd::Error),
    /// A manifest or config that can't be read.
    #[error("the image's {what} {digest} is not valid: {reason}; push the app again")]
    Json {
        /// Manifest, index or config.
        what: &'static str,
        /// Its digest.
        digest: String,
        /// What the parser said.
        reason: String,
    },
    /// A wasm artifact of some other kind.
    #[error(
        "the image is a WebAssembly artifact but no Spin app ({0}); push it with `spin registry push`, `spinkube-dev push` or `wkg oci push`"
    )]
    NotSpin(String),
    /// The locked app.
    #[error(transparent)]
    Locked(#[from] spin_app::locked::LockedError),
    /// Code that is not where it should be.
    #[error("component `{component}`: {reason}")]
    Source {
        /// Its id.
        component: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The spin.toml of a container image.
    #[error("/spin.toml in the image: {0}")]
    Manifest(String),
    /// A file of a container image.
    #[error("cannot read {path} in the image: {source}")]
    File {
        /// In the image.
        path: String,
        /// The system's own words.
        source: std::io::Error,
    },
}

/// A Spin app found in an image, with its code still as WebAssembly.
#[derive(Debug)]
pub(crate) struct Found {
    /// What runs. Sources and files are named in `code` and `files` instead.
    pub(crate) app: LockedApp,
    /// The code of each component that is in the app.
    pub(crate) code: Vec<Code>,
    /// Where files come from.
    pub(crate) files: Files,
    /// Whose labels name native code, and which keeps it from being collected.
    pub(crate) anchor: Anchor,
}

/// Wasm bytes of one component.
#[derive(Debug)]
pub(crate) struct Code {
    /// The component.
    pub(crate) component: String,
    /// `sha256:...` of the bytes.
    pub(crate) digest: String,
    /// The bytes, where they are not a blob of the content store.
    pub(crate) file: Option<File>,
}

/// The blob that carries the label with the native code's digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// The wasm layer itself.
    Layer,
    /// The image's config, where the wasm is a file in a layer (which containerd may discard).
    Config(String),
}

/// Where the files of components come from.
#[derive(Debug)]
pub(crate) enum Files {
    /// Layers: one file each, or archives of them.
    Layers(Manifest),
    /// Directories of the root filesystem.
    Rootfs,
}

/// Decides what a container is. `None`: an ordinary container.
///
/// # Errors
/// A wasm artifact that is no Spin app, or a Spin app that is damaged, is never run as something else.
pub(crate) async fn find(
    containerd: &Containerd,
    root: Option<&Root>,
    children: &Children,
    container: &str,
    config: &Config,
    rootfs: &Path,
) -> Result<Option<Found>, Error> {
    let Some(target) = containerd.image_of(container).await? else { return Ok(None) };
    let manifest = Manifest::read(containerd, root, target).await?;
    match manifest.kind() {
        Kind::Spin(layer) => artifact::load(containerd, root, &layer.digest.clone(), manifest).await.map(Some),
        Kind::Wkg(layer) => Ok(Some(wkg::load(&layer.digest.clone(), manifest))),
        Kind::OtherWasm(found) => Err(Error::NotSpin(found)),
        Kind::Container => scratch::load(children, config, rootfs, &manifest).await,
    }
}
