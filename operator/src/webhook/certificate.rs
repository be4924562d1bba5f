//! The certificate that the webhooks are served with, and the CA that vouches for it.
//!
//! The CA signs once, when it is made; its key is thrown away, so there is no key that could sign anything else.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

const VALIDITY: SignedDuration = SignedDuration::from_hours(365 * 24);
/// A certificate with less than this left is renewed.
const RENEW_BEFORE: SignedDuration = SignedDuration::from_hours(120 * 24);
/// Clocks of other machines may be behind.
const BACKDATE: SignedDuration = SignedDuration::from_hours(1);

/// Certificate, key and CA as PEM, as the Secret holds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bundle {
    /// The current CA first; after a renewal also the one before, which replicas may serve with a moment longer.
    pub(super) ca: String,
    pub(super) certificate: String,
    pub(super) key: String,
}

/// A bundle that can be served with.
pub(super) struct Usable {
    pub(super) certified: Arc<CertifiedKey>,
    /// When to renew it.
    pub(super) renew_at: Timestamp,
}

impl Bundle {
    /// A new CA and a certificate of it for these host names.
    pub(super) fn generate(hosts: Vec<String>, now: Timestamp, previous: Option<&Self>) -> Result<Self, rcgen::Error> {
        let mut ca = params(Vec::new(), "spin-operator webhook CA", now)?;
        ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let ca_key = KeyPair::generate()?;
        let ca_pem = ca.self_signed(&ca_key)?.pem();

        let mut serving = params(hosts, "spin-operator webhooks", now)?;
        serving.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        serving.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        serving.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = serving.signed_by(&key, &Issuer::new(ca, ca_key))?.pem();
        let before = previous.map(|previous| first_block(&previous.ca)).unwrap_or_default();
        Ok(Self { ca: format!("{ca_pem}{before}"), certificate, key: key.serialize_pem() })
    }

    pub(super) fn from_secret(secret: &Secret) -> Option<Self> {
        let text = |key: &str| String::from_utf8(secret.data.as_ref()?.get(key)?.0.clone()).ok();
        Some(Self { ca: text("ca.crt")?, certificate: text("tls.crt")?, key: text("tls.key")? })
    }

    pub(super) fn to_data(&self) -> BTreeMap<String, ByteString> {
        [("ca.crt", &self.ca), ("tls.crt", &self.certificate), ("tls.key", &self.key)]
            .map(|(key, text)| (key.to_owned(), ByteString(text.clone().into_bytes())))
            .into()
    }

    /// The bundle with what serves it; see [`Self::usable`].
    pub(super) fn ready(self, host: &str, now: Timestamp) -> Result<(Self, Usable), String> {
        let usable = self.usable(host, now)?;
        Ok((self, usable))
    }

    /// The bundle ready for use; the reason if it can't serve `host` at `now`, or should be renewed.
    pub(super) fn usable(&self, host: &str, now: Timestamp) -> Result<Usable, String> {
        let certificates = CertificateDer::pem_slice_iter(self.certificate.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| format!("its certificate can't be read: {error}"))?;
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes())
            .map_err(|error| format!("its key can't be read: {error}"))?;
        let signer = any_supported_type(&key).map_err(|error| format!("its key can't be used: {error}"))?;
        let leaf = certificates.first().ok_or("it holds no certificate")?;
        let (_, leaf) =
            X509Certificate::from_der(leaf).map_err(|error| format!("its certificate can't be read: {error}"))?;
        if !covers(&leaf, host) {
            return Err(format!("its certificate is not for {host}"));
        }
        let not_after = Timestamp::from_second(leaf.validity().not_after.timestamp()).unwrap_or_default();
        let renew_at = not_after - RENEW_BEFORE;
        if renew_at <= now || leaf.validity().not_before.timestamp() > now.as_second() {
            return Err(format!("its certificate is due for renewal, it is valid until {not_after}"));
        }
        let certified = CertifiedKey::new(certificates, signer);
        certified.keys_match().map_err(|error| format!("its key is not the certificate's: {error}"))?;
        Ok(Usable { certified: Arc::new(certified), renew_at })
    }
}

