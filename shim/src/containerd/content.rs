//! The content store: its files where we may open them, its API for the rest.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use containerd_client::services::v1::{
    Info as ContentInfo, InfoRequest, PluginsRequest, ReadContentRequest, UpdateRequest, WriteAction,
    WriteContentRequest,
};
use containerd_client::tonic::{Code, Status};
use prost_types::FieldMask;

use super::{Containerd, Error, Lease};

/// Bytes in one message of an upload.
const CHUNK: usize = 1 << 20;

/// A blob's labels in our namespace.
pub(crate) type Labels = HashMap<String, String>;

/// Where the content store keeps its files.
#[derive(Debug, Clone)]
pub(crate) struct Root(PathBuf);

impl Root {
    /// A blob's file.
    pub(crate) fn blob(&self, digest: &str) -> Result<PathBuf, Error> {
        Ok(self.0.join("blobs/sha256").join(hex_of(digest)?))
    }

    #[cfg(test)]
    pub(crate) fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }
}

/// The hexadecimal part of `sha256:<64 hex>`; digests come from images and become file names.
fn hex_of(digest: &str) -> Result<&str, Error> {
    digest
        .strip_prefix("sha256:")
        .filter(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)))
        .ok_or_else(|| Error::Digest(digest.to_owned()))
}

impl Containerd {
    /// The content store's directory; none if containerd doesn't say or keeps it where we can't read.
    pub(crate) async fn content_root(&self) -> Result<Option<Root>, Error> {
        let filters = vec!["type==io.containerd.content.v1".to_owned()];
        let request = self.request(PluginsRequest { filters }, None);
        let answer = self.client.introspection().plugins(request).await.map_err(Error::call("list its plugins"))?;
        let root = answer.into_inner().plugins.into_iter().find_map(|mut plugin| plugin.exports.remove("root"));
        Ok(root.map(PathBuf::from).filter(|root| Path::new(root).join("blobs/sha256").is_dir()).map(Root))
    }

    /// A blob's labels; none where there is no such blob.
    pub(crate) async fn labels(&self, digest: &str) -> Result<Option<Labels>, Error> {
        hex_of(digest)?;
        let request = self.request(InfoRequest { digest: digest.to_owned() }, None);
        match self.client.content().info(request).await {
            Ok(answer) => {
                let info = answer.into_inner().info.ok_or(Error::Empty("a blob's info"))?;
                Ok(Some(info.labels))
            }
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(Error::call(format!("find blob {digest}"))(status)),
        }
    }

    /// Sets labels of a blob and leaves its others.
    pub(crate) async fn set_labels(&self, digest: &str, labels: Labels) -> Result<(), Error> {
        let paths = labels.keys().map(|key| format!("labels.{key}")).collect();
        let info = ContentInfo { digest: digest.to_owned(), labels, ..ContentInfo::default() };
        let request = self.request(UpdateRequest { info: Some(info), update_mask: Some(FieldMask { paths }) }, None);
        self.client.content().update(request).await.map_err(Error::call(format!("label blob {digest}")))?;
        Ok(())
    }

    /// Opens a blob for reading: its own file, so that its pages are shared by all who map it, or a copy
    /// in memory where the store's files are out of reach.
    pub(crate) async fn open(&self, root: Option<&Root>, digest: &str) -> Result<File, Error> {
        let blob = |source| Error::Blob { digest: digest.to_owned(), source };
        if let Some(root) = root {
            return File::open(root.blob(digest)?).map_err(blob);
        }
        hex_of(digest)?;
        let copy = rustix::fs::memfd_create("blob", rustix::fs::MemfdFlags::CLOEXEC).map_err(|e| blob(e.into()))?;
        let mut copy = File::from(copy);
        let request = self.request(ReadContentRequest { digest: digest.to_owned(), offset: 0, size: 0 }, None);
        let doing = || Error::call(format!("read blob {digest}"));
        let mut parts = self.client.content().read(request).await.map_err(doing())?.into_inner();
        while let Some(part) = parts.message().await.map_err(doing())? {
            copy.write_all(&part.data).map_err(blob)?;
        }
        copy.rewind().map_err(blob)?;
        Ok(copy)
    }

