use std::{
    io::{self, Write},
    process::ExitCode,
};

use crate::engine::event::Stamped;

/// Print the JSON schema of the events that `--output json` prints.
#[derive(Debug, clap::Args)]
pub(super) struct Schema {}

impl Schema {
    /// Runs it.
    pub(super) fn run(self) -> ExitCode {
        let written = serde_json::to_string_pretty(&schemars::schema_for!(Stamped))
            .map_err(io::Error::other)
            .and_then(|text| writeln!(io::stdout(), "{text}"));
        if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
