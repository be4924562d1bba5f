//! From SIGTERM to the end: first a lame duck that still accepts, then a drain.

use std::time::Duration;

use spin_host::Phase;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// The signals that ask the app to end.
pub(super) struct Requests([Signal; 3]);

impl Requests {
    /// Listens from now on.
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self([signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?]))
    }

    async fn next(&mut self) {
        let [terminate, interrupt, hangup] = &mut self.0;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

/// Moves `phase` forward on signals, for as long as it is awaited: the lame-duck time after the first
/// request to end (other nodes still send connections for up to a second after a pod began to
/// terminate), then the drain. A second request skips the rest of the lame-duck time.
pub(super) async fn shepherd(mut requests: Requests, lame_duck: Duration, phase: watch::Sender<Phase>) {
    requests.next().await;
    if !lame_duck.is_zero() {
        phase.send_replace(Phase::LameDuck);
        tokio::select! {
            () = tokio::time::sleep(lame_duck) => {}
            () = requests.next() => {}
        }
    }
    phase.send_replace(Phase::Draining);
    // The sender lives on: dropping it would say nothing more than what was just said.
    std::future::pending::<()>().await;
}
