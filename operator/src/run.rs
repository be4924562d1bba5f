//! The operator's tasks and how they end.
//!
//! Actors: the health, metrics and webhook servers answer; the certificate's keeper writes its Secret and the webhook
//! configurations; the leader's controllers write everything else. All of them end with one token, which a signal or
//! the loss of the lead cancels.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::args::{Args, BindAddress};
use crate::health::{Check, Health};
use crate::leader::{Candidate, LostLead};
use crate::metrics::Metrics;
use crate::webhook::{self, Identity, ServiceRef, WebhookError, Webhooks};
use crate::{controller, http};

/// How long webhooks are answered after SIGTERM. kube-proxy takes a second or so to send requests elsewhere, on a busy
/// machine more: with 2 s one of 177 calls was lost in a rollout.
const LAME_DUCK: Duration = Duration::from_secs(5);

/// Why the operator ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// No way to the API server.
    #[error("can't find a cluster: {0}; run in a pod with a service account, or set KUBECONFIG")]
    Client(#[source] Box<kube::Error>),
    /// An address is taken or not allowed.
    #[error("can't listen on {0}: {1}; free the port or choose another address")]
    Listen(SocketAddr, std::io::Error),
    /// Signals can't be received.
    #[error("can't wait for signals: {0}")]
    Signal(std::io::Error),
    /// The webhooks can't be served.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// Another replica leads.
    #[error(transparent)]
    Lead(#[from] LostLead),
}

/// Runs until SIGTERM or SIGINT.
pub(crate) async fn run(args: Args) -> Result<(), RunError> {
    let client = Client::try_default().await.map_err(|error| RunError::Client(Box::new(error)))?;
    let (health, metrics, stop) = (Arc::new(Health::default()), Metrics::default(), CancellationToken::new());
    let (health_listener, metrics_listener) =
        (listen(args.health_probe_bind_address).await?, listen(args.metrics_bind_address).await?);
    let signals = until_signal(stop.clone())?;

    let leading = async {
        let result = lead(&args, &client, &health, &metrics, stop.clone()).await;
        // Nothing is left to do without controllers; the next process starts clean.
        stop.cancel();
        result.map_err(RunError::from)
    };
    let serving = async {
        let result = webhooks(&args, &client, &health, &metrics, stop.clone()).await;
        if result.is_err() {
            stop.cancel();
        }
        result
    };
    let ((), (), (), led, served) = tokio::join!(
        signals,
        http::serve(health_listener, http::health(health.clone()), stop.clone()),
        http::serve(metrics_listener, http::metrics(metrics.clone()), stop.clone()),
        leading,
        serving,
    );
    led.and(served)
}

async fn listen(address: BindAddress) -> Result<Option<tokio::net::TcpListener>, RunError> {
    address.listen().await.map_err(|(address, error)| RunError::Listen(address, error))
}

fn until_signal(stop: CancellationToken) -> Result<impl Future<Output = ()>, RunError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(RunError::Signal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(RunError::Signal)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM"),
            _ = interrupt.recv() => tracing::info!("SIGINT"),
            () = stop.cancelled() => {}
        }
        stop.cancel();
    })
}

async fn lead(
    args: &Args,
    client: &Client,
    health: &Arc<Health>,
    metrics: &Metrics,
    stop: CancellationToken,
) -> Result<(), LostLead> {
    let work = |stop| {
        metrics.leading(true);
        health.fail(Check::Controllers, "reading apps and executors");
        controller::run(client.clone(), metrics.clone(), health.clone(), args.namespace.clone(), stop)
    };
    if !args.leader_elect {
        work(stop).await;
        return Ok(());
    }
    health.pass(Check::Controllers);
    let identity = std::env::var("POD_NAME").unwrap_or_else(|_| format!("process-{}", std::process::id()));
    Candidate::new(client.clone(), &args.namespace, identity).lead(stop, work).await
}

async fn webhooks(
    args: &Args,
    client: &Client,
    health: &Arc<Health>,
    metrics: &Metrics,
    stop: CancellationToken,
) -> Result<(), RunError> {
    if !args.enable_webhooks {
        return Ok(());
    }
    health.fail(Check::Webhooks, "starting");
    let Some(listener) = listen(args.webhook_bind_address).await? else { return Ok(()) };
    let identity = Arc::new(Identity::default());
    let tls = webhook::tls(identity.clone())?;
    let webhooks =
        Webhooks { client: client.clone(), metrics: metrics.clone(), default_namespace: args.namespace.clone() };
    // Others learn only after a while that this replica ends; until then they still ask it.
    let end = CancellationToken::new();
    let lame_duck = async {
        stop.cancelled().await;
        tokio::time::sleep(LAME_DUCK).await;
        end.cancel();
    };
    let service = ServiceRef { name: args.webhook_service.clone(), namespace: args.namespace.clone() };
    tokio::join!(
        webhook::serve(listener, tls, webhooks, end.clone()),
        identity.keep(client.clone(), service, health.clone(), stop.clone()),
        lame_duck,
    );
    Ok(())
}
