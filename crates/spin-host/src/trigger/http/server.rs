//! Connections.
//!
//! Actors: [`serve`] accepts and follows the phase; each connection is a task that ends by itself, or is
//! told to finish when the host drains. HTTP/1.1 and HTTP/2 without TLS, told apart by the first bytes.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Request, Response, Version, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use wasmtime_wasi_http::{Error, WasiBody};

use super::HttpTrigger;
use crate::settings::Phase;
use crate::tasks::Tasks;

/// How long to wait when the process is out of file descriptors.
const EXHAUSTED: Duration = Duration::from_millis(50);

/// Serves until the phase is [`Phase::Draining`] (or its sender is gone) and everything is answered.
pub(crate) async fn serve(
    listener: TcpListener,
    trigger: Arc<HttpTrigger>,
    tasks: Arc<Tasks>,
    mut phase: watch::Receiver<Phase>,
) {
    let _end = tasks.end_on_drop();
    loop {
        tokio::select! {
            changed = phase.changed() => match (changed, *phase.borrow_and_update()) {
                (Ok(()), Phase::Serving) => {}
                (Ok(()), Phase::LameDuck) => tasks.start_lame_duck(),
                (Ok(()), Phase::Draining) | (Err(_), _) => break,
            },
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => {
                    let connection = connection(stream, client, Arc::clone(&trigger), Arc::clone(&tasks));
                    tasks.spawn(connection);
                }
                // The client gave up, or there are no descriptors left: neither ends the server.
                Err(error) => {
                    tracing::warn!("can't accept a connection: {error}");
                    tokio::time::sleep(EXHAUSTED).await;
                }
            },
        }
    }
    drop(listener);
    tasks.drain().await;
}

async fn connection(stream: TcpStream, client: SocketAddr, trigger: Arc<HttpTrigger>, tasks: Arc<Tasks>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("no TCP_NODELAY for {client}: {error}");
    }
    let draining = tasks.draining();
    let service = service_fn(move |request| answer(request, client, Arc::clone(&trigger), Arc::clone(&tasks)));
    let builder = Builder::new(TokioExecutor::new());
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = draining.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!("connection of {client} ended: {error}");
    }
}

async fn answer(
    request: Request<Incoming>,
    client: SocketAddr,
    trigger: Arc<HttpTrigger>,
    tasks: Arc<Tasks>,
) -> Result<Response<WasiBody>, Infallible> {
    let version = request.version();
    let request = request.map(|body| body.map_err(Error::from).boxed_unsync());
    let mut response = trigger.respond(request, client).await;
    if tasks.is_lame_duck() && version < Version::HTTP_2 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}
