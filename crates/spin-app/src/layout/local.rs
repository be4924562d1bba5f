//! A layout as a folder.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use crate::{
    archive::{self, Limits, UnpackError},
    artifact::{AppKind, NotAnApp, describe},
    locked::{ContentRef, LockedApp, LockedError},
};

/// A folder with `blobs/sha256/<hex>`: content by digest, shared by all artifacts in it.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

/// Why an artifact in a layout can't be run.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its manifest is no Spin app's.
    #[error(transparent)]
    NotAnApp(#[from] NotAnApp),
    /// Its locked app can't be used.
    #[error(transparent)]
    Locked(#[from] LockedError),
    /// One of its archives can't be used.
    #[error(transparent)]
    Archive(#[from] UnpackError),
    /// A content is missing.
    #[error("component {component} names {digest}, which the artifact does not hold; push the app again")]
    Missing {
        /// Id of the component.
        component: String,
        /// `sha256:<64 hex>`, or what stands in its place.
        digest: String,
    },
    /// The artifact was pushed with `--compose=false`.
    #[error(
        "component {component} has dependencies that are not composed; push the app with `spin registry push`, without --compose=false"
    )]
    Uncomposed {
        /// Id of the component.
        component: String,
    },
    /// It is one component without an app.
    #[error("it is a single component pushed by `wkg`; put it into an app with a spin.toml")]
    Wkg,
    /// The disk.
    #[error("can't use {}: {source}; check permissions and free space", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Layout {
    /// Makes the folder where it is missing.
    pub fn create(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root.join("blobs/sha256"))?;
        Ok(Self { root: root.to_owned() })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the content of a digest is; the digest must be valid.
    pub fn blob(&self, digest: &str) -> PathBuf {
        self.root.join("blobs").join(digest.replacen(':', "/", 1))
    }

    /// Stores bytes under their digest, whole or not at all.
    pub fn put(&self, digest: &str, bytes: &[u8]) -> io::Result<()> {
        let mut temporary = self.temporary()?;
        io::Write::write_all(&mut temporary, bytes)?;
        temporary.persist(self.blob(digest)).map(drop).map_err(|e| e.error)
    }

    pub(crate) fn temporary(&self) -> io::Result<tempfile::NamedTempFile> {
        tempfile::NamedTempFile::new_in(&self.root)
    }

    /// The app of the manifest `digest`, with every content a file on this machine. Archives are unpacked to `unpacked`,
    /// which should be new and empty; inline content is written there too.
    pub fn open(&self, digest: &str, unpacked: &Path) -> Result<LockedApp, OpenError> {
        let description = describe(&self.read(digest)?)?;
        let AppKind::Spin(app) = &description.kind else { return Err(OpenError::Wkg) };
        let mut app = LockedApp::from_json(&self.read(&app.digest)?)?;
        let mut files: BTreeMap<String, PathBuf> = BTreeMap::new();
        for (n, layer) in description.archives.iter().enumerate() {
            let dir = unpacked.join(format!("archive-{n}"));
            fs::create_dir_all(&dir).map_err(|source| OpenError::File { path: dir.clone(), source })?;
            let path = self.blob(&layer.digest);
            let archive = File::open(&path).map_err(|source| OpenError::File { path, source })?;
            files.extend(archive::unpack(archive, &dir, Limits::default())?.files);
        }
        for layer in description.layers() {
            files.insert(layer.digest.clone(), self.blob(&layer.digest));
        }
        for component in &mut app.components {
            if !component.dependencies.is_empty() || !component.trigger_dependencies.is_empty() {
                return Err(OpenError::Uncomposed { component: component.id.clone() });
            }
            let contents = std::iter::once(&mut component.source.content)
                .chain(component.files.iter_mut().map(|file| &mut file.content));
            for content in contents {
                let found = local(content, &files, unpacked)?.ok_or_else(|| OpenError::Missing {
                    component: component.id.clone(),
                    digest: content.digest.clone().unwrap_or_else(|| "no digest".to_owned()),
                })?;
                *content = ContentRef::file(&found);
            }
        }
        Ok(app)
    }

    fn read(&self, digest: &str) -> Result<Vec<u8>, OpenError> {
        let path = self.blob(digest);
        fs::read(&path).map_err(|source| OpenError::File { path, source })
    }
}

/// The file of a content, written if it is inline.
fn local(
    content: &ContentRef,
    files: &BTreeMap<String, PathBuf>,
    unpacked: &Path,
) -> Result<Option<PathBuf>, OpenError> {
    if let Some(bytes) = &content.inline {
        let path = unpacked.join(format!("inline-{}", crate::artifact::digest_of(bytes).trim_start_matches("sha256:")));
        fs::write(&path, bytes).map_err(|source| OpenError::File { path: path.clone(), source })?;
        return Ok(Some(path));
    }
    let file = content.digest.as_ref().and_then(|digest| files.get(digest));
    file.map(|f| std::path::absolute(f).map_err(|source| OpenError::File { path: f.clone(), source })).transpose()
}
