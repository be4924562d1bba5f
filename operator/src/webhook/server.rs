//! Serves the webhooks over TLS.
//!
//! One task accepts; each connection is a task of its own, so a slow handshake keeps nobody waiting. All of them end
//! with `stop`.

use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::handler::{Webhooks, router};
use super::{Identity, WebhookError};

/// Connections at once. The API server keeps a few and reuses them.
const MAX_CONNECTIONS: usize = 256;
/// For the handshake, and for the head of a request.
const PATIENCE: Duration = Duration::from_secs(10);

/// TLS with whatever certificate `identity` has at the time.
pub(crate) fn tls(identity: Arc<Identity>) -> Result<TlsAcceptor, WebhookError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = config.with_no_client_auth().with_cert_resolver(identity);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Serves until `stop`; requests under way are answered.
pub(crate) async fn serve(listener: TcpListener, tls: TlsAcceptor, webhooks: Webhooks, stop: CancellationToken) {
    let router = router(webhooks);
    let limit = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        // Before accepting, so that more connections wait in the kernel.
        let permit = tokio::select! {
            permit = limit.clone().acquire_owned() => permit,
            () = stop.cancelled() => break,
        };
        let stream = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match stream {
            Ok((stream, _)) => {
                let connection =
                    connection(stream, tls.clone(), TowerToHyperService::new(router.clone()), stop.clone());
                connections.spawn(async move {
                    connection.await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!("webhook connection: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    while connections.join_next().await.is_some() {}
}

async fn connection(
    stream: TcpStream,
    tls: TlsAcceptor,
    service: TowerToHyperService<axum::Router>,
    stop: CancellationToken,
) {
    let stream = match tokio::time::timeout(PATIENCE, tls.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!("webhook handshake: {error}"),
        Err(_) => return,
    };
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!("webhook connection: {error}");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::certificate::Bundle;
    use super::*;
    use crate::metrics::Metrics;
    use crate::scenario::{get, play};
    use base64::Engine as _;
    use k8s_openapi::jiff::Timestamp;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, ServerName};
    use rustls::{ClientConfig, RootCertStore};
    use serde_json::{Value, json};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_rustls::TlsConnector;

    const HOST: &str = "webhooks.test.svc";

    /// What the API server gets back from the webhook at `path`, over TLS that it trusts by `bundle`'s CA.
    async fn ask(port: u16, bundle: &Bundle, path: &str, review: Value) -> Value {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(bundle.ca.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let host = ServerName::try_from(HOST).unwrap();
        let mut stream = TlsConnector::from(Arc::new(config)).connect(host, stream).await.unwrap();
        let body = review.to_string();
        let head =
            format!("POST {path} HTTP/1.1\r\nhost: {HOST}\r\ncontent-type: application/json\r\nconnection: close");
        let request = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        // The server may close without TLS's own goodbye.
        let _ = stream.read_to_string(&mut answer).await;
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    #[tokio::test]
    async fn answers_over_tls_until_it_is_stopped() {
        let bundle = Bundle::generate(vec![HOST.to_owned()], Timestamp::now(), None).unwrap();
        let identity = Arc::new(Identity::default());
        identity.replace(bundle.usable(HOST, Timestamp::now()).ok().unwrap().certified);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let executors = "/apis/core.spinkube.dev/v1alpha1/spinappexecutors";
        let chosen = json!({"items": [
            {"metadata": {"name": "b", "namespace": "default"}, "spec": {"createDeployment": true}},
            {"metadata": {"name": "a", "namespace": "default"}, "spec": {"createDeployment": true}},
        ]});
        let app = json!({"uid": "u", "namespace": "default", "object": {"spec": {"image": "i"}}});
        let executor = json!({"uid": "u", "object": {"metadata": {"name": "e"}, "spec": {"createDeployment": true}}});
        let (mutated, validated) = play(vec![get(executors).answered(chosen)], |client| async {
            let webhooks =
                Webhooks { client, metrics: Metrics::default(), default_namespace: "spin-operator".to_owned() };
            let stop = CancellationToken::new();
            let asked = async {
                let mutate = "/mutate-core-spinkube-dev-v1alpha1-spinapp";
                let mutated = ask(port, &bundle, mutate, json!({"request": app})).await;
                let validate = "/validate-core-spinkube-dev-v1alpha1-spinappexecutor";
                let validated = ask(port, &bundle, validate, json!({"request": executor})).await;
                stop.cancel();
                (mutated, validated)
            };
            let ((), answers) = tokio::join!(serve(listener, tls(identity).unwrap(), webhooks, stop.clone()), asked);
            answers
        })
        .await;
        let patch = r#"[{"op":"add","path":"/spec/executor","value":"a"}]"#;
        let patch = base64::engine::general_purpose::STANDARD.encode(patch);
        assert_eq!(mutated["response"]["patch"], json!(patch));
        assert_eq!(
            validated["response"]["status"]["message"],
            "SpinAppExecutor.core.spinkube.dev \"e\" is invalid: spec.deploymentConfig: Invalid value: null: \
             deploymentConfig must be set when createDeployment is true"
        );
    }
}
