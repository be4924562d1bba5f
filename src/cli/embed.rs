use std::{path::PathBuf, process::ExitCode};

use crate::{engine::parts, report};

/// Append parts to this program: the last step of `make dist`.
#[derive(Debug, clap::Args)]
pub(super) struct Embed {
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// A part: its name inside, and a file or folder.
    #[arg(value_name = "NAME=PATH", value_parser = part, required = true)]
    parts: Vec<(String, PathBuf)>,
}

fn part(text: &str) -> Result<(String, PathBuf), String> {
    let (name, path) = text.split_once('=').ok_or("write NAME=PATH")?;
    Ok((name.into(), path.into()))
}

impl Embed {
    /// Runs it.
    pub(super) fn run(self) -> ExitCode {
        let exe = match std::env::current_exe() {
            Ok(exe) => exe,
            Err(error) => return report::failure(&miette::miette!("this program can't be found: {error}"), false),
        };
        match parts::embed(&exe, &self.parts, &self.to) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => report::failure(&error.into(), false),
        }
    }
}
