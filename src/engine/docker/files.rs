//! Files into and out of containers, running or not.

use std::io::{self, Read};

use bollard::query_parameters as query;
use futures::TryStreamExt;

use super::{Docker, DockerError, is_missing, refused};

/// The largest file that is read out of a container: configuration, not data.
const READ_LIMIT: u64 = 16 << 20;

/// A file or link to put into a container.
#[derive(Debug, Clone)]
pub struct Upload<'a> {
    /// Absolute path; missing folders are created.
    pub path: &'a str,
    /// What to put there.
    pub content: Content<'a>,
}

/// What an [`Upload`] holds.
#[derive(Debug, Clone)]
pub enum Content<'a> {
    /// A file with its permission bits.
    File(&'a [u8], u32),
    /// A symbolic link to a path.
    Link(&'a str),
}

impl Docker {
    /// Puts files into a container.
    pub async fn upload(&self, container: &str, uploads: &[Upload<'_>]) -> Result<(), DockerError> {
        let action = || format!("copy files into {container}");
        let archive = archive(uploads).map_err(|source| DockerError::Archive { action: action(), source })?;
        let options = query::UploadToContainerOptionsBuilder::default().path("/").build();
        let body = bollard::body_full(archive.into());
        self.api.upload_to_container(container, Some(options), body).await.map_err(refused(action()))
    }

    /// A file's text out of a container; `None` when there is no such file.
    pub async fn read_file(&self, container: &str, path: &str) -> Result<Option<String>, DockerError> {
        let action = || format!("read {path} in {container}");
        let options = query::DownloadFromContainerOptionsBuilder::default().path(path).build();
        let chunks = self.api.download_from_container(container, Some(options));
        let collected = chunks.try_fold(Vec::new(), |mut all, chunk| async move {
            all.extend_from_slice(&chunk);
            Ok(all)
        });
        let bytes = match collected.await {
            Ok(bytes) => bytes,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(refused(action())(error)),
        };
        first_file(&bytes).map(Some).map_err(|source| DockerError::Archive { action: action(), source })
    }

    /// Where a symbolic link in a container points; `None` when there is no link at the path.
    pub async fn read_link(&self, container: &str, path: &str) -> Result<Option<String>, DockerError> {
        let options = query::ContainerArchiveInfoOptionsBuilder::default().path(path).build();
        match self.api.get_container_archive_info(container, Some(options)).await {
            Ok(info) => Ok(Some(info.link_target).filter(|target| !target.is_empty())),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(refused(format!("look at {path} in {container}"))(error)),
        }
    }
}

fn archive(uploads: &[Upload<'_>]) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for upload in uploads {
        let path = upload.path.trim_start_matches('/');
        let mut header = tar::Header::new_gnu();
        match upload.content {
            Content::File(bytes, mode) => {
                header.set_mode(mode);
                header.set_size(bytes.len() as u64);
                archive.append_data(&mut header, path, bytes)?;
            }
            Content::Link(target) => {
                header.set_mode(0o777);
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_size(0);
                archive.append_link(&mut header, path, target)?;
            }
        }
    }
    archive.into_inner()
}

fn first_file(archive: &[u8]) -> io::Result<String> {
    let mut archive = tar::Archive::new(archive);
    let entry = archive.entries()?.next().ok_or(io::ErrorKind::UnexpectedEof)??;
    let mut text = String::new();
    entry.take(READ_LIMIT).read_to_string(&mut text)?;
    Ok(text)
}
