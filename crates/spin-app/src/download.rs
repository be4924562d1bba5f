//! Sources that are URLs: fetched once, checked against their digest, kept by it.

use std::path::{Path, PathBuf};

use futures::StreamExt;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use crate::manifest::{Manifest, Source};

/// Largest download, in bytes.
const MAX_BYTES: u64 = 512 << 20;

/// Why a source could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The server could not be reached, or did not send the file.
    #[error("component {component}: can't download {url}: {reason}; check the URL and the network")]
    Failed {
        /// Id of the component.
        component: String,
        /// As in the manifest.
        url: String,
        /// The innermost cause.
        reason: String,
    },
    /// The file is not the one that the manifest was written for.
    #[error(
        "component {component}: {url} has the digest {found} but spin.toml says {expected}; use the file that was meant, or change `digest`"
    )]
    Digest {
        /// Id of the component.
        component: String,
        /// As in the manifest.
        url: String,
        /// `sha256:<64 hex>` of what came.
        found: String,
        /// `sha256:<64 hex>` of the manifest.
        expected: String,
    },
    /// It can't be kept.
    #[error("can't write to {}: {source}; check its permissions and the free space", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Where the file of a digest is kept.
pub(crate) fn path(downloads: &Path, digest: &str) -> PathBuf {
    downloads.join(format!("{}.wasm", digest.trim_start_matches("sha256:")))
}

/// Fetches every source that is a URL and is not in `downloads` yet. Cancelling leaves no half file under its final name.
pub async fn download(manifest: &Manifest, downloads: &Path) -> Result<(), DownloadError> {
    let mut client: Option<reqwest::Client> = None;
    for component in &manifest.components {
        let Source::Remote { url, digest } = &component.source.value else { continue };
        let target = path(downloads, digest);
        if target.exists() {
            continue;
        }
        let fetch = Fetch { component: &component.id, url, digest };
        let made = match client.take() {
            Some(client) => client,
            None => fetch.client()?,
        };
        fetch.run(client.insert(made), downloads, &target).await?;
    }
    Ok(())
}

struct Fetch<'a> {
    component: &'a str,
    url: &'a str,
    digest: &'a str,
}

impl Fetch<'_> {
    fn client(&self) -> Result<reqwest::Client, DownloadError> {
        crate::registry::install_tls_provider();
        reqwest::Client::builder().build().map_err(|e| self.failed(&e))
    }

    async fn run(&self, client: &reqwest::Client, downloads: &Path, target: &Path) -> Result<(), DownloadError> {
        let write = |source| DownloadError::Write { path: downloads.to_owned(), source };
        std::fs::create_dir_all(downloads).map_err(write)?;
        let temporary = tempfile::NamedTempFile::new_in(downloads).map_err(write)?;
        let mut out = tokio::fs::File::from_std(temporary.reopen().map_err(write)?);
        let response = client.get(self.url).send().await.and_then(reqwest::Response::error_for_status);
        let mut body = response.map_err(|e| self.failed(&e))?.bytes_stream();
        let (mut hash, mut size) = (Sha256::new(), 0);
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|e| self.failed(&e))?;
            size += chunk.len() as u64;
            if size > MAX_BYTES {
                return Err(self.failed(&std::io::Error::other("it is larger than 512 MiB")));
            }
            hash.update(&chunk);
            out.write_all(&chunk).await.map_err(write)?;
        }
        out.flush().await.map_err(write)?;
        let found = format!("sha256:{}", hex::encode(hash.finalize()));
        if found != self.digest {
            let (component, url) = (self.component.to_owned(), self.url.to_owned());
            return Err(DownloadError::Digest { component, url, found, expected: self.digest.to_owned() });
        }
        temporary.persist(target).map_err(|e| write(e.error))?;
        Ok(())
    }

    fn failed(&self, error: &dyn std::error::Error) -> DownloadError {
        let reason = crate::registry::innermost(error);
        DownloadError::Failed { component: self.component.to_owned(), url: self.url.to_owned(), reason }
    }
}
