//! A layout as one tar.

use std::io::{self, Read, Write};

use serde_json::json;

use crate::artifact::{Artifact, MEDIA_TYPE_MANIFEST};

/// Writes an artifact as an OCI layout, named `reference` on import. Equal artifacts give equal bytes. Blocks; fails with
/// `InvalidData` when a file is no longer as long as it was.
pub fn write_tar(artifact: &Artifact, reference: &str, out: impl Write) -> io::Result<()> {
    let mut tar = tar::Builder::new(out);
    entry(&mut tar, "oci-layout", 30, &br#"{"imageLayoutVersion":"1.0.0"}"#[..])?;
    let tag = reference.rsplit('/').next().and_then(|last| last.split_once(':')).map_or("latest", |(_, tag)| tag);
    let index = json!({
        "schemaVersion": 2,
        "manifests": [{
            "mediaType": MEDIA_TYPE_MANIFEST,
            "digest": artifact.digest,
            "size": artifact.manifest.len(),
            "annotations": { "io.containerd.image.name": reference, "org.opencontainers.image.ref.name": tag },
        }],
    })
    .to_string();
    entry(&mut tar, "index.json", index.len() as u64, index.as_bytes())?;
    entry(&mut tar, &path(&artifact.digest), artifact.manifest.len() as u64, &artifact.manifest[..])?;
    for blob in artifact.blobs() {
        entry(&mut tar, &path(&blob.digest), blob.size, blob.open()?)?;
    }
    tar.into_inner()?.flush()
}

fn path(digest: &str) -> String {
    format!("blobs/{}", digest.replacen(':', "/", 1))
}

fn entry(tar: &mut tar::Builder<impl Write>, path: &str, size: u64, content: impl Read) -> io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(0);
    // A file that shrank would shift every later entry.
    let mut content = Counted { inner: content.take(size), count: 0 };
    tar.append_data(&mut header, path, &mut content)?;
    if content.count == size {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidData, format!("{path} changed")))
    }
}

struct Counted<R> {
    inner: R,
    count: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.count += n as u64;
        Ok(n)
    }
}
