//! The files of an app's components, laid out in a directory of the container that is mounted into it.
//!
//! The directory is on the content store's file system, so a file that is a layer is a hard link to its
//! blob; nothing large is read into memory, and nothing is copied but across file systems. What an
//! image says about paths, sizes and counts is not believed.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};

use spin_app::archive::{self, Limits, UnpackError};
use spin_app::locked::{ContentPath, ContentRef, LockedApp};

/// All copied or unpacked files of an app together, in bytes.
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
    /// Content that the image doesn't have.
    #[error("component `{component}`: the file {path} is not in the image; push the app again")]
    Missing {
        /// Its id.
        component: String,
        /// Where it would be.
        path: String,
    },
    /// An archive that can't be read.
    #[error(transparent)]
    Archive(#[from] UnpackError),
    /// The operating system refused.
    #[error("cannot write {path}: {source}")]
    Write {
        /// On the node.
        path: PathBuf,
        /// The system's own words.
        source: std::io::Error,
    },
}

/// Where the bytes of a file are.
pub(crate) enum Origin {
    /// A file that stays as it is: linked, or copied across file systems.
    Link(PathBuf),
    /// An open file of the image: copied.
    Copy(File),
}

/// Lays out the files of all components below `directory`, a subdirectory a component; returns the ids
/// of those that have any. `find` gives the origin of content that is neither inline nor in `archives`,
/// which are opened layers.
pub(crate) fn lay_out(
    app: &LockedApp,
    directory: &Path,
    find: impl Fn(&ContentRef) -> std::io::Result<Option<Origin>>,
    archives: Vec<File>,
) -> Result<Vec<String>, Error> {
    let with_files: Vec<_> = app.components.iter().filter(|component| !component.files.is_empty()).collect();
    if with_files.iter().map(|component| component.files.len()).sum::<usize>() > MAX_FILES {
        return Err(Error::Limit(format!("{MAX_FILES} files")));
    }
    let unpacking = directory.join(".archives");
    let unpacked = unpack(archives, &unpacking)?;
    let mut left = TOTAL_BYTES;
    for component in &with_files {
        for file in &component.files {
            let target = target(directory, &component.id, &file.path)?;
            place(&component.id, file, &target, &find, &unpacked, &mut left)?;
        }
    }
    match std::fs::remove_dir_all(&unpacking) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(Error::Write { path: unpacking, source }),
        _ => Ok(with_files.into_iter().map(|component| component.id.clone()).collect()),
    }
}

/// Files of archives by the digest of their bytes: their names in the archives mean nothing.
fn unpack(archives: Vec<File>, directory: &Path) -> Result<BTreeMap<String, PathBuf>, Error> {
    let mut files = BTreeMap::new();
    let mut left = TOTAL_BYTES;
    for (number, archive) in archives.into_iter().enumerate() {
        let directory = directory.join(number.to_string());
        make_directory(&directory)?;
        let limits = Limits { total_bytes: left, entries: MAX_FILES, ..Limits::default() };
        let unpacked = archive::unpack(std::io::BufReader::new(archive), &directory, limits)?;
        left = left.saturating_sub(unpacked.bytes);
        files.extend(unpacked.files);
    }
    Ok(files)
}

fn place(
    component: &str,
    file: &ContentPath,
    target: &Path,
    find: impl Fn(&ContentRef) -> std::io::Result<Option<Origin>>,
    unpacked: &BTreeMap<String, PathBuf>,
    left: &mut u64,
) -> Result<(), Error> {
    let write = |source| Error::Write { path: target.to_owned(), source };
    if let Some(bytes) = &file.content.inline {
        return new_file(target).and_then(|mut new| new.write_all(bytes)).map_err(write);
    }
    let in_archive = file.content.digest.as_ref().and_then(|digest| unpacked.get(digest));
    let origin = match in_archive {
        Some(path) => Some(Origin::Link(path.clone())),
        None => find(&file.content).map_err(write)?,
    };
    let source = match origin {
        None => return Err(Error::Missing { component: component.to_owned(), path: file.path.clone() }),
        Some(Origin::Copy(source)) => source,
        Some(Origin::Link(source)) => match std::fs::hard_link(&source, target) {
            Err(error) if error.kind() == std::io::ErrorKind::CrossesDevices => File::open(source).map_err(write)?,
            other => return other.map_err(write),
        },
    };
    let mut new = new_file(target).map_err(write)?;
    let copied = std::io::copy(&mut source.take(*left + 1), &mut new).map_err(write)?;
    *left = left.checked_sub(copied).ok_or_else(|| Error::Limit(format!("{} GiB", TOTAL_BYTES >> 30)))?;
    Ok(())
}

