//! Reading an archive that anybody may have made.
//!
//! Only regular files and folders come out, at relative paths without `..`; no entry is written through a link, since no
//! link is ever made and the target folder is expected to be new. Sizes are counted on what is read, not on what headers say.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Component, Path, PathBuf},
};

use sha2::{Digest, Sha256};

/// How much an archive may hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Unpacked size of all entries with their headers, in bytes.
    pub total_bytes: u64,
    /// Number of entries of any kind.
    pub entries: usize,
    /// Length of a path, in bytes.
    pub path_bytes: usize,
}

impl Default for Limits {
    /// 1 GiB, 100,000 entries, paths of 1,024 bytes.
    fn default() -> Self {
        Self { total_bytes: 1 << 30, entries: 100_000, path_bytes: 1024 }
    }
}

/// What came out.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Unpacked {
    /// `sha256:<64 hex>` to a file with that content: how a locked app names files of an archive.
    pub files: BTreeMap<String, PathBuf>,
    /// Size of all files, in bytes.
    pub bytes: u64,
}

/// Why an archive is refused.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It is damaged, or the disk is full.
    #[error("an archive of the app can't be unpacked: {0}; push the app again, or free some space")]
    Io(#[from] io::Error),
    /// An entry would land outside the folder.
    #[error("an archive of the app has an entry {0:?} that leads out of its folder; do not use this artifact")]
    Escapes(String),
    /// An entry is a link, a device, ...
    #[error(
        "an archive of the app has an entry {0:?} that is neither file nor folder; push the app with links replaced by files"
    )]
    Kind(String),
    /// Two entries would be the same file.
    #[error("an archive of the app has two entries {0:?}; push the app again")]
    Twice(String),
    /// A limit is exceeded.
    #[error("an archive of the app has more than {0}; push the app with fewer or smaller files")]
    TooLarge(String),
}

/// Unpacks a gzipped tar into `dir`, which should be new and empty. After an error, what was written so far is left for
/// the caller to remove.
pub fn unpack(reader: impl Read, dir: &Path, limits: Limits) -> Result<Unpacked, UnpackError> {
    let mut limited = Limited { inner: flate2::read::MultiGzDecoder::new(reader), left: limits.total_bytes };
    let result = entries(&mut tar::Archive::new(&mut limited), dir, limits);
    // What the tar reader says about a stream that was cut off here is not the reason.
    if limited.left == 0 {
        return Err(UnpackError::TooLarge(format!("{} bytes", limits.total_bytes)));
    }
    result
}

fn entries(archive: &mut tar::Archive<impl Read>, dir: &Path, limits: Limits) -> Result<Unpacked, UnpackError> {
    let mut unpacked = Unpacked::default();
    for (count, entry) in archive.entries()?.enumerate() {
        let mut entry = entry?;
        if count >= limits.entries {
            return Err(UnpackError::TooLarge(format!("{} entries", limits.entries)));
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if name.len() > limits.path_bytes {
            return Err(UnpackError::TooLarge(format!("{} bytes in a path", limits.path_bytes)));
        }
        let relative = entry.path().ok().and_then(|p| inside(&p)).ok_or_else(|| UnpackError::Escapes(name.clone()))?;
        let path = dir.join(relative);
        match entry.header().entry_type() {
            tar::EntryType::Directory => fs::create_dir_all(&path)?,
            tar::EntryType::Regular | tar::EntryType::Continuous => {
                if let Some(parent) = path.parent() {
                    fs::create_dir_all(parent)?;
                }
                let mut file = File::create_new(&path).map_err(|error| match error.kind() {
                    io::ErrorKind::AlreadyExists => UnpackError::Twice(name),
                    _ => error.into(),
                })?;
                let (digest, size) = copy(&mut entry, &mut file)?;
                unpacked.bytes += size;
                unpacked.files.insert(digest, path);
            }
            // Spin's archives are made of plain folders; extended headers are consumed by the tar reader itself.
            _ => return Err(UnpackError::Kind(name)),
        }
    }
    Ok(unpacked)
}

/// The path without `.`; `None` when it is absolute, has `..` or a NUL in it.
fn inside(path: &Path) -> Option<PathBuf> {
    path.components()
        .filter(|part| *part != Component::CurDir)
        .map(|part| match part {
            Component::Normal(name) if !name.as_encoded_bytes().contains(&0) => Some(Path::new(name)),
            _ => None,
        })
        .collect()
}

fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<(String, u64)> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    let mut size = 0;
    loop {
        let n = from.read(&mut buffer)?;
        if n == 0 {
            return Ok((format!("sha256:{}", hex::encode(hash.finalize())), size));
        }
        hash.update(&buffer[..n]);
        to.write_all(&buffer[..n])?;
        size += n as u64;
    }
}

/// Ends the stream when the limit is reached.
struct Limited<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let n = self.inner.read(&mut buffer[..most])?;
        self.left -= n as u64;
        Ok(n)
    }
}