fn params(hosts: Vec<String>, name: &str, now: Timestamp) -> Result<CertificateParams, rcgen::Error> {
    let date = |at: Timestamp| {
        time::OffsetDateTime::from_unix_timestamp(at.as_second()).map_err(|_| rcgen::Error::CouldNotParseCertificate)
    };
    let mut params = CertificateParams::new(hosts)?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date(now - BACKDATE)?;
    params.not_after = date(now + VALIDITY)?;
    Ok(params)
}

fn covers(certificate: &X509Certificate<'_>, host: &str) -> bool {
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return false };
    names.value.general_names.iter().any(|name| matches!(name, GeneralName::DNSName(name) if *name == host))
}

fn first_block(pem: &str) -> &str {
    let end = "-----END CERTIFICATE-----";
    pem.find(end).map_or("", |at| &pem[..at + end.len()])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rustls::RootCertStore;
    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier;
    use rustls::pki_types::{ServerName, UnixTime};

    const HOST: &str = "spin-operator-webhook-service.spin-operator.svc";

    fn bundle(now: Timestamp, previous: Option<&Bundle>) -> Bundle {
        Bundle::generate(vec![HOST.to_owned()], now, previous).unwrap()
    }

    /// Whether a client that trusts `ca` accepts what `bundle` serves.
    fn trusted(ca: &str, bundle: &Bundle) -> bool {
        let mut roots = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(ca.as_bytes()) {
            roots.add(root.unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        let leaf = CertificateDer::from_pem_slice(bundle.certificate.as_bytes()).unwrap();
        let host = ServerName::try_from(HOST).unwrap();
        verifier.verify_server_cert(&leaf, &[], &host, &[], UnixTime::now()).is_ok()
    }

    #[test]
    fn is_trusted_by_who_knows_its_ca() {
        let now = Timestamp::now();
        let (ours, other) = (bundle(now, None), bundle(now, None));
        assert!(trusted(&ours.ca, &ours));
        assert!(!trusted(&other.ca, &ours));
    }

    #[test]
    fn renewal_keeps_trust_in_the_one_before_but_not_for_ever() {
        let now = Timestamp::now();
        let first = bundle(now, None);
        let second = bundle(now, Some(&first));
        let third = bundle(now, Some(&second));
        assert!(trusted(&second.ca, &first) && trusted(&second.ca, &second));
        assert!(trusted(&third.ca, &second) && !trusted(&third.ca, &first));
    }

    #[test]
    fn survives_the_secret() {
        let bundle = bundle(Timestamp::now(), None);
        let secret = Secret { data: Some(bundle.to_data()), ..Secret::default() };
        assert_eq!(Bundle::from_secret(&secret), Some(bundle));
        assert_eq!(Bundle::from_secret(&Secret::default()), None);
    }

    #[test]
    fn what_cannot_be_served_says_why() {
        let now = Timestamp::now();
        let good = bundle(now, None);
        let usable = good.usable(HOST, now).ok().unwrap();
        assert!(usable.renew_at > now + SignedDuration::from_hours(200 * 24));
        let broken = |bundle: Bundle, host: &str, at: Timestamp| bundle.usable(host, at).err().unwrap();
        assert_eq!(broken(good.clone(), "other", now), "its certificate is not for other");
        let late = now + SignedDuration::from_hours(300 * 24);
        assert!(broken(good.clone(), HOST, late).starts_with("its certificate is due for renewal"));
        let foreign = Bundle { key: bundle(now, None).key, ..good.clone() };
        assert!(broken(foreign, HOST, now).starts_with("its key is not the certificate's"));
        let garbage = Bundle { key: "no key".into(), ..good };
        assert!(broken(garbage, HOST, now).starts_with("its key can't be read"));
    }
}
