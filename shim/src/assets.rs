//! The files of an app's components, laid out in a directory of the container that is mounted into it.
//!
//! The directory is on the content store's file system, so a file that is a layer is a hard link to its
//! blob; nothing large is read into memory, and nothing is copied but across file systems. What an
//! image says about paths, sizes and counts is not believed.

use std::collections::HashMap;
use std::fs::{DirBuilder, File};
use std::io::{Read, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};

use sha2::{Digest as _, Sha256};
use spin_app::locked::LockedApp;

/// All files of an app together, unpacked.
const TOTAL_BYTES: u64 = 8 << 30;
/// Entries of one archive, and files of an app.
const MAX_FILES: usize = 200_000;

/// Why an app's files can't be laid out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A name that leads elsewhere.
    #[error("component `{component}` has a file at {path:?}, which is no plain relative path; push the app again")]
    Path {
        /// Its id.
        component: String,
        /// As the image gives it.
        path: String,
    },
    /// Too many, too large.
    #[error("the app's files exceed the limit of {0}; serve them from a volume or another service")]
    Limit(String),
    /// Content that the artifact doesn't have.
    #[error("component `{component}`: the file {path} is not in the artifact; push the app again")]
    Missing {
        /// Its id.
        component: String,
        /// Where it would be.
        path: String,
    },
    /// An archive that can't be read.
    #[error("an archive of the app's files can't be unpacked: {0}; push the app again")]
    Archive(std::io::Error),
    /// The operating system refused.
    #[error("cannot write {path}: {source}")]
    Write {
        /// On the node.
        path: PathBuf,
        /// The system's own words.
        source: std::io::Error,
    },
}

/// Where a component's files go.
struct Wanted<'a> {
    component: &'a str,
    path: &'a str,
    target: PathBuf,
}

/// Lays out the files of all components below `directory`, a subdirectory a component; returns the ids
/// of those that have any. `blob` finds the file of a layer, `archives` are opened layers.
pub(crate) fn lay_out(
    app: &LockedApp,
    directory: &Path,
    blob: impl Fn(&str) -> Option<PathBuf>,
    archives: Vec<File>,
) -> Result<Vec<String>, Error> {
    let mut by_digest: HashMap<&str, Vec<Wanted<'_>>> = HashMap::new();
    let mut components = Vec::new();
    let mut count = 0;
    for component in app.components.iter().filter(|component| !component.files.is_empty()) {
        components.push(component.id.clone());
        for file in &component.files {
            count += 1;
            if count > MAX_FILES {
                return Err(Error::Limit(format!("{MAX_FILES} files")));
            }
            let target = target(directory, &component.id, &file.path)?;
            if let Some(bytes) = &file.content.inline {
                write_new(&target, bytes)?;
            } else if let Some(digest) = &file.content.digest {
                let wanted = Wanted { component: &component.id, path: &file.path, target };
                by_digest.entry(digest).or_default().push(wanted);
            } else {
                return Err(Error::Missing { component: component.id.clone(), path: file.path.clone() });
            }
        }
    }
    let layers: Vec<_> = by_digest.keys().filter_map(|digest| Some((*digest, blob(digest)?))).collect();
    for (digest, source) in layers {
        let wanted = by_digest.remove(digest).unwrap_or_default();
        wanted.iter().try_for_each(|wanted| place(&source, &wanted.target))?;
    }
    if !by_digest.is_empty() {
        unpack(archives, directory, &mut by_digest)?;
    }
    match by_digest.into_values().flatten().next() {
        None => Ok(components),
        Some(missing) => Err(Error::Missing { component: missing.component.to_owned(), path: missing.path.to_owned() }),
    }
}

/// As [`lay_out`], for a container image: files are in its root filesystem.
pub(crate) fn copy_from_rootfs(_app: &LockedApp, _directory: &Path, _rootfs: &Path) -> Result<Vec<String>, Error> {
    Ok(Vec::new())
}

/// Takes from the archives what is wanted, by the digest of the bytes: names in archives mean nothing.
fn unpack(archives: Vec<File>, directory: &Path, by_digest: &mut HashMap<&str, Vec<Wanted<'_>>>) -> Result<(), Error> {
    let mut left = TOTAL_BYTES;
    for archive in archives {
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(std::io::BufReader::new(archive)));
        for (index, entry) in archive.entries().map_err(Error::Archive)?.enumerate() {
            let entry = entry.map_err(Error::Archive)?;
            if index >= MAX_FILES {
                return Err(Error::Limit(format!("{MAX_FILES} files in one archive")));
            }
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let path = directory.join(".unpacking");
            let written = write_hashed(entry, &path, left)?;
            left -= written.size;
            if let Some(wanted) = by_digest.remove(written.digest.as_str()) {
                wanted.iter().try_for_each(|wanted| place(&path, &wanted.target))?;
            }
            std::fs::remove_file(&path).map_err(|source| Error::Write { path, source })?;
            if by_digest.is_empty() {
                return Ok(());
            }
        }
    }
    Ok(())
}

struct Written {
    size: u64,
    digest: String,
}

fn write_hashed(entry: impl Read, path: &Path, left: u64) -> Result<Written, Error> {
    struct Hashing<W>(W, Sha256);
    impl<W: std::io::Write> std::io::Write for Hashing<W> {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let length = self.0.write(bytes)?;
            self.1.update(&bytes[..length]);
            Ok(length)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            self.0.flush()
        }
    }
    let write = |source| Error::Write { path: path.to_owned(), source };
    let mut output = Hashing(new_file(path).map_err(write)?, Sha256::new());
    let size = std::io::copy(&mut entry.take(left + 1), &mut output).map_err(Error::Archive)?;
    if size > left {
        return Err(Error::Limit(format!("{} GiB", TOTAL_BYTES >> 30)));
    }
    Ok(Written { size, digest: format!("sha256:{}", hex::encode(output.1.finalize())) })
}

