//! The parts that the program carries and installs: shim, operator, the pinned kind, and more.
//!
//! `make dist` appends them to the executable as its last step: a zstd-compressed tar, then a trailer of its
//! length, its SHA-256 and a magic word. They are unpacked into the cache once and checked while they are.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use miette::Diagnostic;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::paths::{Paths, PathsError, private_dir};

const MAGIC: &[u8; 16] = b"SPINKUBE-PARTS-1";
const TRAILER: usize = 8 + 32 + 16;

/// The parts, unpacked.
#[derive(Debug, Clone)]
pub struct Parts {
    root: PathBuf,
    digest: String,
}

/// The parts can't be had.
#[derive(Debug, Error, Diagnostic)]
pub enum PartsError {
    /// The executable was not made by `make dist`.
    #[error("this executable carries neither shim nor operator")]
    #[diagnostic(help("it is a bare cargo build: run `make dist` and use dist/spinkube-dev"))]
    None,
    /// The executable was cut or changed.
    #[error("the parts inside {} are damaged", path.display())]
    #[diagnostic(help("get the file again, or run `make dist`"))]
    Damaged {
        /// The executable.
        path: PathBuf,
    },
    /// A part is not among them.
    #[error("the part {name} is missing in this executable")]
    #[diagnostic(help("run `make dist` again"))]
    Missing {
        /// The part.
        name: String,
    },
    /// Reading or unpacking failed.
    #[error("{} can't be read or written: {source}", path.display())]
    #[diagnostic(help("check the disk's space and the folder's permissions"))]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The cache can't be written.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Paths(#[from] PathsError),
}

impl Parts {
    /// Unpacks the parts of the running executable, unless that was done before.
    pub fn of_this_program(paths: &Paths) -> Result<Self, PartsError> {
        let exe = std::env::current_exe().map_err(|source| PartsError::Io { path: "/proc/self/exe".into(), source })?;
        Self::of(&exe, paths)
    }

    /// Unpacks the parts of an executable, unless that was done before.
    pub fn of(exe: &Path, paths: &Paths) -> Result<Self, PartsError> {
        let failed = |source| PartsError::Io { path: exe.into(), source };
        let mut file = File::open(exe).map_err(failed)?;
        let Some(trailer) = Trailer::read(&mut file).map_err(failed)? else { return Err(PartsError::None) };
        let digest = hex::encode(trailer.digest);
        let root = paths.cache.join("parts").join(&digest);
        if !root.exists() {
            unpack(exe, file, &trailer, &root)?;
        }
        Ok(Self { root, digest })
    }

    /// A part by its path inside, which must be there.
    pub fn path(&self, name: &str) -> Result<PathBuf, PartsError> {
        let path = self.root.join(name);
        if path.exists() { Ok(path) } else { Err(PartsError::Missing { name: name.into() }) }
    }

    /// A part's bytes.
    pub fn bytes(&self, name: &str) -> Result<Vec<u8>, PartsError> {
        let path = self.path(name)?;
        fs::read(&path).map_err(|source| PartsError::Io { path, source })
    }

