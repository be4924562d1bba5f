//! The OCI artifact of an app, as `spin registry push` makes it and Spin shims read it.
//!
//! An ordinary OCI image manifest whose config says `architecture: wasm`, with one layer a component's wasm, one a file
//! (or one archive a component, when there would be too many), and the locked app as the last layer. Content of at most
//! [`INLINE_MAX`] bytes is in the locked app itself. `diff_ids` are empty: containerd 2 refuses others.

use std::collections::BTreeMap;

use bytes::Bytes;

mod assemble;
mod blob;
mod config;
mod error;
mod read;

pub use blob::{Blob, Content};
pub use error::ArtifactError;
pub use read::{AppKind, Description, NotAnApp, describe};

use crate::locked::LockedApp;

/// Layer: the locked app.
pub const MEDIA_TYPE_APP: &str = "application/vnd.fermyon.spin.application.v1+config";
/// Layer: a component's code.
pub const MEDIA_TYPE_WASM: &str = "application/vnd.wasm.content.layer.v1+wasm";
/// Layer: a component pushed by `wkg`, alone in its artifact.
pub const MEDIA_TYPE_WKG: &str = "application/wasm";
/// Layer: one file.
pub const MEDIA_TYPE_DATA: &str = "application/vnd.wasm.content.layer.v1+data";
/// Layer: a tar.gz of a component's files.
pub const MEDIA_TYPE_ARCHIVE: &str = "application/vnd.wasm.content.bundle.v1.tar+gzip";
/// The manifest.
pub const MEDIA_TYPE_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The config.
pub const MEDIA_TYPE_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// Config label: digest of the locked app, so that apps of the same wasm get different image ids.
pub const LABEL_LOCKED_APP: &str = "com.fermyon.spin.lockedAppDigest";

/// Content of at most this many bytes is written into the locked app.
pub const INLINE_MAX: u64 = 128;
/// More layers than this, without the locked app, and files are archived.
pub const LAYERS_MAX: usize = 499;

/// What may be chosen about an artifact.
#[derive(Debug, Clone, Default)]
pub struct ArtifactOptions {
    /// `org.opencontainers.image.created`. Spin writes the time of the push; here it is left out unless asked for, so that
    /// equal apps have equal digests and a push of what is there already is a no-op.
    pub created: Option<jiff::Timestamp>,
    /// Further annotations; they win over the inferred ones.
    pub annotations: BTreeMap<String, String>,
    /// Archive files also when there are few (Spin: the environment variable `SPIN_OCI_ARCHIVE_LAYERS`).
    pub archive_layers: bool,
}

/// An artifact ready to be written somewhere. Files are named, not held: they must stay as they are until it is written.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// The locked app as it is in the artifact: contents by digest or inline.
    pub app: LockedApp,
    /// The manifest's exact bytes.
    pub manifest: Bytes,
    /// `sha256:<64 hex>` of the manifest: what the artifact is called.
    pub digest: String,
    /// The config.
    pub config: Blob,
    /// The layers, in the order of the manifest, no two equal.
    pub layers: Vec<Blob>,
}

impl Artifact {
    /// Makes the artifact of an app locked on this machine. Reads every file once, to hash it: call it where blocking is
    /// allowed.
    pub fn build(app: &LockedApp, options: &ArtifactOptions) -> Result<Self, ArtifactError> {
        assemble::assemble(app, options)
    }

    /// Everything but the manifest: the layers, then the config.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        self.layers.iter().chain(std::iter::once(&self.config))
    }

    /// Size of all blobs and the manifest, in bytes.
    pub fn size(&self) -> u64 {
        self.blobs().map(|b| b.size).sum::<u64>() + self.manifest.len() as u64
    }
}

/// `sha256:<64 hex>` of bytes.
pub fn digest_of(bytes: &[u8]) -> String {
    use sha2::Digest;
    format!("sha256:{}", hex::encode(sha2::Sha256::digest(bytes)))
}

#[cfg(test)]
mod tests;
