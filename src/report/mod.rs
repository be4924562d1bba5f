//! Reporters: the same stream of events as progress lines, as bars, as JSON lines, or only its results.
//!
//! Progress goes to stderr and results to stdout, so that a pipe gets results alone.

mod bars;
mod json;
mod lines;
mod result;

use std::{fs::File, io, path::Path, process::ExitCode};

use miette::{GraphicalReportHandler, GraphicalTheme, Report};

use crate::engine::{bus::Reader, event::Stamped};

/// How to show a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line, on stdout, and nothing else.
    Json,
    /// Results only.
    Quiet,
    /// A line a step.
    Lines {
        /// What each step is doing, too.
        verbose: bool,
        /// With colours.
        color: bool,
    },
    /// A step list that moves, for terminals.
    Bars {
        /// With colours.
        color: bool,
    },
}

/// One way to show events.
trait Sink: Send {
    /// Shows one event.
    fn show(&mut self, event: &Stamped) -> io::Result<()>;
}

/// Reads the stream to its end and shows it.
pub struct Reporter {
    reader: Reader,
    sinks: Vec<Box<dyn Sink>>,
}

impl std::fmt::Debug for Reporter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reporter").field("sinks", &self.sinks.len()).finish_non_exhaustive()
    }
}

/// A reporter of the stream, with a recording beside it when asked for.
pub fn start(reader: Reader, format: Format, record: Option<&Path>) -> Result<Reporter, Report> {
    let mut sinks: Vec<Box<dyn Sink>> = match format {
        Format::Json => vec![Box::new(json::Json::new(io::stdout()))],
        Format::Quiet => vec![Box::new(result::Results::new(false))],
        Format::Lines { verbose, color } => {
            vec![Box::new(lines::Lines::new(verbose, color)), Box::new(result::Results::new(color))]
        }
        Format::Bars { color } => vec![Box::new(bars::Bars::new(color)), Box::new(result::Results::new(color))],
    };
    if let Some(path) = record {
        let file = File::create(path)
            .map_err(|error| miette::miette!("the recording {} can't be written: {error}", path.display()))?;
        sinks.push(Box::new(json::Json::new(file)));
    }
    Ok(Reporter { reader, sinks })
}

impl Reporter {
    /// Shows events until the engine is gone. A sink that can't be written any more (a closed pipe) is left out.
    pub async fn run(mut self) {
        while let Some(event) = self.reader.next().await {
            self.sinks.retain_mut(|sink| match sink.show(&event) {
                Ok(()) => true,
                Err(error) => {
                    tracing::info!(%error, "a reporter's output is closed");
                    false
                }
            });
        }
    }
}

/// Prints an error with its cure.
#[allow(clippy::print_stderr)]
pub fn failure(error: &Report, color: bool) -> ExitCode {
    let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let mut text = String::new();
    let rendered = GraphicalReportHandler::new_themed(theme).with_links(false).render_report(&mut text, error.as_ref());
    match rendered {
        Ok(()) => eprint!("{text}"),
        Err(_) => eprintln!("error: {error}"),
    }
    ExitCode::FAILURE
}

/// Sends the tool's own log to its file; `RUST_LOG` says how much of it.
pub fn log_to(path: &Path) {
    let open = File::options().create(true).append(true).open(path);
    let Ok(file) = open else { return };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(file);
    // Only fails when a log is set up already.
    drop(subscriber.try_init());
}
