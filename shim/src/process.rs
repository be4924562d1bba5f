//! One process of a container: its first one, or one made by exec.

use std::os::fd::OwnedFd;
use std::sync::{Mutex, OnceLock};

use containerd_shim::protos::protobuf::well_known_types::timestamp::Timestamp;
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid};
use tokio::sync::watch;

use crate::descriptors::watch_readable;
use crate::error::{Error, Result};
use crate::reaper::Children;
use crate::stdio::{Held, Stdio};

/// How a process ended.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Exit {
    /// Its exit code, or 128 plus the signal that ended it.
    pub(crate) status: u32,
    /// When the shim learnt of it.
    pub(crate) at: Timestamp,
}

/// Where a process is in its life.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Phase {
    /// Made, not started.
    #[default]
    Created,
    /// Started.
    Running,
    /// Started, and frozen by Pause.
    Paused,
    /// Ended.
    Stopped(Exit),
}

/// One process. The descriptor, once there, keeps the pid from being taken for another process.
pub(crate) struct Process {
    /// The exec's id; empty for the container's first process.
    pub(crate) exec_id: String,
    /// The streams that containerd asked for.
    pub(crate) stdio: Stdio,
    handle: OnceLock<(Pid, OwnedFd)>,
    phase: watch::Sender<Phase>,
    held: Mutex<Option<Held>>,
    /// Held by Start until its event is published, so that no exit overtakes it.
    pub(crate) starting: tokio::sync::Mutex<()>,
}

impl Process {
    /// A process that does not exist yet.
    pub(crate) fn new(exec_id: String, stdio: Stdio) -> Self {
        Self {
            exec_id,
            stdio,
            handle: OnceLock::new(),
            phase: watch::Sender::new(Phase::Created),
            held: Mutex::new(None),
            starting: tokio::sync::Mutex::new(()),
        }
    }

    /// The process now exists.
    pub(crate) fn born(&self, pid: Pid, held: Held) -> Result<()> {
        let descriptor =
            pidfd_open(pid, PidfdFlags::NONBLOCK).map_err(|e| Error::io(format!("watch process {pid:?}"))(e.into()))?;
        *self.held() = Some(held);
        self.handle.set((pid, descriptor)).map_err(|_| Error::State("the process was started already".to_owned()))
    }

    /// Its pid in the node's namespace; 0 while there is none, as containerd expects.
    pub(crate) fn pid(&self) -> u32 {
        self.handle.get().map_or(0, |(pid, _)| pid.as_raw_nonzero().get().unsigned_abs())
    }

    /// Where it is in its life.
    pub(crate) fn phase(&self) -> Phase {
        self.phase.borrow().clone()
    }

    /// Moves on; a process that has ended stays so.
    pub(crate) fn set_phase(&self, phase: Phase) {
        self.phase.send_if_modified(|now| {
            let moves = !matches!(now, Phase::Stopped(_));
            if moves {
                *now = phase;
            }
            moves
        });
    }

    /// Waits for the end.
    pub(crate) async fn ended(&self) -> Exit {
        let mut phase = self.phase.subscribe();
        loop {
            if let Phase::Stopped(exit) = &*phase.borrow_and_update() {
                return exit.clone();
            }
            // The sender lives in `self`, so there is always another change or an end.
            if phase.changed().await.is_err() {
                return Exit::default();
            }
        }
    }

    /// Waits for the kernel to report the end and collects the status. To be called once.
    pub(crate) async fn wait(&self, children: &Children) -> Result<Exit> {
        let (pid, descriptor) =
            self.handle.get().ok_or_else(|| Error::State("the process was never started".to_owned()))?;
        let pollable = descriptor.try_clone().and_then(watch_readable).map_err(Error::io("watch a process"))?;
        let status = loop {
            let mut ready = pollable.readable().await.map_err(Error::io("watch a process"))?;
            match waitid(
                WaitId::PidFd(std::os::fd::AsFd::as_fd(descriptor)),
                WaitIdOptions::EXITED | WaitIdOptions::NOHANG,
            ) {
                Ok(Some(status)) => break status,
                Ok(None) | Err(rustix::io::Errno::AGAIN) => ready.clear_ready(),
                Err(e) => return Err(Error::io(format!("wait for process {pid:?}"))(e.into())),
            }
        };
        children.release(*pid);
        let code = status.exit_status().unwrap_or_else(|| 128 + status.terminating_signal().unwrap_or(0));
        Ok(Exit { status: code.unsigned_abs(), at: containerd_shim::util::timestamp()? })
    }

    /// Sends a signal. Not found once the process is gone.
    pub(crate) fn signal(&self, number: u32) -> Result<()> {
        let gone = || Error::NotFound("process already finished".to_owned());
        if matches!(self.phase(), Phase::Stopped(_)) {
            return Err(gone());
        }
        let (_, descriptor) =
            self.handle.get().ok_or_else(|| Error::State("the process was not started".to_owned()))?;
        let signal = i32::try_from(number)
            .ok()
            .and_then(Signal::from_named_raw)
            .ok_or_else(|| Error::Invalid(format!("there is no signal {number}")))?;
        match pidfd_send_signal(descriptor, signal) {
            Ok(()) => Ok(()),
            Err(rustix::io::Errno::SRCH) => Err(gone()),
            Err(e) => Err(Error::io(format!("send signal {number}"))(e.into())),
        }
    }

    /// Uses the shim's ends of the streams.
    pub(crate) fn with_streams<T>(&self, f: impl FnOnce(&mut Held) -> T) -> Option<T> {
        self.held().as_mut().map(f)
    }

    /// Closes the shim's ends of the streams.
    pub(crate) async fn close_streams(&self) {
        let held = self.held().take();
        if let Some(held) = held {
            held.close().await;
        }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
