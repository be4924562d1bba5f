//! Native code in containerd's content store.
//!
//! The blob with the wasm (or the image's config) carries a label that names the native blob, under a
//! key of the engine; the native blob carries labels that name the engine and the wasm it was made from.
//! Labels are written by whoever may talk to containerd's socket, never by an image, so both together
//! mean that a shim of ours compiled it. A `gc.ref` label keeps the native blob as long as the image.
//!
//! Actors: shims of pods on this node that start the same code at once. They take turns on a file lock,
//! and who comes second finds the label. Each write has a lease of its own.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest as _, Sha256};

use crate::compile;
use crate::containerd::{self, Containerd, Root};
use crate::image::{Anchor, Code};
use crate::reaper::Children;

/// On the wasm's blob: digest of its native code, after the engine's key.
const NATIVE: &str = "dev.spinkube.native";
/// On native code: digest of its wasm, after the engine's key.
const ORIGINAL: &str = "dev.spinkube.native.original";
/// What containerd's collector follows.
const GC_REFERENCE: &str = "containerd.io/gc.ref.content.spinkube";

/// Why a component has no native code.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// containerd's API.
    #[error(transparent)]
    Containerd(#[from] containerd::Error),
    /// The compiler.
    #[error("component `{component}`: {source}")]
    Compile {
        /// Its id.
        component: String,
        /// Why.
        source: crate::helper::Error,
    },
    /// A layer that the image names is not there.
    #[error("component `{component}`: its code {digest} is not on this node; delete the image and pull it again")]
    Missing {
        /// Its id.
        component: String,
        /// The layer.
        digest: String,
    },
    /// The lock.
    #[error("cannot wait for another pod that compiles the same code: {0}")]
    Lock(std::io::Error),
}

/// Finds or makes native code.
pub(crate) struct NativeCache<'a> {
    /// The API.
    pub(crate) containerd: &'a Containerd,
    /// The store's files.
    pub(crate) root: Option<&'a Root>,
    /// Who runs helpers.
    pub(crate) children: &'a Children,
    /// For lock files.
    pub(crate) directory: &'a Path,
    /// [`label_key`] of the engine.
    pub(crate) key: String,
}

/// The engine's key, short enough for labels of any engine.
pub(crate) fn label_key(engine: &str) -> String {
    hex::encode(&Sha256::digest(engine.as_bytes())[..16])
}

impl NativeCache<'_> {
    /// The native code of a component, open for reading.
    pub(crate) async fn get(&self, code: &Code, anchor: &Anchor) -> Result<File, Error> {
        if let Some(file) = self.find(code, anchor).await? {
            return Ok(file);
        }
        let _turn = self.turn(code).await?;
        // Another pod may have compiled it while this one waited.
        if let Some(file) = self.find(code, anchor).await? {
            return Ok(file);
        }
        let wasm = match &code.file {
            Some(file) => file.try_clone().map_err(Error::Lock)?,
            None => self.containerd.open(self.root, &code.digest).await?,
        };
        let compiled = compile::compile(self.children, wasm)
            .await
            .map_err(|source| Error::Compile { component: code.component.clone(), source })?;
        self.store(code, anchor, compiled).await
    }

    /// Native code that is there and ours.
    async fn find(&self, code: &Code, anchor: &Anchor) -> Result<Option<File>, Error> {
        let holder = holder(code, anchor);
        let Some(labels) = self.containerd.labels(holder).await? else {
            return Err(Error::Missing { component: code.component.clone(), digest: holder.to_owned() });
        };
        let Some(digest) = labels.get(&self.native_label(code, anchor)) else { return Ok(None) };
        let native = self.containerd.labels(digest).await?;
        let ours = native.is_some_and(|labels| labels.get(&self.original_label()) == Some(&code.digest));
        if !ours {
            return Ok(None);
        }
        Ok(Some(self.containerd.open(self.root, digest).await?))
    }

    async fn store(&self, code: &Code, anchor: &Anchor, compiled: compile::Compiled) -> Result<File, Error> {
        let lease = self.containerd.lease().await?;
        let outcome = self.store_under(&lease, code, anchor, compiled).await;
        // Kept, it would expire by itself; the next start finds the code in any case.
        if let Err(error) = self.containerd.release(lease).await {
            log::error!("{error}");
        }
        outcome
    }

    async fn store_under(
        &self,
        lease: &containerd::Lease,
        code: &Code,
        anchor: &Anchor,
        compiled: compile::Compiled,
    ) -> Result<File, Error> {
        let digest = compiled.digest;
        let original = HashMap::from([(self.original_label(), code.digest.clone())]);
        self.containerd.write(lease, compiled.file, compiled.size, &digest, original).await?;
        let label = self.native_label(code, anchor);
        let reference =
            format!("{GC_REFERENCE}.{}", label.trim_start_matches(NATIVE).trim_start_matches('/').replace('/', "."));
        let labels = HashMap::from([(label, digest.clone()), (reference, digest.clone())]);
        self.containerd.set_labels(holder(code, anchor), labels).await?;
        Ok(self.containerd.open(self.root, &digest).await?)
    }

    /// One config holds labels for all components of its image; a layer for its own wasm alone.
    fn native_label(&self, code: &Code, anchor: &Anchor) -> String {
        match anchor {
            Anchor::Layer => format!("{NATIVE}/{}", self.key),
            Anchor::Config(_) => format!("{NATIVE}/{}/{}", self.key, code.digest.trim_start_matches("sha256:")),
        }
    }

    fn original_label(&self) -> String {
        format!("{ORIGINAL}/{}", self.key)
    }

    async fn turn(&self, code: &Code) -> Result<Flock<File>, Error> {
        let path = compile::lock_path(self.directory, &code.digest);
        let locked = tokio::task::spawn_blocking(move || {
            let file = File::options().create(true).truncate(false).write(true).open(path)?;
            Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| errno.into())
        });
        locked.await.map_err(|e| Error::Lock(std::io::Error::other(e)))?.map_err(Error::Lock)
    }
}

fn holder<'a>(code: &'a Code, anchor: &'a Anchor) -> &'a str {
    match anchor {
        Anchor::Layer => &code.digest,
        Anchor::Config(digest) => digest,
    }
}
