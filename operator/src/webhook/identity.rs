//! Keeps the webhooks' certificate valid and known to the API server.
//!
//! One task on every replica. It runs [`Keeper::settle`] at the start, when the Secret or a webhook configuration
//! changes, and when the certificate is due. The Secret decides between replicas: who writes it first has made the
//! certificate, the others take it.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use k8s_openapi::api::admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::jiff::Timestamp;
use kube::api::{ObjectMeta, PostParams};
use kube::core::PartialObjectMeta;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_util::sync::CancellationToken;

use super::WebhookError;
use super::certificate::{Bundle, Usable};
use super::configurations::{MUTATING, ServiceRef, VALIDATING, announce};
use crate::health::{Check, Health};

/// Name of the Secret, as upstream's installation has it.
const SECRET: &str = "webhook-server-cert";
/// Time that API servers get to learn of a new CA before a running replica serves with it.
const PROPAGATION: Duration = Duration::from_secs(5);
/// Pause after a failure.
const RETRY: Duration = Duration::from_secs(1);
/// Longest time between two looks at the certificate's age.
const LOOK: Duration = Duration::from_hours(1);

/// The certificate that is served now. TLS connections take it from here.
#[derive(Debug, Default)]
pub(crate) struct Identity {
    current: RwLock<Option<Arc<CertifiedKey>>>,
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.current()
    }
}

impl Identity {
    fn current(&self) -> Option<Arc<CertifiedKey>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn replace(&self, certified: Arc<CertifiedKey>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(certified);
    }

    /// Keeps the certificate until `stop`.
    pub(crate) async fn keep(
        self: Arc<Self>,
        client: Client,
        service: ServiceRef,
        health: Arc<Health>,
        stop: CancellationToken,
    ) {
        let mut changes = changes(&client, &service.namespace);
        let mut keeper = Keeper { client, service, identity: self, served: None };
        loop {
            let pause = tokio::select! {
                pause = keeper.settle(&health) => pause,
                () = stop.cancelled() => return,
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                // The stream never ends: broken watches are taken up again.
                _ = changes.next() => {}
                () = stop.cancelled() => return,
            }
        }
    }
}

struct Keeper {
    client: Client,
    service: ServiceRef,
    identity: Arc<Identity>,
    /// What is served: if its Secret is deleted, a new CA must still come with this one until the change is done.
    served: Option<Bundle>,
}

impl Keeper {
    /// Makes everything right and says how long it stays so.
    async fn settle(&mut self, health: &Health) -> Duration {
        match self.try_settle().await {
            Ok((usable, None)) => {
                health.pass(Check::Webhooks);
                let left = usable.renew_at.duration_since(Timestamp::now());
                Duration::try_from(left).unwrap_or(RETRY).clamp(RETRY, LOOK)
            }
            Ok((_, Some(missing))) => {
                health.fail(Check::Webhooks, format!("{missing} is not installed"));
                LOOK
            }
            Err(error) => {
                tracing::warn!("webhook certificate: {error}");
                // A certificate that is served and announced still works.
                if self.identity.current().is_none() {
                    health.fail(Check::Webhooks, error.to_string());
                }
                RETRY
            }
        }
    }

    async fn try_settle(&mut self) -> Result<(Usable, Option<&'static str>), WebhookError> {
        let (bundle, usable) = self.ensure().await?;
        let missing = announce(&self.client, &bundle.ca, &self.service).await?;
        match self.identity.current() {
            Some(current) if current.cert == usable.certified.cert => {}
            Some(_) => {
                tokio::time::sleep(PROPAGATION).await;
                self.identity.replace(usable.certified.clone());
            }
            None => self.identity.replace(usable.certified.clone()),
        }
        self.served = Some(bundle);
        Ok((usable, missing))
    }

