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
                let connection = connection(stream, tls.clone(), TowerToHyperService::new(router.clone()), stop.clone());
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
