//! containerd's API, as far as a Spin app needs it: its image, the content store, leases.

mod client;
mod content;
mod leases;

pub(crate) use client::{Containerd, Target};
pub(crate) use content::Root;
pub(crate) use leases::Lease;

/// Why containerd's API did not answer as needed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The socket does not answer.
    #[error("cannot reach containerd at {address}: {source}")]
    Connect {
        /// The socket.
        address: String,
        /// What the transport said.
        source: containerd_client::tonic::transport::Error,
    },
    /// A call failed.
    #[error("containerd could not {doing}: {}", .status.message())]
    Call {
        /// What was asked.
        doing: String,
        /// Its answer.
        status: Box<containerd_client::tonic::Status>,
    },
    /// An answer without its content.
    #[error("containerd answered without {0}")]
    Empty(&'static str),
    /// A blob's file can't be read.
    #[error("cannot read {digest} from the content store: {source}")]
    Blob {
        /// The blob.
        digest: String,
        /// The system's own words.
        source: std::io::Error,
    },
    /// A blob that is larger than anything of its kind.
    #[error("{digest} has {size} bytes, more than the {limit} that are read of its kind")]
    TooLarge {
        /// The blob.
        digest: String,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A digest that is none.
    #[error("{0:?} is no sha256 digest")]
    Digest(String),
}

impl Error {
    fn call(doing: impl Into<String>) -> impl FnOnce(containerd_client::tonic::Status) -> Self {
        let doing = doing.into();
        move |status| Self::Call { doing, status: Box::new(status) }
    }
}