    /// SHA-256 over all parts, in hex: what this distribution is made of.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

struct Trailer {
    length: u64,
    digest: [u8; 32],
    end: u64,
}

impl Trailer {
    fn read(file: &mut File) -> io::Result<Option<Self>> {
        let size = file.metadata()?.len();
        let Some(end) = size.checked_sub(TRAILER as u64) else { return Ok(None) };
        file.seek(SeekFrom::Start(end))?;
        let mut bytes = [0; TRAILER];
        file.read_exact(&mut bytes)?;
        let (length, rest) = bytes.split_at(8);
        let (digest, magic) = rest.split_at(32);
        if magic != MAGIC {
            return Ok(None);
        }
        let mut trailer = Self { length: 0, digest: [0; 32], end };
        trailer.length = length.iter().rev().fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
        trailer.digest.copy_from_slice(digest);
        Ok((trailer.length <= end).then_some(trailer))
    }
}

fn unpack(exe: &Path, mut file: File, trailer: &Trailer, root: &Path) -> Result<(), PartsError> {
    let failed = |source| PartsError::Io { path: root.into(), source };
    let parent = root.parent().unwrap_or(root);
    private_dir(parent)?;
    let partial = parent.join(format!("partial-{}", std::process::id()));
    file.seek(SeekFrom::Start(trailer.end - trailer.length)).map_err(failed)?;
    let mut hashed = Hashed { inner: file.take(trailer.length), hasher: Sha256::new() };
    let unpacked = zstd::Decoder::new(&mut hashed).and_then(|decoder| tar::Archive::new(decoder).unpack(&partial));
    // Read to the end whatever came before: only a whole payload tells damage from a disk that is full.
    let drained = io::copy(&mut hashed, &mut io::sink());
    let whole = hashed.hasher.finalize().as_slice() == trailer.digest;
    let kept = match drained {
        Ok(_) if whole => unpacked.and_then(|()| fs::rename(&partial, root)),
        Ok(_) => Err(io::Error::from(io::ErrorKind::InvalidData)),
        Err(error) => Err(error),
    };
    if let Err(source) = kept {
        // The folder may not exist when its creation is what failed.
        drop(fs::remove_dir_all(&partial));
        // Another process may have unpacked the same parts meanwhile.
        return match source.kind() {
            _ if root.exists() => Ok(()),
            io::ErrorKind::InvalidData => Err(PartsError::Damaged { path: exe.into() }),
            _ => Err(failed(source)),
        };
    }
    Ok(())
}

struct Hashed<R> {
    inner: R,
    hasher: Sha256,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

/// Writes `output`: the executable `exe` (less parts that it may carry already) with `parts` appended, each
/// a name inside and a file or folder.
pub fn embed(exe: &Path, parts: &[(String, PathBuf)], output: &Path) -> Result<(), PartsError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| PartsError::Io { path, source }
    };
    let mut bare = File::open(exe).map_err(failed(exe))?;
    let size = bare.metadata().map_err(failed(exe))?.len();
    let bare_size = Trailer::read(&mut bare).map_err(failed(exe))?.map_or(size, |trailer| trailer.end - trailer.length);
    let partial = output.with_extension("partial");
    let mut out = File::create(&partial).map_err(failed(&partial))?;
    bare.seek(SeekFrom::Start(0)).map_err(failed(exe))?;
    io::copy(&mut bare.take(bare_size), &mut out).map_err(failed(&partial))?;

    let mut archive = tar::Builder::new(zstd::Encoder::new(Vec::new(), 3).map_err(failed(&partial))?);
    archive.mode(tar::HeaderMode::Deterministic);
    for (name, path) in parts {
        if path.is_dir() {
            archive.append_dir_all(name, path).map_err(failed(path))?;
        } else {
            archive.append_path_with_name(path, name).map_err(failed(path))?;
        }
    }
    let payload = archive.into_inner().and_then(zstd::Encoder::finish).map_err(failed(&partial))?;
    let mut finish = || {
        out.write_all(&payload)?;
        out.write_all(&(payload.len() as u64).to_le_bytes())?;
        out.write_all(&Sha256::digest(&payload))?;
        out.write_all(MAGIC)?;
        out.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        out.sync_all()?;
        fs::rename(&partial, output)
    };
    finish().map_err(failed(output))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn sample(dir: &Path) -> (PathBuf, Paths) {
        let (exe, part, out) = (dir.join("exe"), dir.join("part"), dir.join("out"));
        fs::write(&exe, "the program").unwrap();
        fs::write(&part, "the shim").unwrap();
        embed(&exe, &[("shim".into(), part)], &out).unwrap();
        (out, Paths::at(dir.join("cache"), dir.join("state")).unwrap())
    }

    #[test]
    fn what_is_embedded_comes_out() {
        let dir = tempfile::tempdir().unwrap();
        let (out, paths) = sample(dir.path());
        let parts = Parts::of(&out, &paths).unwrap();
        assert_eq!(parts.bytes("shim").unwrap(), b"the shim");
        assert!(matches!(parts.bytes("kind"), Err(PartsError::Missing { .. })));
    }

    #[test]
    fn embedding_twice_replaces_the_parts() {
        let dir = tempfile::tempdir().unwrap();
        let (out, paths) = sample(dir.path());
        let again = dir.path().join("again");
        embed(&out, &[("shim".into(), dir.path().join("part"))], &again).unwrap();
        assert_eq!(fs::read(&out).unwrap(), fs::read(&again).unwrap());
        assert!(Parts::of(&again, &paths).is_ok());
    }

    #[test]
    fn a_bare_or_damaged_program_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let (out, paths) = sample(dir.path());
        assert!(matches!(Parts::of(&dir.path().join("exe"), &paths), Err(PartsError::None)));
        let mut bytes = fs::read(&out).unwrap();
        bytes[20] ^= 1;
        fs::write(&out, bytes).unwrap();
        assert!(matches!(Parts::of(&out, &paths), Err(PartsError::Damaged { .. })));
    }
}
