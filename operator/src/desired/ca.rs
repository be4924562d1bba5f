//! The Secret with CA certificates for apps that call TLS services.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::ObjectMeta;
use spinkube_api::contract::{CA_KEY, CA_SECRET, MANAGED_BY, MANAGED_BY_ANNOTATION};
use spinkube_api::executor::DeploymentConfig;

/// Name of the CA Secret that pods mount, where the executor wants one.
pub(crate) fn secret_name(config: &DeploymentConfig) -> Option<&str> {
    match config.ca_cert_secret.as_str() {
        "" => config.install_default_ca_certs.then_some(CA_SECRET),
        name => Some(name),
    }
}

/// A Secret with Mozilla's CA certificates. It has no owner: apps of the namespace share it, and it stays when they go.
pub(crate) fn default_secret(name: &str, namespace: Option<String>) -> Secret {
    let annotations = BTreeMap::from([(MANAGED_BY_ANNOTATION.to_owned(), MANAGED_BY.to_owned())]);
    Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace,
            annotations: Some(annotations),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([(CA_KEY.to_owned(), ByteString(mozilla_pem().into_bytes()))])),
        ..Secret::default()
    }
}

/// Mozilla's root certificates, one `CERTIFICATE` block each.
fn mozilla_pem() -> String {
    let mut pem = String::new();
    for certificate in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        pem.push_str("-----BEGIN CERTIFICATE-----\n");
        let encoded = STANDARD.encode(certificate);
        let mut rest = encoded.as_str();
        while !rest.is_empty() {
            let (line, more) = rest.split_at(rest.len().min(64));
            pem.push_str(line);
            pem.push('\n');
            rest = more;
        }
        pem.push_str("-----END CERTIFICATE-----\n");
    }
    pem
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixtures::config;
    use super::*;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    use serde_json::json;

    #[test]
    fn named_by_the_executor() {
        for (settings, name) in [
            (json!({}), None),
            (json!({"installDefaultCACerts": true}), Some("spin-ca")),
            (json!({"caCertSecret": "mine"}), Some("mine")),
            (json!({"caCertSecret": "mine", "installDefaultCACerts": true}), Some("mine")),
        ] {
            assert_eq!(secret_name(&config(&settings)), name, "{settings}");
        }
    }

    #[test]
    fn holds_every_root_and_fits_in_a_secret() {
        let pem = mozilla_pem();
        let read: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes()).map(|cert| cert.unwrap()).collect();
        assert_eq!(read, webpki_root_certs::TLS_SERVER_ROOT_CERTS);
        assert!(pem.lines().all(|line| line.len() <= 64));
        assert!(pem.len() < 1024 * 1024, "a Secret holds 1 MiB, this is {}", pem.len());
    }

    #[test]
    fn secret_outlives_the_app() {
        let secret = default_secret("spin-ca", Some("default".into()));
        assert_eq!(secret.metadata.owner_references, None);
        assert_eq!(secret.metadata.annotations.unwrap()["app.kubernetes.io/managed-by"], "spin-operator.spinkube.dev");
    }
}