    /// The certificate of the Secret, made or renewed where it can't be used.
    async fn ensure(&self) -> Result<(Bundle, Usable), WebhookError> {
        let secrets = Api::<Secret>::namespaced(self.client.clone(), &self.service.namespace);
        let host = self.service.host();
        loop {
            let found = secrets.get_opt(SECRET).await?;
            let now = Timestamp::now();
            let stored = found.as_ref().and_then(Bundle::from_secret);
            let problem = match stored.clone().map(|bundle| bundle.ready(&host, now)) {
                Some(Ok(ready)) => return Ok(ready),
                Some(Err(problem)) => problem,
                None => "there is none".to_owned(),
            };
            tracing::info!("new webhook certificate: {problem}");
            let bundle = Bundle::generate(self.service.hosts(), now, stored.as_ref().or(self.served.as_ref()))?;
            let secret = self.secret(found.as_ref(), bundle.to_data());
            let written = match &found {
                None => secrets.create(&PostParams::default(), &secret).await,
                Some(_) => secrets.replace(SECRET, &PostParams::default(), &secret).await,
            };
            match written {
                Ok(_) => return bundle.ready(&host, now).map_err(WebhookError::Unusable),
                // Another replica was faster: take what it made.
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// With the version that was seen, so that of two replicas one wins.
    fn secret(&self, found: Option<&Secret>, data: BTreeMap<String, k8s_openapi::ByteString>) -> Secret {
        let metadata = found.map_or_else(
            || ObjectMeta {
                name: Some(SECRET.to_owned()),
                namespace: Some(self.service.namespace.clone()),
                ..ObjectMeta::default()
            },
            |found| found.metadata.clone(),
        );
        let type_ = found.map_or_else(|| Some("kubernetes.io/tls".to_owned()), |found| found.type_.clone());
        Secret { metadata, type_, data: Some(data), ..Secret::default() }
    }
}

/// An item for each change of the Secret or of a webhook configuration.
fn changes(client: &Client, namespace: &str) -> BoxStream<'static, ()> {
    let named = |name: &str| watcher::Config::default().fields(&format!("metadata.name={name}"));
    let secret = Api::<PartialObjectMeta<Secret>>::namespaced(client.clone(), namespace);
    let mutating = Api::<PartialObjectMeta<MutatingWebhookConfiguration>>::all(client.clone());
    let validating = Api::<PartialObjectMeta<ValidatingWebhookConfiguration>>::all(client.clone());
    stream::select_all([
        touches(watcher(secret, named(SECRET))),
        touches(watcher(mutating, named(MUTATING))),
        touches(watcher(validating, named(VALIDATING))),
    ])
    .boxed()
}

fn touches<K>(
    events: impl stream::Stream<Item = watcher::Result<watcher::Event<K>>> + Send + 'static,
) -> BoxStream<'static, ()>
where
    K: Send + 'static,
{
    let touched = events.default_backoff().touched_objects();
    touched.filter_map(|object| async move { object.ok().map(drop) }).boxed()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::scenario::{Call, call, get, play};
    use http::Method;
    use serde_json::{Value, json};

    const SECRETS: &str = "/api/v1/namespaces/spin-operator/secrets";
    const STORED: &str = "/api/v1/namespaces/spin-operator/secrets/webhook-server-cert";

    fn service() -> ServiceRef {
        ServiceRef { name: "webhooks".into(), namespace: "spin-operator".into() }
    }

    fn stored(bundle: &Bundle) -> Value {
        serde_json::to_value(Secret { data: Some(bundle.to_data()), ..Secret::default() }).unwrap()
    }

    fn configurations() -> [Call; 2] {
        let of = |kind: &str, name: &str| {
            format!("/apis/admissionregistration.k8s.io/v1/{kind}webhookconfigurations/{name}")
        };
        [
            get(&of("mutating", MUTATING)).answered(json!({"metadata": {"name": MUTATING}})),
            get(&of("validating", VALIDATING)).answered(json!({"metadata": {"name": VALIDATING}})),
        ]
    }

    /// Plays one settling; what is served then, and what `/readyz` says.
    async fn settle(script: Vec<Call>, served: Option<Bundle>) -> (Arc<CertifiedKey>, Result<String, String>) {
        let identity = Arc::new(Identity::default());
        let health = Health::default();
        play(script, |client| async {
            let mut keeper = Keeper { client, service: service(), identity: identity.clone(), served };
            keeper.settle(&health).await;
        })
        .await;
        (identity.current().unwrap(), health.ready())
    }

    #[tokio::test]
    async fn the_first_start_makes_a_certificate() {
        let mut script = vec![
            get(STORED).not_found(),
            call(Method::POST, SECRETS).with("/type", json!("kubernetes.io/tls")).with("/metadata/name", json!(SECRET)),
        ];
        script.extend(configurations());
        let (_, ready) = settle(script, None).await;
        assert_eq!(ready, Ok("[+] webhooks\n".to_owned()));
    }

    #[tokio::test]
    async fn of_two_replicas_one_makes_it() {
        let theirs = Bundle::generate(service().hosts(), Timestamp::now(), None).unwrap();
        let mut script = vec![
            get(STORED).not_found(),
            call(Method::POST, SECRETS).refused(409, "already exists"),
            get(STORED).answered(stored(&theirs)),
        ];
        script.extend(configurations());
        let (served, _) = settle(script, None).await;
        assert_eq!(served.cert, theirs.usable(&service().host(), Timestamp::now()).ok().unwrap().certified.cert);
    }

    #[tokio::test]
    async fn what_is_due_is_replaced_in_its_version() {
        let year = k8s_openapi::jiff::SignedDuration::from_hours(365 * 24);
        let old = Bundle::generate(service().hosts(), Timestamp::now() - year, None).unwrap();
        let mut secret = stored(&old);
        secret["metadata"] = json!({"name": SECRET, "resourceVersion": "7"});
        let mut script =
            vec![get(STORED).answered(secret), call(Method::PUT, STORED).with("/metadata/resourceVersion", json!("7"))];
        script.extend(configurations());
        let (served, ready) = settle(script, None).await;
        assert!(ready.is_ok());
        assert!(!served.cert.is_empty());
    }

    #[tokio::test]
    async fn without_configurations_nobody_asks() {
        let bundle = Bundle::generate(service().hosts(), Timestamp::now(), None).unwrap();
        let [mutating, _] = configurations();
        let script = vec![get(STORED).answered(stored(&bundle)), mutating.not_found()];
        let (_, ready) = settle(script, None).await;
        assert_eq!(ready, Err(format!("[-] webhooks: {MUTATING} is not installed\n")));
    }
}