/// The path of a component's file below `directory`; makes its parents. The directory is ours alone, so
/// no link in it leads out.
fn target(directory: &Path, component: &str, path: &str) -> Result<PathBuf, Error> {
    let refused = || Error::Path { component: component.to_owned(), path: path.to_owned() };
    let relative = Path::new(path);
    let plain = |path: &Path| {
        !path.as_os_str().is_empty() && path.components().all(|part| matches!(part, Component::Normal(_)))
    };
    let one = Path::new(component).components().count() == 1 && !component.starts_with('.');
    if !plain(relative) || !plain(Path::new(component)) || !one {
        return Err(refused());
    }
    let target = directory.join(component).join(relative);
    make_directory(target.parent().ok_or_else(refused)?)?;
    Ok(target)
}

fn make_directory(path: &Path) -> Result<(), Error> {
    let made = DirBuilder::new().recursive(true).mode(0o755).create(path);
    made.map_err(|source| Error::Write { path: path.to_owned(), source })
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
    use sha2::{Digest as _, Sha256};
    use std::os::unix::fs::MetadataExt as _;

    fn digest(bytes: &[u8]) -> String {
        format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
    }

    fn app(component: &str, files: &Value) -> LockedApp {
        let component = json!({"id": component, "source": {"content_type": "application/wasm"}, "files": files});
        let app = json!({"spin_lock_version": 0, "triggers": [], "components": [component]});
        LockedApp::from_json(app.to_string().as_bytes()).unwrap()
    }

    fn archive(files: &[(&str, &[u8])]) -> File {
        let gzip = flate2::write::GzEncoder::new(tempfile::tempfile().unwrap(), flate2::Compression::fast());
        let mut builder = tar::Builder::new(gzip);
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

    #[allow(clippy::unnecessary_wraps)] // the signature is `lay_out`'s
    fn nowhere(_: &ContentRef) -> std::io::Result<Option<Origin>> {
        Ok(None)
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
        let find = |content: &ContentRef| {
            let ours = content.digest.as_deref() == Some(&digest(b"layer"));
            Ok(ours.then(|| Origin::Link(layer.clone())))
        };
        let packed = archive(&[("x/whatever", b"other"), ("packed", b"packed")]);
        assert_eq!(lay_out(&app, &root, find, vec![packed]).unwrap(), ["web"]);
        let read = |path: &str| std::fs::read_to_string(root.join("web").join(path)).unwrap();
        assert_eq!(
            (read("a/layer.txt"), read("b/packed.txt"), read("c.txt")),
            ("layer".into(), "packed".into(), "hi".into())
        );
        let linked = std::fs::metadata(root.join("web/a/layer.txt")).unwrap();
        assert_eq!(linked.ino(), std::fs::metadata(&layer).unwrap().ino(), "a layer is linked, not copied");
        assert!(!root.join(".archives").exists());
    }

    #[test]
    fn paths_that_lead_out_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        for path in ["../x", "/etc/passwd", "a/../../x", "", "."] {
            let app = app("web", &json!([{"inline": "aGk=", "path": path}]));
            let error = lay_out(&app, directory.path(), nowhere, Vec::new()).unwrap_err();
            assert!(matches!(error, Error::Path { .. }), "{path}: {error}");
        }
        for id in ["..", "a/b", "/x", "", ".archives"] {
            let app = app(id, &json!([{"inline": "aGk=", "path": "x"}]));
            let error = lay_out(&app, directory.path(), nowhere, Vec::new()).unwrap_err();
            assert!(matches!(error, Error::Path { .. }), "{id}: {error}");
        }
    }

    #[test]
    fn a_file_nobody_has_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let app = app("web", &json!([{"digest": digest(b"gone"), "path": "gone.txt"}]));
        let error = lay_out(&app, directory.path(), nowhere, vec![archive(&[("other", b"other")])]).unwrap_err();
        assert!(matches!(error, Error::Missing { .. }), "{error}");
    }

    #[test]
    fn two_files_at_one_path_are_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let app = app("web", &json!([{"inline": "aGk=", "path": "x"}, {"inline": "aGk=", "path": "x"}]));
        assert!(matches!(lay_out(&app, directory.path(), nowhere, Vec::new()).unwrap_err(), Error::Write { .. }));
    }
}
