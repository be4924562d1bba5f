//! runc's command line: making, starting, killing and deleting containers.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use command_fds::{CommandFdExt, FdMapping};
use rustix::process::Pid;
use serde::Deserialize;
use tokio::net::unix::pipe;
use tokio::process::Command;

use crate::options::Options;
use crate::process::Exit;
use crate::reaper::Children;

/// Why runc did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The program could not be run at all.
    #[error("cannot run {binary} ({source}): install runc on the node or set BinaryName in the handler's options")]
    Spawn {
        /// The program's name or path.
        binary: PathBuf,
        /// The system's own words.
        source: std::io::Error,
    },
    /// It ran and failed.
    #[error("runc {verb} failed for {id}: {reason}")]
    Failed {
        /// The runc command.
        verb: &'static str,
        /// The container.
        id: String,
        /// The last error that runc logged.
        reason: String,
    },
}

/// The three standard streams of a container process.
pub(crate) struct Streams {
    /// Standard input.
    pub(crate) stdin: Stdio,
    /// Standard output.
    pub(crate) stdout: Stdio,
    /// Standard error.
    pub(crate) stderr: Stdio,
}

impl Streams {
    /// Nothing in, nothing out: for a process with a terminal.
    pub(crate) fn null() -> Self {
        Self { stdin: Stdio::null(), stdout: Stdio::null(), stderr: Stdio::null() }
    }
}

/// How a process is made: its streams, or a socket that receives its terminal, and where its pid goes.
pub(crate) struct Spawn<'a> {
    /// Streams of a process without a terminal (null with one).
    pub(crate) streams: Streams,
    /// Unix socket that receives the terminal's master.
    pub(crate) console: Option<PathBuf>,
    /// File that receives the pid.
    pub(crate) pid_file: &'a Path,
    /// Descriptors that the process inherits as 3, 4, and so on.
    pub(crate) inherit: Vec<OwnedFd>,
}

/// runc with the options of a container.
#[derive(Debug, Clone)]
pub(crate) struct Runc {
    binary: PathBuf,
    root: PathBuf,
    options: Options,
    children: Arc<Children>,
}

impl Runc {
    /// runc with the handler's options and a state root.
    pub(crate) fn new(options: Options, root: PathBuf, children: Arc<Children>) -> Self {
        let binary =
            if options.binary_name.is_empty() { PathBuf::from("runc") } else { PathBuf::from(&options.binary_name) };
        Self { binary, root, options, children }
    }

    /// `runc create`: the process exists, stopped before its first instruction.
    pub(crate) async fn create(&self, id: &str, bundle: &Path, spawn: Spawn<'_>) -> Result<Pid, Error> {
        let log = bundle.join("runc-create.json");
        let mut command = self.command("create", Some(&log));
        command.arg("--bundle").arg(bundle);
        if self.options.no_pivot_root {
            command.arg("--no-pivot");
        }
        if self.options.no_new_keyring {
            command.arg("--no-new-keyring");
        }
        self.spawn("create", id, command, &log, spawn).await
    }

    /// `runc exec --detach` of the process described in `spec`.
    pub(crate) async fn exec(&self, id: &str, spec: &Path, spawn: Spawn<'_>) -> Result<Pid, Error> {
        let log = spec.with_extension("log");
        let mut command = self.command("exec", Some(&log));
        command.arg("--detach").arg("--process").arg(spec);
        self.spawn("exec", id, command, &log, spawn).await
    }

    /// What `runc start` does: the process waits to open a fifo in runc's state directory for writing, and
    /// goes on when somebody opens it for reading. Opening it here saves a process of 20 ms in every
    /// start; where there is no such fifo, runc is asked.
    ///
    /// `ended` tells when the process is gone without having started.
    pub(crate) async fn start(&self, id: &str, ended: impl Future<Output = Exit>) -> Result<(), Error> {
        let fifo = self.root.join(id).join("exec.fifo");
        let Ok(released) = pipe::OpenOptions::new().open_receiver(&fifo) else {
            return self.simple("start", id, &[]).await;
        };
        let failed = |reason| Error::Failed { verb: "start", id: id.to_owned(), reason };
        // It writes one byte once it has opened the fifo; before that there is nothing to be read, nor an end.
        tokio::select! {
            biased;
            ready = released.readable() => ready.map_err(|e| failed(e.to_string()))?,
            exit = ended => return Err(failed(format!("its process ended with status {}", exit.status))),
        }
        tokio::fs::remove_file(&fifo).await.map_err(|e| failed(e.to_string()))
    }

    /// `runc kill --all`: every process of the container's cgroup.
    pub(crate) async fn kill_all(&self, id: &str, signal: i32) -> Result<(), Error> {
        let mut command = self.command("kill", None);
        command.arg("--all").arg(id).arg(signal.to_string());
        self.output("kill", id, command).await
    }