    /// Reads a small blob of at most `limit` bytes.
    pub(crate) async fn read(&self, root: Option<&Root>, digest: &str, limit: u64) -> Result<Vec<u8>, Error> {
        let blob = |source| Error::Blob { digest: digest.to_owned(), source };
        let file = self.open(root, digest).await?;
        let size = file.metadata().map_err(blob)?.len();
        if size > limit {
            return Err(Error::TooLarge { digest: digest.to_owned(), size, limit });
        }
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes).map_err(blob)?;
        Ok(bytes)
    }

    /// Writes a blob with labels, kept by `lease` until something else refers to it. One that is there
    /// already only gets the labels.
    pub(crate) async fn write(
        &self,
        lease: &Lease,
        file: File,
        size: u64,
        digest: &str,
        labels: Labels,
    ) -> Result<(), Error> {
        let messages = upload(file, size, format!("{}-{digest}", lease.id), digest.to_owned(), labels.clone());
        let request = self.request(messages, Some(&lease.id));
        let doing = || format!("store blob {digest}");
        let failure = |status: Status| Error::call(doing())(status);
        let outcome = async {
            let mut answers = self.client.content().write(request).await?.into_inner();
            while answers.message().await?.is_some() {}
            Ok::<_, Status>(())
        };
        match outcome.await {
            Ok(()) => Ok(()),
            Err(status) if status.code() == Code::AlreadyExists => self.set_labels(digest, labels).await,
            Err(status) => Err(failure(status)),
        }
    }
}

/// The messages of one upload: the bytes in pieces, then the commit. A file that can't be read ends the
/// stream early, and containerd, missing the commit, stores nothing.
fn upload(
    file: File,
    size: u64,
    reference: String,
    expected: String,
    labels: Labels,
) -> impl futures::Stream<Item = WriteContentRequest> + Send + 'static {
    let total = i64::try_from(size).unwrap_or(i64::MAX);
    let message = move |action: WriteAction, offset: u64, data: Vec<u8>| WriteContentRequest {
        action: action.into(),
        r#ref: reference.clone(),
        total,
        expected: expected.clone(),
        offset: i64::try_from(offset).unwrap_or(i64::MAX),
        data,
        labels: if action == WriteAction::Commit { labels.clone() } else { HashMap::new() },
    };
    futures::stream::unfold(Some((file, 0_u64)), move |state| {
        let next = state.and_then(|(mut file, offset)| {
            let mut data = Vec::with_capacity(CHUNK);
            let length = (&mut file).take(CHUNK as u64).read_to_end(&mut data).ok()? as u64;
            Some(if length == 0 {
                (message(WriteAction::Commit, offset, Vec::new()), None)
            } else {
                (message(WriteAction::Write, offset, data), Some((file, offset + length)))
            })
        });
        std::future::ready(next)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use futures::StreamExt as _;

    #[test]
    fn only_digests_become_file_names() {
        let root = Root::at(Path::new("/c"));
        let hex = "a".repeat(64);
        assert_eq!(root.blob(&format!("sha256:{hex}")).unwrap(), Path::new("/c/blobs/sha256").join(&hex));
        for bad in
            ["", "sha256:", "sha256:../../etc/passwd", &format!("sha512:{hex}"), &format!("sha256:{}", "A".repeat(64))]
        {
            assert!(root.blob(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn an_upload_is_the_bytes_then_the_commit_with_the_labels() {
        let mut file = tempfile::tempfile().unwrap();
        let bytes = vec![7_u8; CHUNK + 5];
        file.write_all(&bytes).unwrap();
        file.rewind().unwrap();
        let labels = HashMap::from([("k".to_owned(), "v".to_owned())]);
        let messages: Vec<_> =
            upload(file, bytes.len() as u64, "r".into(), "sha256:x".into(), labels.clone()).collect().await;
        let shape: Vec<_> = messages.iter().map(|m| (m.action(), m.offset, m.data.len(), m.labels.len())).collect();
        let (first, whole) = (i64::try_from(CHUNK).unwrap(), i64::try_from(bytes.len()).unwrap());
        assert_eq!(
            shape,
            [(WriteAction::Write, 0, CHUNK, 0), (WriteAction::Write, first, 5, 0), (WriteAction::Commit, whole, 0, 1)]
        );
        assert_eq!(messages.last().unwrap().labels, labels);
    }
}
