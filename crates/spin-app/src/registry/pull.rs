//! Reading from a registry: what a reference is, and the whole app. Actors: one task (the caller's), which drives up to
//! `PARALLEL` downloads at once; dropping it cancels them and leaves only temporary files, which are removed.

use std::path::Path;

use futures::{StreamExt, TryStreamExt, stream};
use oci_client::{RegistryOperation, manifest::OciDescriptor};

use super::{PARALLEL, Registry, RegistryError, RegistryErrorKind};
use crate::{
    artifact::{AppKind, Description, MEDIA_TYPE_MANIFEST, describe},
    layout::Layout,
    locked::LockedApp,
};

/// Largest locked app that is read, in bytes.
const MAX_APP: i64 = 16 << 20;

/// What a reference is.
#[derive(Debug, Clone)]
pub struct Remote {
    /// `sha256:<64 hex>` of the manifest: the reference at this moment.
    pub digest: String,
    /// The manifest's exact bytes.
    pub manifest: bytes::Bytes,
    /// Its layers.
    pub description: Description,
    /// The locked app; `None` for a single component pushed by `wkg`.
    pub app: Option<LockedApp>,
}

impl Registry {
    /// Reads the manifest and the locked app, and nothing else. Refuses what is no Spin app.
    pub async fn inspect(&self) -> Result<Remote, RegistryError> {
        self.authenticate(RegistryOperation::Pull).await?;
        let accepted = [
            MEDIA_TYPE_MANIFEST,
            "application/vnd.docker.distribution.manifest.v2+json",
            "application/vnd.oci.image.index.v1+json",
            "application/vnd.docker.distribution.manifest.list.v2+json",
        ];
        let (manifest, digest) = self
            .client
            .pull_manifest_raw(&self.reference, &self.credentials, &accepted)
            .await
            .map_err(|e| self.error(&e))?;
        let description = describe(&manifest).map_err(|e| RegistryError::new(&self.name, e))?;
        let app = match &description.kind {
            AppKind::Wkg(_) => None,
            AppKind::Spin(layer) => {
                let bytes = self.small_blob(layer).await?;
                Some(LockedApp::from_json(&bytes).map_err(|e| RegistryError::new(&self.name, e))?)
            }
        };
        Ok(Remote { digest, manifest, description, app })
    }

    /// Fetches what is missing into an OCI layout on disk. Every blob is checked against its digest.
    pub async fn pull(&self, layout: &Layout) -> Result<Remote, RegistryError> {
        let remote = self.inspect().await?;
        let config = std::iter::once(&remote.description.config);
        stream::iter(remote.description.layers().chain(config))
            .map(|blob| self.fetch(blob, layout))
            .buffer_unordered(PARALLEL)
            .try_collect::<Vec<()>>()
            .await?;
        let stored = layout.put(&remote.digest, &remote.manifest);
        stored.map_err(|source| self.file(layout.root(), source))?;
        Ok(remote)
    }

    async fn fetch(&self, blob: &OciDescriptor, layout: &Layout) -> Result<(), RegistryError> {
        let path = layout.blob(&blob.digest);
        if path.exists() {
            return Ok(());
        }
        let file = |source| self.file(&path, source);
        let temporary = layout.temporary().map_err(file)?;
        let out = tokio::fs::File::from_std(temporary.reopen().map_err(file)?);
        let limit = u64::try_from(blob.size).unwrap_or(0);
        self.client.pull_blob(&self.reference, blob, Bounded { out, left: limit }).await.map_err(|e| self.error(&e))?;
        temporary.persist(&path).map_err(|e| file(e.error))?;
        Ok(())
    }

    async fn small_blob(&self, blob: &OciDescriptor) -> Result<Vec<u8>, RegistryError> {
        if blob.size > MAX_APP {
            let reason = format!("its locked app has {} bytes", blob.size);
            return Err(RegistryError::new(&self.name, RegistryErrorKind::Refused(reason)));
        }
        let mut bytes = Vec::new();
        let out = Bounded { out: &mut bytes, left: u64::try_from(blob.size).unwrap_or(0) };
        self.client.pull_blob(&self.reference, blob, out).await.map_err(|e| self.error(&e))?;
        Ok(bytes)
    }

    fn file(&self, path: &Path, source: std::io::Error) -> RegistryError {
        RegistryError::new(&self.name, RegistryErrorKind::File { path: path.display().to_string(), source })
    }
}

/// Refuses more bytes than the descriptor promised: a registry may send without end.
struct Bounded<W> {
    out: W,
    left: u64,
}

impl<W: tokio::io::AsyncWrite + Unpin> tokio::io::AsyncWrite for Bounded<W> {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buffer: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        if buffer.len() as u64 > self.left {
            return std::task::Poll::Ready(Err(std::io::Error::other(
                "the registry sends more than the manifest says",
            )));
        }
        let polled = std::pin::Pin::new(&mut self.out).poll_write(cx, buffer);
        if let std::task::Poll::Ready(Ok(n)) = polled {
            self.left -= n as u64;
        }
        polled
    }

    fn poll_flush(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.out).poll_flush(cx)
    }

    fn poll_shutdown(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.out).poll_shutdown(cx)
    }
}
