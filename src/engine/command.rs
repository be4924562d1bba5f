//! Child processes: each in its own process group, which dies with the future that awaits it.

use std::{ffi::OsStr, path::Path, process::Stdio};

use process_wrap::tokio::{ChildWrapper, CommandWrap, KillOnDrop, ProcessGroup};
use thiserror::Error;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::Command,
};

/// Lines kept of what a failing program said.
const TAIL: usize = 20;

/// A program could not be run, or ended badly.
#[derive(Debug, Error)]
pub enum CommandError {
    /// It did not start.
    #[error("{program} can't be started: {source}")]
    Spawn {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// Reading its output failed.
    #[error("the output of {program} can't be read: {source}")]
    Read {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// It ended with an error; `tail` is the end of what it wrote.
    #[error("{program} ended with {status}: {tail}")]
    Failed {
        /// The program.
        program: String,
        /// Its exit status, as text.
        status: String,
        /// The last lines of its output.
        tail: String,
    },
}

/// A program with its arguments.
#[derive(Debug)]
pub struct Run {
    program: String,
    command: Command,
}

impl Run {
    /// A program, looked up on `PATH` when it is a bare name.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let name = Path::new(program.as_ref()).file_name().map_or_else(
            || program.as_ref().to_string_lossy().into_owned(),
            |name| name.to_string_lossy().into_owned(),
        );
        Self { program: name, command: Command::new(program) }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets the working directory.
    #[must_use]
    pub fn dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Runs to the end and hands over each line of stdout and stderr as it comes. Returns stdout's lines.
    ///
    /// Actors: the child, which writes; this future, which reads both pipes and then waits. Dropping the
    /// future kills the child's whole process group.
    pub async fn lines(mut self, mut each: impl FnMut(&str)) -> Result<Vec<String>, CommandError> {
        self.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let program = self.program;
        let child = CommandWrap::from(self.command).wrap(ProcessGroup::leader()).wrap(KillOnDrop).spawn();
        let mut group = Group(child.map_err(|source| CommandError::Spawn { program: program.clone(), source })?);
        let mut out = lines_of(group.0.stdout().take());
        let mut err = lines_of(group.0.stderr().take());
        let (mut stdout, mut tail) = (Vec::new(), std::collections::VecDeque::new());
        let read = |source| CommandError::Read { program: program.clone(), source };
        let (mut out_open, mut err_open) = (true, true);
        while out_open || err_open {
            let (line, from_stdout) = tokio::select! {
                line = out.next_line(), if out_open => (line.map_err(read)?, true),
                line = err.next_line(), if err_open => (line.map_err(read)?, false),
            };
            let Some(line) = line else {
                if from_stdout {
                    out_open = false;
                } else {
                    err_open = false;
                }
                continue;
            };
            each(&line);
            if tail.len() == TAIL {
                tail.pop_front();
            }
            tail.push_back(line.clone());
            if from_stdout {
                stdout.push(line);
            }
        }
        let status = group.0.wait().await.map_err(read)?;
        if status.success() {
            return Ok(stdout);
        }
        let tail = tail.into_iter().collect::<Vec<_>>().join("\n");
        Err(CommandError::Failed { program, status: status.to_string(), tail })
    }

    /// Runs to the end in silence. Returns stdout's lines.
    pub async fn output(self) -> Result<Vec<String>, CommandError> {
        self.lines(|_| ()).await
    }
}

/// A child with all that it started. Kill-on-drop alone would reach only the child itself.
#[derive(Debug)]
struct Group(Box<dyn ChildWrapper>);

impl Drop for Group {
    fn drop(&mut self) {
        // Fails only when none of the group is left.
        let _ = self.0.start_kill();
    }
}

type Lines = tokio::io::Lines<BufReader<Box<dyn AsyncRead + Unpin + Send>>>;

fn lines_of<R: AsyncRead + Unpin + Send + 'static>(pipe: Option<R>) -> Lines {
    let pipe: Box<dyn AsyncRead + Unpin + Send> = match pipe {
        Some(pipe) => Box::new(pipe),
        None => Box::new(tokio::io::empty()),
    };
    BufReader::new(pipe).lines()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn both_pipes_are_read_and_stdout_returned() {
        let mut seen = Vec::new();
        let out = Run::new("sh").args(["-c", "echo out; echo err >&2"]).lines(|line| seen.push(line.to_owned())).await;
        seen.sort();
        assert_eq!((out.unwrap(), seen), (vec!["out".to_owned()], vec!["err".to_owned(), "out".to_owned()]));
    }

    #[tokio::test]
    async fn a_failure_carries_what_the_program_said() {
        let error = Run::new("sh").args(["-c", "echo why >&2; exit 3"]).output().await.unwrap_err();
        assert_eq!(error.to_string(), "sh ended with exit status: 3: why");
    }

    #[tokio::test]
    async fn dropping_the_future_kills_the_whole_group() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("alive");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        // A grandchild holds the fifo open for writing as long as it lives.
        let script = format!("(echo up; exec sleep 1000) > {} & wait", fifo.display());
        let run = tokio::spawn(async move { Run::new("sh").args(["-c", &script]).output().await });
        let mut reader = tokio::net::unix::pipe::OpenOptions::new().open_receiver(&fifo).unwrap();
        let mut up = [0; 3];
        reader.read_exact(&mut up).await.unwrap();
        run.abort();
        drop(run.await);
        // End of file comes only when no process holds the write side.
        let mut rest = Vec::new();
        let end = reader.read_to_end(&mut rest);
        tokio::time::timeout(std::time::Duration::from_secs(10), end).await.unwrap().unwrap();
    }
}
