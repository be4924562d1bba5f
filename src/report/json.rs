//! Events as JSON, one object a line.

use std::io::{self, Write};

use super::Sink;
use crate::engine::event::Stamped;

pub(super) struct Json<W>(W);

impl<W: Write + Send> Json<W> {
    pub(super) fn new(out: W) -> Self {
        Self(out)
    }
}

impl<W: Write + Send> Sink for Json<W> {
    fn show(&mut self, event: &Stamped) -> io::Result<()> {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        self.0.write_all(&line)?;
        self.0.flush()
    }
}
