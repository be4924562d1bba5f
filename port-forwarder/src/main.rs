//! Forwards one TCP port to one address: `spinkube-port-forwarder LISTEN TARGET`.
//!
//! It runs as the only process of a container on a cluster's Docker network. The target's name is resolved for
//! each connection, so that a node which comes back with another address is found again. Actors: the accept
//! loop, and one task a connection, at most [`MAX_CONNECTIONS`] of them; further clients wait in the backlog.

mod forward;

use std::process::ExitCode;

use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

/// Connections that are forwarded at once.
const MAX_CONNECTIONS: usize = 1024;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // The container's log is where somebody looks when the port does not answer.
            #[allow(clippy::print_stderr)]
            {
                eprintln!("{message}");
            }
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), String> {
    let mut args = std::env::args().skip(1);
    let (Some(listen), Some(target), None) = (args.next(), args.next(), args.next()) else {
        return Err("usage: spinkube-port-forwarder LISTEN TARGET, each HOST:PORT".into());
    };
    let listener = TcpListener::bind(&listen).await.map_err(|error| format!("can't listen on {listen}: {error}"))?;
    // The first process of a container gets no default actions: without a handler SIGTERM would do nothing.
    let mut term = signal(SignalKind::terminate()).map_err(|error| format!("can't handle SIGTERM: {error}"))?;
    let mut int = signal(SignalKind::interrupt()).map_err(|error| format!("can't handle SIGINT: {error}"))?;
    tokio::select! {
        () = forward::serve(listener, target.into(), MAX_CONNECTIONS) => {}
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    Ok(())
}
