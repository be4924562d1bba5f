//! Short-lived children of this same binary, for work that needs memory, time or a root of its own.
//!
//! A child reads standard input, writes its result on standard output, and says on standard error in one
//! sentence why there is none.

use std::ffi::OsStr;
use std::io::Write as _;
use std::process::{ExitCode, Stdio};

use rustix::process::{Signal, set_parent_process_death_signal};
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use crate::reaper::Children;

/// What a child may say, in bytes.
const MESSAGE_LIMIT: u64 = 16 << 10;

/// Why a child gave no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Its own sentence.
    #[error("{0}")]
    Refused(String),
    /// It ended without a word: killed, or out of memory.
    #[error("its {face} process ended without an answer ({status}); is the node out of memory?")]
    Died {
        /// Which child.
        face: &'static str,
        /// How it ended.
        status: std::process::ExitStatus,
    },
    /// The operating system refused.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The system's own words.
        source: std::io::Error,
    },
}

impl Error {
    pub(crate) fn io(doing: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }
}

/// Runs this binary as `face`. The child dies with this future, and with the shim.
pub(crate) async fn run(
    children: &Children,
    face: &'static str,
    argument: Option<&OsStr>,
    input: Stdio,
    output: Stdio,
) -> Result<(), Error> {
    let _helper = children.helper();
    let mut child = Command::new("/proc/self/exe")
        .arg(face)
        .args(argument)
        .stdin(input)
        .stdout(output)
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(Error::io("run a helper"))?;
    let mut message = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        stderr.take(MESSAGE_LIMIT).read_to_end(&mut message).await.map_err(Error::io("hear from a helper"))?;
    }
    let status = child.wait().await.map_err(Error::io("wait for a helper"))?;
    let message = String::from_utf8_lossy(&message).trim().to_owned();
    match (status.success(), message.is_empty()) {
        (true, _) => Ok(()),
        (false, false) => Err(Error::Refused(message)),
        (false, true) => Err(Error::Died { face, status }),
    }
}

/// The child's side.
pub(crate) fn child_main(work: impl FnOnce() -> Result<Vec<u8>, String>) -> ExitCode {
    let outcome = set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|e| e.to_string())
        .and_then(|()| work())
        .and_then(|bytes| std::io::stdout().write_all(&bytes).map_err(|e| format!("its result can't be written: {e}")));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // Nobody is left to tell when this fails too; the exit code still says it.
            let _ = std::io::stderr().write_all(message.as_bytes());
            ExitCode::FAILURE
        }
    }
}
