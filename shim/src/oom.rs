//! Out-of-memory kills in a container.
//!
//! The kernel counts them in a file of the control group, which may be gone with its last process
//! (systemd removes a scope at once). So the count is read on each notification while the container
//! lives, and once more at its end.

use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::cgroup::Cgroup;
use crate::descriptors::watch_readable;
use crate::metrics::keyed;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::inotify;

/// How many processes of one container the kernel has killed for want of memory.
pub(crate) struct OomKills {
    counter: PathBuf,
    notifications: OwnedFd,
    seen: AtomicU64,
    reported: AtomicU64,
}

impl OomKills {
    /// Begins to count in a container's group.
    pub(crate) fn watch(cgroup: &Cgroup) -> std::io::Result<Self> {
        let (counter, notifications) = match cgroup {
            Cgroup::V2(directory) => (directory.join("memory.events"), watch_v2(&directory.join("memory.events"))?),
            Cgroup::V1 { memory, .. } => (memory.join("memory.oom_control"), watch_v1(memory)?),
        };
        Ok(Self { counter, notifications, seen: AtomicU64::new(0), reported: AtomicU64::new(0) })
    }

    /// Whether there were kills since the last call.
    pub(crate) fn take(&self) -> bool {
        self.look();
        let seen = self.seen.load(Ordering::SeqCst);
        self.reported.swap(seen, Ordering::SeqCst) < seen
    }

    /// Waits until there were kills since the last `take`. Ends only with one.
    pub(crate) async fn next(&self) -> std::io::Result<()> {
        let pollable = watch_readable(self.notifications.try_clone()?)?;
        loop {
            let mut ready = pollable.readable().await?;
            drain(&self.notifications);
            ready.clear_ready();
            if self.take() {
                return Ok(());
            }
        }
    }

    fn look(&self) {
        self.seen.fetch_max(keyed(&self.counter).get("oom_kill"), Ordering::SeqCst);
    }
}

fn watch_v2(events: &Path) -> std::io::Result<OwnedFd> {
    let descriptor = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
    inotify::add_watch(&descriptor, events, inotify::WatchFlags::MODIFY)?;
    Ok(descriptor)
}

fn watch_v1(memory: &Path) -> std::io::Result<OwnedFd> {
    let notifications = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
    let control = std::fs::File::open(memory.join("memory.oom_control"))?;
    let line = format!("{} {}", notifications.as_raw_fd(), control.as_raw_fd());
    std::fs::write(memory.join("cgroup.event_control"), line)?;
    Ok(notifications)
}

/// Empties the queue: only that something happened counts.
fn drain(descriptor: &OwnedFd) {
    let mut buffer = [0_u8; 1024];
    while rustix::io::read(descriptor, &mut buffer).is_ok_and(|length| length == buffer.len()) {}
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_kill_is_seen_once_and_survives_the_group() {
        let group = tempfile::tempdir().unwrap();
        let file = group.path().join("memory.events");
        std::fs::write(&file, "oom 0\noom_kill 0\n").unwrap();
        let kills = OomKills::watch(&Cgroup::V2(group.path().to_owned())).unwrap();
        assert!(!kills.take());
        std::fs::write(&file, "oom 1\noom_kill 1\n").unwrap();
        kills.next().await.unwrap();
        assert!(!kills.take(), "already reported by next");
        std::fs::write(&file, "oom 2\noom_kill 2\n").unwrap();
        kills.look();
        std::fs::remove_file(&file).unwrap();
        assert!(kills.take(), "seen before the group was removed");
    }
}