    /// `runc delete --force`; a container that is gone already is no error.
    pub(crate) async fn delete(&self, id: &str) -> Result<(), Error> {
        self.simple("delete", id, &["--force"]).await
    }

    /// `runc pause`.
    pub(crate) async fn pause(&self, id: &str) -> Result<(), Error> {
        self.simple("pause", id, &[]).await
    }

    /// `runc resume`.
    pub(crate) async fn resume(&self, id: &str) -> Result<(), Error> {
        self.simple("resume", id, &[]).await
    }

    /// `runc update --resources`.
    pub(crate) async fn update(&self, id: &str, resources: &Path) -> Result<(), Error> {
        let mut command = self.command("update", None);
        command.arg("--resources").arg(resources).arg(id);
        self.output("update", id, command).await
    }

    /// A runc command; its log goes to `log`, else to standard error.
    fn command(&self, verb: &str, log: Option<&Path>) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg("--root").arg(&self.root).arg("--log-format").arg("json");
        if let Some(log) = log {
            command.arg("--log").arg(log);
        }
        if self.options.systemd_cgroup {
            command.arg("--systemd-cgroup");
        }
        // containerd's own service manager is not the container's: runc would pass these on.
        command.env_remove("NOTIFY_SOCKET").env_remove("LISTEN_FDS").env_remove("LISTEN_PID");
        command.arg(verb).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    async fn simple(&self, verb: &'static str, id: &str, flags: &[&str]) -> Result<(), Error> {
        let mut command = self.command(verb, None);
        command.args(flags).arg(id);
        self.output(verb, id, command).await
    }

    /// Runs a verb whose standard error is runc's own log.
    async fn output(&self, verb: &'static str, id: &str, mut command: Command) -> Result<(), Error> {
        let _helper = self.children.helper();
        let output = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .output()
            .await
            .map_err(|source| Error::Spawn { binary: self.binary.clone(), source })?;
        if output.status.success() {
            return Ok(());
        }
        Err(Error::Failed { verb, id: id.to_owned(), reason: reason(&output.stderr) })
    }

    /// Runs a verb that makes a process and returns its pid. The process inherits the streams, so
    /// runc's own log goes to a file. The pid is known to the reaper before runc counts as gone.
    async fn spawn(
        &self,
        verb: &'static str,
        id: &str,
        mut command: Command,
        log: &Path,
        spawn: Spawn<'_>,
    ) -> Result<Pid, Error> {
        let failed = |reason| Error::Failed { verb, id: id.to_owned(), reason };
        command.arg("--pid-file").arg(spawn.pid_file);
        if let Some(socket) = spawn.console {
            command.arg("--console-socket").arg(socket);
        }
        if !spawn.inherit.is_empty() {
            command.arg("--preserve-fds").arg(spawn.inherit.len().to_string());
        }
        command.arg(id).stdin(spawn.streams.stdin).stdout(spawn.streams.stdout).stderr(spawn.streams.stderr);
        let mappings =
            (3..).zip(spawn.inherit).map(|(child_fd, parent_fd)| FdMapping { parent_fd, child_fd }).collect();
        command.fd_mappings(mappings).map_err(|e| failed(e.to_string()))?;
        let _helper = self.children.helper();
        let status = command.status().await.map_err(|source| Error::Spawn { binary: self.binary.clone(), source })?;
        if !status.success() {
            // A log that cannot be read only means that runc died before it could say why.
            return Err(failed(reason(&tokio::fs::read(log).await.unwrap_or_default())));
        }
        let pid = tokio::fs::read_to_string(spawn.pid_file).await.map_err(|e| failed(format!("no pid file: {e}")))?;
        let pid = pid.trim().parse().ok().and_then(Pid::from_raw).ok_or_else(|| failed(format!("bad pid {pid:?}")))?;
        self.children.adopt(pid);
        Ok(pid)
    }
}

/// The last error of runc's JSON log; the raw last line where it isn't JSON.
fn reason(log: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Entry {
        level: String,
        msg: String,
    }
    let text = String::from_utf8_lossy(log);
    text.lines()
        .rev()
        .filter_map(|line| serde_json::from_str::<Entry>(line).ok())
        .find(|entry| entry.level == "error" || entry.level == "fatal")
        .map(|entry| entry.msg)
        .or_else(|| text.lines().rev().find(|line| !line.trim().is_empty()).map(str::to_owned))
        .unwrap_or_else(|| "no reason given".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_last_error() {
        let log = br#"{"level":"warning","msg":"careful","time":"t"}
{"level":"error","msg":"exec failed: \"/\": is a directory","time":"t"}
"#;
        assert_eq!(reason(log), "exec failed: \"/\": is a directory");
    }

    #[test]
    fn text_that_is_no_log_is_kept() {
        assert_eq!(reason(b"runtime: out of memory\n\n"), "runtime: out of memory");
        assert_eq!(reason(b""), "no reason given");
    }
}
