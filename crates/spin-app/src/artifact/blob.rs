//! Bytes with a digest: in memory or in a file.

use std::{
    fs::File,
    io::{self, Cursor, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{ArtifactError, INLINE_MAX, digest_of};

/// A layer or config.
#[derive(Debug, Clone)]
pub struct Blob {
    /// As in its descriptor.
    pub media_type: &'static str,
    /// `sha256:<64 hex>` of the bytes when they were hashed.
    pub digest: String,
    /// In bytes.
    pub size: u64,
    stored: Stored,
}

/// Where a blob's bytes are.
#[derive(Debug)]
pub enum Content<'a> {
    /// In memory.
    Bytes(&'a Bytes),
    /// In a file.
    File(&'a Path),
}

#[derive(Debug, Clone)]
enum Stored {
    Bytes(Bytes),
    File(PathBuf),
    /// Deleted with the last blob that names it.
    Temporary(Arc<tempfile::TempPath>),
}

impl Blob {
    pub(super) fn bytes(media_type: &'static str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { media_type, digest: digest_of(&bytes), size: bytes.len() as u64, stored: Stored::Bytes(bytes) }
    }

    /// Hashes a file. A small one is kept in memory, so that what is inlined is what was hashed.
    pub(super) fn file(media_type: &'static str, path: &Path) -> Result<Self, ArtifactError> {
        let unreadable = |source| ArtifactError::Read { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(unreadable)?;
        let mut start = Vec::new();
        file.by_ref().take(INLINE_MAX + 1).read_to_end(&mut start).map_err(unreadable)?;
        if start.len() as u64 <= INLINE_MAX {
            return Ok(Self::bytes(media_type, start));
        }
        let (digest, size) = hash(Cursor::new(start).chain(file)).map_err(unreadable)?;
        Ok(Self { media_type, digest, size, stored: Stored::File(path.to_owned()) })
    }

    pub(super) fn temporary(media_type: &'static str, path: tempfile::TempPath) -> io::Result<Self> {
        let (digest, size) = hash(File::open(&path)?)?;
        Ok(Self { media_type, digest, size, stored: Stored::Temporary(Arc::new(path)) })
    }

    /// Where the bytes are.
    pub fn content(&self) -> Content<'_> {
        match &self.stored {
            Stored::Bytes(bytes) => Content::Bytes(bytes),
            Stored::File(path) => Content::File(path),
            Stored::Temporary(path) => Content::File(path),
        }
    }

    /// Reads the bytes. They are not hashed again: who stores them checks the digest.
    pub fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self.content() {
            Content::Bytes(bytes) => Box::new(Cursor::new(bytes.clone())),
            Content::File(path) => Box::new(File::open(path)?),
        })
    }

    pub(super) fn descriptor(&self) -> oci_client::manifest::OciDescriptor {
        oci_client::manifest::OciDescriptor {
            media_type: self.media_type.to_owned(),
            digest: self.digest.clone(),
            size: self.size.try_into().unwrap_or(i64::MAX),
            ..Default::default()
        }
    }
}

/// Digest and size of a stream.
fn hash(mut reader: impl Read) -> io::Result<(String, u64)> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 128 << 10];
    let mut size = 0;
    loop {
        let n = reader.read(&mut buffer)?;
        if n == 0 {
            return Ok((format!("sha256:{}", hex::encode(hash.finalize())), size));
        }
        hash.update(&buffer[..n]);
        size += n as u64;
    }
}
