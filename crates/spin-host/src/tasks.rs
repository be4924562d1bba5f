//! Everything of a host that runs in the background, and how it ends.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// Owns the host's tasks and instances.
#[derive(Default)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    lame: AtomicBool,
    draining: CancellationToken,
    ended: CancellationToken,
}

impl Tasks {
    /// Runs `work` until it is done, or until the host ends.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        // Without a runtime the process is at its end already.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let ended = self.ended.clone();
            let work = async move {
                ended.run_until_cancelled_owned(work).await;
            };
            self.tracker.spawn_on(work, &runtime);
        }
    }

    /// Counts something that must be gone before the host is drained.
    pub(crate) fn token(&self) -> TaskTrackerToken {
        self.tracker.token()
    }

    /// From now on clients are told to go elsewhere.
    pub(crate) fn start_lame_duck(&self) {
        self.lame.store(true, Ordering::Release);
    }

    /// Whether clients are to go elsewhere.
    pub(crate) fn is_lame_duck(&self) -> bool {
        self.lame.load(Ordering::Acquire)
    }

    /// Fires when nothing new is accepted any more.
    pub(crate) fn draining(&self) -> CancellationToken {
        self.draining.clone()
    }

    /// Waits until everything is done.
    pub(crate) async fn drain(&self) {
        self.start_lame_duck();
        self.draining.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// Ends everything when the guard is dropped.
    pub(crate) fn end_on_drop(&self) -> tokio_util::sync::DropGuard {
        self.ended.clone().drop_guard()
    }
}
