//! A process's standard streams.
//!
//! Without a terminal the process gets containerd's fifos themselves, so that no byte passes through
//! the shim; the shim only holds the other ends open, so that a restart of containerd breaks nothing.
//! With a terminal the bytes are copied between the fifos and the terminal's master.

use std::fs::{File, OpenOptions};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio as ProcessStdio;

use containerd_shim::asynchronous::io::{IoTasks, Pty};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use tokio::io::Interest;
use tokio::net::UnixListener;

use crate::error::{Error, Result};
use crate::runc::Streams;

/// What containerd asked for: fifo paths or `file://` addresses, empty where not wanted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stdio {
    /// Input.
    pub(crate) stdin: String,
    /// Output.
    pub(crate) stdout: String,
    /// Errors; unused with a terminal.
    pub(crate) stderr: String,
    /// Whether the process gets a terminal.
    pub(crate) terminal: bool,
}

/// The shim's ends, kept while the process lives.
#[derive(Default)]
pub(crate) struct Held {
    stdin: Option<File>,
    outputs: Vec<File>,
    terminal: Option<(Pty, IoTasks)>,
}

impl Stdio {
    /// Opens the streams of a process without a terminal.
    pub(crate) fn open(&self) -> Result<(Streams, Held)> {
        let mut held = Held::default();
        let streams = Streams {
            stdin: self.open_input(&mut held)?,
            stdout: open_output(&self.stdout, &mut held)?,
            stderr: open_output(&self.stderr, &mut held)?,
        };
        Ok((streams, held))
    }

    /// The process must not see the end of its input before containerd says so, though containerd's
    /// writer may come late: the shim holds a writer of its own until `CloseIO`.
    fn open_input(&self, held: &mut Held) -> Result<ProcessStdio> {
        if self.stdin.is_empty() {
            return Ok(ProcessStdio::null());
        }
        let path = Path::new(&self.stdin);
        let bridge = hold(path, OpenOptions::new().read(true).write(true))?;
        let reader = File::open(path).map_err(Error::io(format!("open {}", path.display())))?;
        held.stdin = Some(hold(path, OpenOptions::new().write(true))?);
        drop(bridge);
        Ok(reader.into())
    }

    /// A writer to the process's errors, for what the shim itself has to say; none where none is wanted.
    pub(crate) fn error_writer(&self) -> Result<Option<File>> {
        let address = if self.terminal { &self.stdout } else { &self.stderr };
        if address.is_empty() {
            return Ok(None);
        }
        let path = output_path(address)?;
        let options = if address.contains("://") { append() } else { fifo_writer() };
        options.open(&path).map(Some).map_err(Error::io(format!("open {}", path.display())))
    }

    /// Copies between the terminal's master and the fifos.
    pub(crate) fn attach_terminal(&self, master: File) -> Result<Held> {
        let pty = Pty::new(master)?;
        let tasks = IoTasks::default();
        if !self.stdin.is_empty() {
            tasks.copy_from_fifo(&self.stdin, pty.clone())?;
        }
        if !self.stdout.is_empty() {
            tasks.copy_to_fifo(pty.clone(), &self.stdout)?;
        }
        Ok(Held { terminal: Some((pty, tasks)), ..Held::default() })
    }
}

impl Held {
    /// containerd will write no more input.
    pub(crate) fn close_input(&mut self) {
        self.stdin = None;
        if let Some((_, tasks)) = &self.terminal {
            tasks.close_input();
        }
    }

    /// Sets the terminal's size; nothing without a terminal.
    pub(crate) fn resize(&self, columns: u16, rows: u16) -> Result<()> {
        let Some((pty, _)) = &self.terminal else { return Ok(()) };
        let size = rustix::termios::Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(pty, size).map_err(|e| Error::io("resize the terminal")(e.into()))
    }

    /// The process is gone: what the terminal still holds is delivered, then everything is closed.
    pub(crate) async fn close(self) {
        drop(self.stdin);
        drop(self.outputs);
        if let Some((pty, tasks)) = self.terminal {
            drop(pty);
            tasks.shutdown().await;
        }
    }
}

fn open_output(address: &str, held: &mut Held) -> Result<ProcessStdio> {
    if address.is_empty() {
        return Ok(ProcessStdio::null());
    }
    let path = output_path(address)?;
    let doing = || Error::io(format!("open {}", path.display()));
    if address.contains("://") {
        return Ok(append().open(&path).map_err(doing())?.into());
    }
    // A reader of our own: no open below waits for containerd, and no write fails while it restarts.
    held.outputs.push(hold(&path, OpenOptions::new().read(true))?);
    Ok(OpenOptions::new().write(true).open(&path).map_err(doing())?.into())
}

fn output_path(address: &str) -> Result<PathBuf> {
    match address.split_once("://") {
        None => Ok(PathBuf::from(address)),
        Some(("fifo" | "file", path)) => Ok(PathBuf::from(path)),
        Some((scheme, _)) => Err(Error::Invalid(format!(
            "the Spin shim cannot write a container's output to a {scheme}:// address: use fifos or file://"
        ))),
    }
}

fn append() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).append(true).mode(0o600);
    options
}

/// Fails with ENXIO instead of waiting where nobody reads.
fn fifo_writer() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).custom_flags(libc::O_NONBLOCK);
    options
}

fn hold(path: &Path, options: &mut OpenOptions) -> Result<File> {
    options.custom_flags(libc::O_NONBLOCK).open(path).map_err(Error::io(format!("open {}", path.display())))
}

/// A socket on which runc hands over a terminal's master. Its directory goes with it.
pub(crate) struct ConsoleSocket {
    listener: UnixListener,
    path: PathBuf,
    _directory: tempfile::TempDir,
}

impl ConsoleSocket {
    /// Listens in a fresh private directory.
    pub(crate) fn listen() -> Result<Self> {
        let directory = crate::paths::run_dir()
            .and_then(|run| tempfile::Builder::new().prefix("console-").tempdir_in(run))
            .map_err(Error::io("make a directory for the console socket"))?;
        let path = directory.path().join("s");
        let listener = UnixListener::bind(&path).map_err(Error::io(format!("listen on {}", path.display())))?;
        Ok(Self { listener, path, _directory: directory })
    }

    /// The socket's path, for runc's `--console-socket`.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The terminal's master.
    pub(crate) async fn receive(self) -> Result<File> {
        let doing = "receive the terminal from runc";
        let (stream, _) = self.listener.accept().await.map_err(Error::io(doing))?;
        let master =
            stream.async_io(Interest::READABLE, || receive_descriptor(&stream)).await.map_err(Error::io(doing))?;
        Ok(File::from(master))
    }
}

fn receive_descriptor(stream: &tokio::net::UnixStream) -> std::io::Result<OwnedFd> {
    let mut bytes = [0_u8; 256];
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    recvmsg(stream, &mut [std::io::IoSliceMut::new(&mut bytes)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let mut descriptors = ancillary.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut rights) => rights.next(),
        _ => None,
    });
    descriptors.next().ok_or_else(|| std::io::Error::other("runc sent no descriptor"))
}
