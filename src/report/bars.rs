//! Progress on a terminal: a line for each running step, with its time and what it is doing; a finished step moves up.

use std::{collections::HashMap, io, time::Duration};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{Sink, lines};
use crate::engine::event::{Event, Stamped};

/// Between two frames of a spinner.
const TICK: Duration = Duration::from_millis(80);

pub(super) struct Bars {
    all: MultiProgress,
    running: HashMap<String, ProgressBar>,
    color: bool,
}

impl Bars {
    pub(super) fn new(color: bool) -> Self {
        Self { all: MultiProgress::new(), running: HashMap::new(), color }
    }
}

impl Sink for Bars {
    fn show(&mut self, event: &Stamped) -> io::Result<()> {
        match &event.event {
            Event::StepStarted { step } => {
                let bar = self.all.add(ProgressBar::new_spinner());
                let template = if self.color {
                    "{spinner:.cyan} {prefix} {elapsed:.dim} {wide_msg:.dim}"
                } else {
                    "{spinner} {prefix} {elapsed} {wide_msg}"
                };
                let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
                bar.set_style(style);
                bar.set_prefix(step.clone());
                bar.enable_steady_tick(TICK);
                self.running.insert(step.clone(), bar);
            }
            Event::StepProgress { step, detail } => {
                if let Some(bar) = self.running.get(step) {
                    bar.set_message(detail.clone());
                }
            }
            other => {
                if let Event::StepFinished { step, .. } | Event::StepFailed { step, .. } = other
                    && let Some(bar) = self.running.remove(step)
                {
                    bar.finish_and_clear();
                }
                if let Some(line) = lines::line(other, false, self.color) {
                    self.all.println(line)?;
                }
            }
        }
        Ok(())
    }
}

impl Drop for Bars {
    /// A command that ends early must not leave a spinner on the screen.
    fn drop(&mut self) {
        self.running.values().for_each(ProgressBar::finish_and_clear);
    }
}
