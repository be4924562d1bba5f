//! The connection, and what containerd knows of a container's image.

use containerd_client::Client;
use containerd_client::services::v1::{GetContainerRequest, GetImageRequest};
use containerd_client::tonic::metadata::MetadataValue;
use containerd_client::tonic::{Code, Request};

use super::Error;

/// A connection to containerd for one namespace. Opened for a Create and dropped with it, as it costs memory.
pub(crate) struct Containerd {
    pub(super) client: Client,
    namespace: String,
}

/// What an image's name points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// `sha256:...` of a manifest or an index.
    pub(crate) digest: String,
    /// Its media type.
    pub(crate) media_type: String,
}

impl Containerd {
    /// Connects to the gRPC socket at `address`.
    pub(crate) async fn connect(address: &str, namespace: &str) -> Result<Self, Error> {
        let path = address.strip_prefix("unix://").unwrap_or(address);
        let client =
            Client::from_path(path).await.map_err(|source| Error::Connect { address: address.to_owned(), source })?;
        Ok(Self { client, namespace: namespace.to_owned() })
    }

    /// A request in the namespace, under a lease where one is given.
    pub(super) fn request<T>(&self, message: T, lease: Option<&str>) -> Request<T> {
        let mut request = Request::new(message);
        for (name, value) in [("containerd-namespace", Some(self.namespace.as_str())), ("containerd-lease", lease)] {
            // Namespaces and lease ids are plain words by containerd's own rule.
            if let Some(value) = value.and_then(|value| MetadataValue::try_from(value).ok()) {
                request.metadata_mut().insert(name, value);
            }
        }
        request
    }

    /// The image that a container was made from; none for a bare root filesystem.
    pub(crate) async fn image_of(&self, container: &str) -> Result<Option<Target>, Error> {
        let request = self.request(GetContainerRequest { id: container.to_owned() }, None);
        let doing = format!("find container {container}");
        let container = self.client.containers().get(request).await.map_err(Error::call(doing))?.into_inner().container;
        let name = container.ok_or(Error::Empty("a container"))?.image;
        if name.is_empty() {
            return Ok(None);
        }
        let request = self.request(GetImageRequest { name: name.clone() }, None);
        let image = match self.client.images().get(request).await {
            Ok(answer) => answer.into_inner().image.ok_or(Error::Empty("an image"))?,
            // Its name was removed since; the container keeps its root filesystem.
            Err(status) if status.code() == Code::NotFound => return Ok(None),
            Err(status) => return Err(Error::call(format!("find image {name}"))(status)),
        };
        let target = image.target.ok_or(Error::Empty("the image's target"))?;
        Ok(Some(Target { digest: target.digest, media_type: target.media_type }))
    }
}
