use std::{io, process::ExitCode};

use clap_complete::Shell;

/// Print a shell's completions: `source <(spinkube-dev completions bash)`.
#[derive(Debug, clap::Args)]
pub(super) struct Completions {
    /// The shell.
    shell: Shell,
}

/// Print the manual page: `spinkube-dev man | man -l -`.
#[derive(Debug, clap::Args)]
pub(super) struct Man {}

impl Completions {
    /// Runs it.
    pub(super) fn run(self, command: &mut clap::Command) -> ExitCode {
        clap_complete::generate(self.shell, command, "spinkube-dev", &mut io::stdout());
        ExitCode::SUCCESS
    }
}

impl Man {
    /// Runs it.
    pub(super) fn run(self, command: clap::Command) -> ExitCode {
        match clap_mangen::Man::new(command).render(&mut io::stdout()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        }
    }
}
