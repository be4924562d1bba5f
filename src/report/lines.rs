//! Progress as plain lines on stderr: one when a step ends, more when asked to be verbose.

use std::io::{self, Write};

use super::Sink;
use crate::engine::event::{Event, Stamped};

pub(super) struct Lines {
    verbose: bool,
    color: bool,
}

impl Lines {
    pub(super) fn new(verbose: bool, color: bool) -> Self {
        Self { verbose, color }
    }
}

impl Sink for Lines {
    fn show(&mut self, event: &Stamped) -> io::Result<()> {
        match line(&event.event, self.verbose, self.color) {
            Some(line) => writeln!(io::stderr(), "{line}"),
            None => Ok(()),
        }
    }
}

/// The line that an event deserves, if any.
pub(super) fn line(event: &Event, verbose: bool, color: bool) -> Option<String> {
    let paint = |code: &str, text: &str| if color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() };
    let dim = |text: &str| paint("2", text);
    Some(match event {
        Event::StepStarted { step } if verbose => format!("  {}", dim(&format!("{step} ..."))),
        Event::StepProgress { step, detail } if verbose => format!("    {}", dim(&format!("{step}: {detail}"))),
        Event::StepFinished { step, seconds } => {
            format!("{} {step} {}", paint("32", "✔"), dim(&duration(*seconds)))
        }
        Event::StepFailed { step, seconds, .. } => {
            format!("{} {step} {}", paint("31", "✖"), dim(&duration(*seconds)))
        }
        Event::Notice { message } => format!("{} {message}", paint("36", "•")),
        Event::Warning { message, help } => {
            let help = help.as_ref().map(|help| format!("\n  {}", dim(help))).unwrap_or_default();
            format!("{} {message}{help}", paint("33", "!"))
        }
        Event::BuildOutput { app, component, line } => format!("  {} {line}", dim(&format!("{app}/{component}"))),
        Event::EventsLost { count } => format!("{} {count} events were too many to show", paint("33", "!")),
        _ => return None,
    })
}

/// A duration at the precision that a reader can use.
pub(super) fn duration(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.0} ms", seconds * 1000.0) } else { format!("{seconds:.1} s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_warnings_have_their_lines() {
        let show = |event: Event| line(&event, false, false).unwrap_or_default();
        insta::assert_snapshot!(show(Event::StepFinished { step: "create the cluster".into(), seconds: 10.24 }), @"✔ create the cluster 10.2 s");
        insta::assert_snapshot!(show(Event::StepFinished { step: "start the registry".into(), seconds: 0.012 }), @"✔ start the registry 12 ms");
        insta::assert_snapshot!(show(Event::Warning { message: "the disk is nearly full".into(), help: Some("free some".into()) }), @r"
        ! the disk is nearly full
          free some
        ");
        assert_eq!(line(&Event::StepStarted { step: "x".into() }, false, false), None);
    }
}
