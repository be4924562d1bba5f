//! The command line: one file a subcommand. Each says which engine call it makes; nothing here does the work.

mod build;
mod completions;
mod config;
mod delete;
mod deploy;
mod down;
mod embed;
mod list;
mod logs;
mod node_image;
mod push;
mod schema;
mod start;
mod status;
mod stop;
mod up;

use std::{future::Future, path::PathBuf, process::ExitCode};

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    engine::{Engine, Error, Result, bus::Events, event::Event, paths::Paths},
    report::{self, Format},
};

/// Spin apps on a local Kubernetes, with an inner loop that feels local.
///
/// `spinkube-dev up` makes a cluster with a Spin shim in its nodes and a Spin operator in it, and runs an app there.
#[derive(Debug, Parser)]
#[command(name = "spinkube-dev", version, propagate_version = true, disable_help_subcommand = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Args)]
struct Global {
    /// How to print: lines for people, or one JSON object a line.
    #[arg(long, global = true, value_enum, default_value_t, help_heading = "Output")]
    output: Output,
    /// Keep the events of this run in a file, as `--output json` prints them.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Output")]
    record: Option<PathBuf>,
    /// Print results and errors only.
    #[arg(long, short, global = true, conflicts_with = "verbose", help_heading = "Output")]
    quiet: bool,
    /// Print what each step is doing.
    #[arg(long, global = true, help_heading = "Output")]
    verbose: bool,
    /// When to use colours. `NO_COLOR` is honoured.
    #[arg(long, global = true, value_enum, default_value_t, help_heading = "Output")]
    color: Color,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Output {
    #[default]
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(up::Up),
    Down(down::Down),
    Stop(stop::Stop),
    Start(start::Start),
    Status(status::Status),
    Build(build::Build),
    Push(push::Push),
    Deploy(deploy::Deploy),
    List(list::List),
    Logs(logs::Logs),
    Delete(delete::Delete),
    NodeImage(node_image::NodeImage),
    Completions(completions::Completions),
    Man(completions::Man),
    Schema(schema::Schema),
    #[command(hide = true)]
    Embed(embed::Embed),
}

/// Parses the command line, runs what it says, and tells the exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let Some(command) = cli.command else {
        // A broken pipe behind `spinkube-dev | head` is no failure.
        drop(Cli::command().print_help());
        return ExitCode::SUCCESS;
    };
    match command {
        Command::Completions(it) => it.run(&mut Cli::command()),
        Command::Man(it) => it.run(Cli::command()),
        Command::Schema(it) => it.run(),
        Command::Embed(it) => it.run(),
        Command::Up(it) => with_engine(&cli.global, async move |engine| it.run(&engine).await),
        Command::Down(it) => with_engine(&cli.global, async move |engine| it.run(&engine).await),
        Command::Stop(it) => with_engine(&cli.global, async move |engine| it.run(&engine).await),
        Command::Start(it) => with_engine(&cli.global, async move |engine| it.run(&engine).await),
        Command::Status(it) => with_engine(&cli.global, async move |engine| it.run(&engine).await),
        Command::Build(it) => with_engine(&cli.global, async move |engine| it.run(&engine).await),
        Command::Push(it) => with_engine(&cli.global, async move |engine| it.run(&engine).await),
        Command::Deploy(it) => with_engine(&cli.global, async move |engine| it.run(&engine).await),
        Command::List(it) => with_engine(&cli.global, async move |engine| it.run(&engine).await),
        Command::Logs(it) => with_engine(&cli.global, async move |engine| it.run(&engine).await),
        Command::Delete(it) => with_engine(&cli.global, async move |engine| it.run(&engine).await),
        Command::NodeImage(it) => with_engine(&cli.global, async move |engine| it.run(&engine).await),
    }
}

/// Runs an engine call with a reporter beside it.
///
/// Actors: the call, which emits events and may be dropped by a signal; the reporter, which ends when the call's
/// engine is gone and everything was shown.
fn with_engine<F>(global: &Global, call: impl FnOnce(Engine) -> F) -> ExitCode
where
    F: Future<Output = Result<()>>,
{
    let color = global.use_color();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report::failure(&miette::miette!("the runtime can't start: {error}"), color),
    };
    // Only fails when a provider is installed already, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    let events = Events::default();
    let reporter = match report::start(events.subscribe(), global.format(), global.record.as_deref()) {
        Ok(reporter) => reporter,
        Err(error) => return report::failure(&error, color),
    };
    runtime.block_on(async {
        let reporting = tokio::spawn(reporter.run());
        let result = tokio::select! {
            result = run(events.clone(), call) => result,
            () = interrupted() => Err(Error::Interrupted),
        };
        if let Err(error) = &result {
            events.emit(failed(error));
        }
        drop(events);
        if let Err(error) = reporting.await {
            tracing::error!(%error, "the reporter ended early");
        }
        match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                let code = error.exit_code();
                if global.output == Output::Text {
                    report::failure(&miette::Report::new(error), color);
                }
                ExitCode::from(code)
            }
        }
    })
}

async fn run<F>(events: Events, call: impl FnOnce(Engine) -> F) -> Result<()>
where
    F: Future<Output = Result<()>>,
{
    let paths = Paths::from_env()?;
    report::log_to(&paths.log_file());
    call(Engine::connect(events, paths).await?).await
}

/// Ends when the user or the system wants the program to end.
async fn interrupted() {
    let (Ok(mut terminate), Ok(mut hang_up)) = (signal(SignalKind::terminate()), signal(SignalKind::hangup())) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
    }
}

fn failed(error: &Error) -> Event {
    use miette::Diagnostic as _;
    Event::Failed {
        message: error.to_string(),
        help: error.help().map(|help| help.to_string()),
        exit_code: error.exit_code(),
    }
}

impl Global {
    fn use_color(&self) -> bool {
        use std::io::IsTerminal as _;
        match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        }
    }

    fn format(&self) -> Format {
        use std::io::IsTerminal as _;
        match self.output {
            Output::Json => Format::Json,
            Output::Text if self.quiet => Format::Quiet,
            Output::Text if std::io::stderr().is_terminal() && !self.verbose => {
                Format::Bars { color: self.use_color() }
            }
            Output::Text => Format::Lines { verbose: self.verbose, color: self.use_color() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }
}