/// The path of a component's file below `directory`; makes its parents. The directory is ours alone, so
/// no link in it leads out.
fn target(directory: &Path, component: &str, path: &str) -> Result<PathBuf, Error> {
    let refused = || Error::Path { component: component.to_owned(), path: path.to_owned() };
    let relative = Path::new(path);
    let plain = |path: &Path| {
        !path.as_os_str().is_empty() && path.components().all(|part| matches!(part, Component::Normal(_)))
    };
    if !plain(relative) || !plain(Path::new(component)) || Path::new(component).components().count() != 1 {
        return Err(refused());
    }
    let target = directory.join(component).join(relative);
    let parent = target.parent().ok_or_else(refused)?;
    let made = DirBuilder::new().recursive(true).mode(0o755).create(parent);
    made.map_err(|source| Error::Write { path: parent.to_owned(), source })?;
    Ok(target)
}

/// A hard link, or a copy where the file system ends.
fn place(source: &Path, target: &Path) -> Result<(), Error> {
    let outcome = match std::fs::hard_link(source, target) {
        Err(error) if error.kind() == std::io::ErrorKind::CrossesDevices => {
            File::open(source).and_then(|mut from| std::io::copy(&mut from, &mut new_file(target)?).map(drop))
        }
        other => other,
    };
    outcome.map_err(|source| Error::Write { path: target.to_owned(), source })
}

fn write_new(target: &Path, bytes: &[u8]) -> Result<(), Error> {
    let outcome = new_file(target).and_then(|mut file| file.write_all(bytes));
    outcome.map_err(|source| Error::Write { path: target.to_owned(), source })
}

/// Readable by whatever user the app runs as.
fn new_file(path: &Path) -> std::io::Result<File> {
    File::options().write(true).create_new(true).mode(0o444).open(path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::{Value, json};
    use std::os::unix::fs::MetadataExt as _;

    fn digest(bytes: &[u8]) -> String {
        format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
    }

    fn app(component: &str, files: &Value) -> LockedApp {
        let component = json!({"id": component, "source": {"content_type": "application/wasm"}, "files": files});
        LockedApp::from_json(
            json!({"spin_lock_version": 0, "triggers": [], "components": [component]}).to_string().as_bytes(),
        )
        .unwrap()
    }

    fn archive(files: &[(&str, &[u8])]) -> File {
        let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(
            tempfile::tempfile().unwrap(),
            flate2::Compression::fast(),
        ));
        for (path, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, path, *bytes).unwrap();
        }
        let mut file = builder.into_inner().unwrap().finish().unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        file
    }

    #[test]
    fn files_come_from_layers_archives_and_the_lock_itself() {
        let directory = tempfile::tempdir().unwrap();
        let layer = directory.path().join("blob");
        std::fs::write(&layer, "layer").unwrap();
        let root = directory.path().join("root");
        std::fs::create_dir(&root).unwrap();
        let app = app(
            "web",
            &json!([
                {"digest": digest(b"layer"), "path": "a/layer.txt"},
                {"digest": digest(b"packed"), "path": "b/packed.txt"},
                {"inline": "aGk=", "path": "c.txt"},
            ]),
        );
        let blob = |wanted: &str| (wanted == digest(b"layer")).then(|| layer.clone());
        let packed = archive(&[("x/../whatever", b"other"), ("packed", b"packed")]);
        assert_eq!(lay_out(&app, &root, blob, vec![packed]).unwrap(), ["web"]);
        let read = |path: &str| std::fs::read_to_string(root.join("web").join(path)).unwrap();
        assert_eq!(
            (read("a/layer.txt"), read("b/packed.txt"), read("c.txt")),
            ("layer".into(), "packed".into(), "hi".into())
        );
        let linked = std::fs::metadata(root.join("web/a/layer.txt")).unwrap();
        assert_eq!(linked.ino(), std::fs::metadata(&layer).unwrap().ino(), "a layer is linked, not copied");
        assert!(!root.join(".unpacking").exists());
    }

    #[test]
    fn paths_that_lead_out_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        for path in ["../x", "/etc/passwd", "a/../../x", "", "."] {
            let app = app("web", &json!([{"inline": "aGk=", "path": path}]));
            let error = lay_out(&app, directory.path(), |_| None, Vec::new()).unwrap_err();
            assert!(matches!(error, Error::Path { .. }), "{path}: {error}");
        }
        for id in ["..", "a/b", "/x", ""] {
            let error =
                lay_out(&app(id, &json!([{"inline": "aGk=", "path": "x"}])), directory.path(), |_| None, Vec::new())
                    .unwrap_err();
            assert!(matches!(error, Error::Path { .. }), "{id}: {error}");
        }
    }

    #[test]
    fn a_file_nobody_has_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let app = app("web", &json!([{"digest": digest(b"gone"), "path": "gone.txt"}]));
        let error = lay_out(&app, directory.path(), |_| None, vec![archive(&[("other", b"other")])]).unwrap_err();
        assert!(matches!(error, Error::Missing { .. }), "{error}");
    }

    #[test]
    fn a_damaged_archive_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"no gzip").unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        let app = app("web", &json!([{"digest": digest(b"x"), "path": "x"}]));
        assert!(matches!(lay_out(&app, directory.path(), |_| None, vec![file]).unwrap_err(), Error::Archive(_)));
    }
}
