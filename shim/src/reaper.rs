//! Children nobody waits for.
//!
//! The shim is a subreaper: containers' first processes become its children when runc exits, and so
//! do orphans of containers that share the host's process namespace. Actors: helpers (runc, the
//! compiler) are waited for by tokio, containers' processes by their own watcher (`process`), and
//! whatever else turns into a zombie is reaped here, but only while no helper runs, because a helper
//! may just have left us a process that no watcher knows yet.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::{Pid, WaitOptions, waitpid};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

/// Which children are spoken for.
#[derive(Debug, Default)]
pub(crate) struct Children {
    helpers: AtomicUsize,
    watched: Mutex<HashSet<Pid>>,
    changed: Notify,
}

/// While it lives, nothing is reaped here.
pub(crate) struct Helper<'a>(&'a Children);

impl Drop for Helper<'_> {
    fn drop(&mut self) {
        self.0.helpers.fetch_sub(1, Ordering::SeqCst);
        self.0.changed.notify_one();
    }
}

impl Children {
    /// To be held while a helper process runs.
    pub(crate) fn helper(&self) -> Helper<'_> {
        self.helpers.fetch_add(1, Ordering::SeqCst);
        Helper(self)
    }

    /// A watcher will wait for this process.
    pub(crate) fn adopt(&self, pid: Pid) {
        self.watched().insert(pid);
    }

    /// The watcher has waited for it.
    pub(crate) fn release(&self, pid: Pid) {
        self.watched().remove(&pid);
    }

    /// Reaps orphans for as long as the shim lives.
    pub(crate) async fn reap_orphans(&self) -> std::io::Result<()> {
        let mut exits = signal(SignalKind::child())?;
        loop {
            tokio::select! {
                _ = exits.recv() => {}
                () = self.changed.notified() => {}
            }
            if self.helpers.load(Ordering::SeqCst) == 0 {
                self.reap();
            }
        }
    }

    fn reap(&self) {
        let watched = self.watched();
        for pid in own_children().filter(|pid| !watched.contains(pid)) {
            // An error means that it is no child any more: nothing is left to reap.
            let _ = waitpid(Some(pid), WaitOptions::NOHANG);
        }
    }

    fn watched(&self) -> std::sync::MutexGuard<'_, HashSet<Pid>> {
        self.watched.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// All children of this process, by thread, as the kernel lists them.
fn own_children() -> impl Iterator<Item = Pid> {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_watched_child_is_left_alone_and_a_stray_one_reaped() {
        let children = Children::default();
        let mut kept = std::process::Command::new("true").spawn().unwrap();
        let mut stray = std::process::Command::new("true").spawn().unwrap();
        let pid = |child: &std::process::Child| Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        children.adopt(pid(&kept));
        // Both are zombies once their state says so; waiting with NOWAIT leaves them in place.
        for child in [&kept, &stray] {
            let options = rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT;
            rustix::process::waitid(rustix::process::WaitId::Pid(pid(child)), options).unwrap();
        }
        children.reap();
        assert!(kept.wait().unwrap().success());
        assert!(stray.wait().is_err(), "the stray child must have been reaped already");
    }
}
