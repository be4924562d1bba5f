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
        let written = text().map_err(io::Error::other).and_then(|text| writeln!(io::stdout(), "{text}"));
        if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn text() -> serde_json::Result<String> {
    serde_json::to_string_pretty(&schemars::schema_for!(Stamped))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_schema_is_the_one_of_these_events() {
        let committed = include_str!("../../docs/events.schema.json");
        let schema = super::text().unwrap_or_default() + "\n";
        assert!(committed == schema, "run: make generated");
    }
}
