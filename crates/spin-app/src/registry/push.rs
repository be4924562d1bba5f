//! Pushing an artifact. Actors: one task (the caller's), which drives up to `PARALLEL` uploads at once; dropping it
//! cancels them all, and nothing is visible under the tag until the manifest, which is sent last, is there.

use std::path::Path;

use futures::{StreamExt, TryStreamExt, stream};
use oci_client::{RegistryOperation, errors::OciDistributionError};
use tokio_util::io::ReaderStream;

use super::{PARALLEL, Registry, RegistryError, RegistryErrorKind};
use crate::artifact::{Artifact, Blob, Content, MEDIA_TYPE_MANIFEST};

/// What a push did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// `sha256:<64 hex>` of the manifest.
    pub digest: String,
    /// `registry/repository@digest`.
    pub pinned: String,
    /// What was sent, in bytes: new blobs and the manifest.
    pub uploaded: u64,
    /// What the registry had already, in bytes.
    pub skipped: u64,
}

/// Progress of a push, in the order of completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushEvent<'a> {
    /// The registry has this blob.
    Skipped {
        /// Of the blob.
        digest: &'a str,
        /// In bytes.
        bytes: u64,
    },
    /// The blob was sent whole.
    Uploaded {
        /// Of the blob.
        digest: &'a str,
        /// In bytes.
        bytes: u64,
    },
}

impl Registry {
    /// Pushes an artifact under this reference. Blobs that are there are not sent again.
    pub async fn push(
        &self,
        artifact: &Artifact,
        progress: &(dyn Fn(PushEvent<'_>) + Sync),
    ) -> Result<Pushed, RegistryError> {
        self.authenticate(RegistryOperation::Push).await?;
        let sizes: Vec<(u64, u64)> = stream::iter(artifact.blobs())
            .map(|blob| self.push_blob(blob, progress))
            .buffer_unordered(PARALLEL)
            .try_collect()
            .await?;
        let content_type = reqwest::header::HeaderValue::from_static(MEDIA_TYPE_MANIFEST);
        self.client
            .push_manifest_raw(&self.reference, artifact.manifest.clone(), content_type)
            .await
            .map_err(|e| self.error(&e))?;
        Ok(Pushed {
            digest: artifact.digest.clone(),
            pinned: self.pinned(&artifact.digest),
            uploaded: sizes.iter().map(|(sent, _)| sent).sum::<u64>() + artifact.manifest.len() as u64,
            skipped: sizes.iter().map(|(_, skipped)| skipped).sum(),
        })
    }

    /// Bytes sent and bytes skipped.
    async fn push_blob(
        &self,
        blob: &Blob,
        progress: &(dyn Fn(PushEvent<'_>) + Sync),
    ) -> Result<(u64, u64), RegistryError> {
        let (digest, bytes) = (blob.digest.as_str(), blob.size);
        if self.client.blob_exists(&self.reference, digest).await.map_err(|e| self.error(&e))? {
            progress(PushEvent::Skipped { digest, bytes });
            return Ok((0, bytes));
        }
        let sent = match blob.content() {
            Content::Bytes(data) => self.client.push_blob(&self.reference, data.clone(), digest).await,
            Content::File(path) => self.push_file(path, blob).await?,
        };
        sent.map_err(|e| self.error(&e))?;
        progress(PushEvent::Uploaded { digest, bytes });
        Ok((bytes, 0))
    }

    async fn push_file(&self, path: &Path, blob: &Blob) -> Result<Result<String, OciDistributionError>, RegistryError> {
        let unreadable = |source| {
            RegistryError::new(&self.name, RegistryErrorKind::File { path: path.display().to_string(), source })
        };
        let file = tokio::fs::File::open(path).await.map_err(unreadable)?;
        if file.metadata().await.map_err(unreadable)?.len() != blob.size {
            return Err(RegistryError::new(&self.name, RegistryErrorKind::Changed));
        }
        let data = ReaderStream::with_capacity(file, 256 << 10).map_err(Into::into);
        Ok(self.client.push_blob_stream(&self.reference, data, &blob.digest, Some(blob.size)).await)
    }
}
