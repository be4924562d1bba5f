//! One container of the pod: its first process, the processes made in it, and its end.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use containerd_shim::protos::events::task::{TaskExit, TaskOOM};

use crate::cgroup::Cgroup;
use crate::error::{Error, Result};
use crate::events::Events;
use crate::oom::OomKills;
use crate::process::{Phase, Process};
use crate::reaper::Children;
use crate::runc::Runc;

/// What the shim keeps of a Spin app.
pub(crate) struct SpinApp {
    /// The channel to its process.
    pub(crate) control: tokio::sync::Mutex<crate::app::Shim>,
    /// When its parts were ready, for the debug log.
    pub(crate) points: Points,
}

/// Moments of a Create, in nanoseconds of the monotonic clock.
#[derive(Debug, Clone, Default)]
pub(crate) struct Points(pub(crate) Vec<(&'static str, u64)>);

impl Points {
    /// Notes that something is done now.
    pub(crate) fn note(&mut self, what: &'static str) {
        self.0.push((what, crate::app::monotonic_ns()));
    }
}

/// A container that runc has made.
pub(crate) struct Container {
    /// containerd's id.
    pub(crate) id: String,
    /// Its bundle directory.
    pub(crate) bundle: PathBuf,
    /// runc with its handler's options.
    pub(crate) runc: Runc,
    /// The first process.
    pub(crate) init: Arc<Process>,
    /// Its control groups.
    pub(crate) cgroup: Cgroup,
    /// Whether its first process is the first of a process namespace: the kernel then ends the others with it.
    pub(crate) own_pid_namespace: bool,
    /// Its Spin side; none in an ordinary container.
    pub(crate) spin: Option<SpinApp>,
    execs: Mutex<HashMap<String, Arc<Process>>>,
    oom: Option<OomKills>,
}

impl Container {
    /// A container whose first process exists.
    pub(crate) fn new(
        id: String,
        bundle: PathBuf,
        runc: Runc,
        init: Arc<Process>,
        cgroup: Cgroup,
        own_pid_namespace: bool,
        spin: Option<SpinApp>,
    ) -> Self {
        let oom = OomKills::watch(&cgroup)
            .inspect_err(|e| log::error!("cannot watch for out-of-memory kills of {id}: {e}"))
            .ok();
        Self { id, bundle, runc, init, cgroup, own_pid_namespace, spin, execs: Mutex::default(), oom }
    }

    /// The first process, or the exec's.
    pub(crate) fn process(&self, exec_id: &str) -> Result<Arc<Process>> {
        if exec_id.is_empty() {
            return Ok(self.init.clone());
        }
        self.execs().get(exec_id).cloned().ok_or_else(|| Error::NotFound(format!("exec {exec_id} of {}", self.id)))
    }

    /// Adds an exec that is not started yet.
    pub(crate) fn add_exec(&self, process: Arc<Process>) -> Result<()> {
        match self.execs().entry(process.exec_id.clone()) {
            std::collections::hash_map::Entry::Occupied(_) => Err(Error::Exists(format!("exec {}", process.exec_id))),
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(process);
                Ok(())
            }
        }
    }

    /// Forgets an exec.
    pub(crate) fn remove_exec(&self, exec_id: &str) {
        self.execs().remove(exec_id);
    }

    /// The running exec with this pid, if it is one.
    pub(crate) fn exec_with_pid(&self, pid: u32) -> Option<String> {
        self.execs().values().find(|process| process.pid() == pid).map(|process| process.exec_id.clone())
    }

    /// Sees one process to its end: collects its status, ends what it leaves behind, and tells
    /// containerd, after the start that is under way. Actors: this task alone ends the process's
    /// phase; Start holds `starting` until it has published.
    pub(crate) async fn see_off(&self, process: &Process, children: &Children, events: &Events) {
        let exit = match process.wait(children).await {
            Ok(exit) => exit,
            Err(error) => {
                log::error!("lost track of a process of {}: {error}", self.id);
                crate::process::Exit { status: 255, ..crate::process::Exit::default() }
            }
        };
        let is_init = process.exec_id.is_empty();
        if is_init && !self.own_pid_namespace {
            // Nobody else ends processes that were left in a namespace shared with others.
            if let Err(error) = self.runc.kill_all(&self.id, libc::SIGKILL).await {
                log::debug!("nothing left to kill in {}: {error}", self.id);
            }
        }
        let oom = self.oom.as_ref().is_some_and(OomKills::take);
        process.set_phase(Phase::Stopped(exit.clone()));
        let _started = process.starting.lock().await;
        if oom {
            self.publish_oom(events).await;
        }
        events
            .publish(TaskExit {
                container_id: self.id.clone(),
                id: if is_init { self.id.clone() } else { process.exec_id.clone() },
                pid: process.pid(),
                exit_status: exit.status,
                exited_at: Some(exit.at).into(),
                ..TaskExit::default()
            })
            .await;
    }

    /// Tells containerd of out-of-memory kills until the container's first process has ended.
    pub(crate) async fn report_oom(&self, events: &Events) {
        let Some(oom) = &self.oom else { return };
        let ended = self.init.ended();
        tokio::pin!(ended);
        loop {
            tokio::select! {
                _ = &mut ended => return,
                next = oom.next() => match next {
                    Ok(()) => self.publish_oom(events).await,
                    Err(error) => return log::error!("cannot watch for out-of-memory kills of {}: {error}", self.id),
                }
            }
        }
    }

    async fn publish_oom(&self, events: &Events) {
        events.publish(TaskOOM { container_id: self.id.clone(), ..TaskOOM::default() }).await;
    }

    fn execs(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Process>>> {
        self.execs.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
