//! Which of the program's faces an argument list asks for.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

/// One of the things this binary is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Face {
    /// The shim v2 protocol: `start`, `delete`, `-info`, or serving a socket.
    Containerd,
    /// `-v`: print the version.
    Version,
    /// `serve`: the app's process in its container.
    Serve,
    /// `compile`: the child that compiles.
    Compile,
    /// `engine-key`: the child that names the engine.
    EngineKey,
    /// `lock-image ROOTFS`: the child that reads a container image's spin.toml.
    LockImage(OsString),
    /// `run`: an app on this machine, without containerd.
    Run(Vec<OsString>),
}

impl Face {
    /// Reads this process's arguments.
    pub(crate) fn from_args() -> Self {
        Self::parse(std::env::args_os().skip(1))
    }

    fn parse(mut args: impl Iterator<Item = OsString>) -> Self {
        match args.next().as_ref().and_then(|first| first.to_str()) {
            Some("-v" | "--version" | "-version") => Self::Version,
            Some(crate::app::SERVE) => Self::Serve,
            Some(crate::compile::COMPILE) => Self::Compile,
            Some(crate::compile::ENGINE_KEY) => Self::EngineKey,
            Some(crate::app::RUN) => Self::Run(args.collect()),
            Some(crate::image::LOCK) => Self::LockImage(args.next().unwrap_or_default()),
            _ => Self::Containerd,
        }
    }
}

/// Prints the name and version in the three lines that shims print.
pub(crate) fn print_version() -> ExitCode {
    let text = format!(
        "containerd-shim-spin-v2:\n  Runtime: io.containerd.spin.v2\n  Version: {}\n",
        env!("CARGO_PKG_VERSION")
    );
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
