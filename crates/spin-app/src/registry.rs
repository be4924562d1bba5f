//! Push to and pull from a registry.
//!
//! Registries on loopback are spoken to by http, others by https. The HTTP client is built without a TLS provider: making
//! a [`Registry`] installs rustls' ring provider for the process, unless one is installed already.

use oci_client::{
    Client, Reference, RegistryOperation,
    client::{ClientConfig, ClientProtocol},
    secrets::RegistryAuth,
};

mod credentials;
mod error;
mod pull;
mod push;

pub use credentials::Credentials;
pub use error::{RegistryError, RegistryErrorKind};
pub use pull::Remote;
pub use push::{PushEvent, Pushed};

pub(crate) use error::innermost;

/// How many blobs are transferred at once.
const PARALLEL: usize = 8;

/// A client for one reference: its registry, repository and tag.
pub struct Registry {
    client: Client,
    reference: Reference,
    credentials: RegistryAuth,
    /// As the caller wrote it: what errors name.
    name: String,
    plain: bool,
}

impl Registry {
    /// Parses `reference`, e.g. `localhost:5001/hello:v1`; without a tag or digest it is `latest`. `insecure` speaks http
    /// also to registries that are not on loopback.
    pub fn new(reference: &str, credentials: Credentials, insecure: bool) -> Result<Self, RegistryError> {
        install_tls_provider();
        let parsed: Reference = reference.parse().map_err(|e| RegistryError::reference(reference, &e))?;
        let loopback = is_loopback(parsed.resolve_registry());
        let plain = insecure || loopback;
        let config = ClientConfig {
            protocol: if plain { ClientProtocol::Http } else { ClientProtocol::Https },
            // One request for a blob instead of one for each chunk.
            use_monolithic_push: true,
            connect_timeout: Some(std::time::Duration::from_secs(10)),
            // The client reads proxies from the environment unless it is given one, and would ask it for loopback, too. One
            // that is for https alone is never used on loopback, where all is http.
            https_proxy: loopback.then(|| "http://127.0.0.1:9".to_owned()),
            user_agent: concat!("spinkube-dev/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        let client = Client::try_from(config).map_err(|e| RegistryError::of(reference, &e))?;
        let credentials = credentials.resolve(parsed.resolve_registry());
        Ok(Self { client, reference: parsed, credentials, name: reference.to_owned(), plain })
    }

    /// The reference in full, with registry and tag.
    pub fn reference(&self) -> String {
        self.reference.whole()
    }

    /// The same repository by digest.
    pub fn pinned(&self, digest: &str) -> String {
        format!("{}/{}@{digest}", self.reference.registry(), self.reference.repository())
    }

    /// Logs in, where the registry may want it. A loopback registry without credentials is taken to be open: asking costs
    /// a request before every other one.
    async fn authenticate(&self, operation: RegistryOperation) -> Result<(), RegistryError> {
        if self.plain && self.credentials == RegistryAuth::Anonymous {
            return Ok(());
        }
        self.client.auth(&self.reference, &self.credentials, operation).await.map(drop).map_err(|e| self.error(&e))
    }

    fn error(&self, error: &oci_client::errors::OciDistributionError) -> RegistryError {
        RegistryError::of(&self.name, error)
    }
}

/// Whether a registry, `host[:port]`, is on this machine.
fn is_loopback(registry: &str) -> bool {
    let host = match registry.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => registry.split(':').next().unwrap_or_default(),
    };
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Makes ring the process's TLS provider. Another one that is installed already stays.
pub(crate) fn install_tls_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // An error says that somebody else was quicker, which is as good.
        rustls::crypto::ring::default_provider().install_default().ok();
    }
}

#[cfg(test)]
mod tests;
