//! Guests' standard output and error.
//!
//! Actors: guests on any worker thread write into a [`Stream`]; a whole line is sent at once over a
//! bounded channel to one thread per sink, which writes it out. A full channel makes the guest that
//! prints wait; it never makes a worker thread wait.

use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncWrite;
use tokio::sync::mpsc;
use tokio_util::sync::PollSender;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

use crate::settings::Sink;

/// Lines that wait for a slow reader before guests have to.
const WAITING_LINES: usize = 256;
/// A line longer than this is passed on in pieces.
const LONGEST_LINE: usize = 64 * 1024;

/// One sink and the thread that feeds it.
#[derive(Clone)]
pub(crate) struct Output(Arc<Writer>);

struct Writer {
    lines: Option<mpsc::Sender<Bytes>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Output {
    /// Starts the thread for `sink`, named `name`.
    pub(crate) fn start(name: &str, mut sink: Sink) -> io::Result<Self> {
        let (lines, mut waiting) = mpsc::channel::<Bytes>(WAITING_LINES);
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            while let Some(line) = waiting.blocking_recv() {
                // A reader that went away must not stop the app; there is nowhere left to tell it.
                let _ = sink.write_all(&line);
                if waiting.is_empty() {
                    let _ = sink.flush();
                }
            }
        })?;
        Ok(Self(Arc::new(Writer { lines: Some(lines), thread: Some(thread) })))
    }

    /// The writing end for one instance.
    pub(crate) fn stream(&self) -> Stream {
        Stream(self.clone())
    }

    /// Passes on one line of the host's own; dropped when the reader is too slow.
    pub(crate) fn line(&self, text: &str) {
        if let Some(lines) = &self.0.lines {
            let _ = lines.try_send(Bytes::from(format!("{text}\n")));
        }
    }
}

impl Drop for Writer {
    /// Everything printed is written before the host is gone.
    fn drop(&mut self) {
        drop(self.lines.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What a guest sees as its standard output or error.
pub(crate) struct Stream(Output);

impl IsTerminal for Stream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Stream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        let lines = self.0.0.lines.clone();
        Box::new(LineWriter { lines: lines.map(PollSender::new), partial: BytesMut::new() })
    }
}

/// Collects bytes until a line is whole. What is left when the guest ends is passed on as a line.
struct LineWriter {
    lines: Option<PollSender<Bytes>>,
    partial: BytesMut,
}

impl LineWriter {
    fn poll_line(&mut self, cx: &mut Context<'_>, line: impl FnOnce(&mut BytesMut) -> Bytes) -> Poll<io::Result<()>> {
        let Some(lines) = &mut self.lines else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        ready!(lines.poll_reserve(cx)).map_err(gone)?;
        Poll::Ready(lines.send_item(line(&mut self.partial)).map_err(gone))
    }
}

impl AsyncWrite for LineWriter {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let bytes = &bytes[..bytes.len().min(LONGEST_LINE)];
        match bytes.iter().rposition(|&b| b == b'\n') {
            // Everything up to the last line end goes out in one piece.
            Some(end) => {
                let whole = &bytes[..=end];
                ready!(this.poll_line(cx, |partial| {
                    partial.extend_from_slice(whole);
                    partial.split().freeze()
                }))?;
                this.partial.extend_from_slice(&bytes[end + 1..]);
            }
            None if this.partial.len() + bytes.len() > LONGEST_LINE => {
                ready!(this.poll_line(cx, |partial| partial.split().freeze()))?;
                this.partial.extend_from_slice(bytes);
            }
            None => this.partial.extend_from_slice(bytes),
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Drop for LineWriter {
    fn drop(&mut self) {
        if !self.partial.is_empty()
            && let Some(sender) = self.lines.as_ref().and_then(PollSender::get_ref)
        {
            self.partial.extend_from_slice(b"\n");
            // Only a full channel refuses; then this piece of a line is lost with its instance.
            let _ = sender.try_send(self.partial.split().freeze());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::Mutex;
    use tokio::io::AsyncWriteExt;

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<Vec<u8>>>>);

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().push(bytes.to_vec());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    async fn written(pieces: &[&str]) -> Vec<String> {
        let memory = Memory::default();
        let output = Output::start("test", Box::new(memory.clone())).unwrap();
        let mut stream = Box::into_pin(output.stream().async_stream());
        for piece in pieces {
            stream.write_all(piece.as_bytes()).await.unwrap();
        }
        drop(stream);
        drop(output);
        let writes = memory.0.lock().unwrap();
        writes.iter().map(|w| String::from_utf8(w.clone()).unwrap()).collect()
    }

    #[tokio::test]
    async fn lines_come_out_whole() {
        assert_eq!(written(&["a", "b\n", "c\nd\ne"]).await, ["ab\n", "c\nd\n", "e\n"]);
        assert_eq!(written(&[]).await, Vec::<String>::new());
    }

    #[tokio::test]
    async fn endless_lines_are_passed_on_in_pieces() {
        let half = "x".repeat(LONGEST_LINE / 2 + 1);
        let lines = written(&[&half, &half]).await;
        assert_eq!(lines, [half.clone(), format!("{half}\n")]);
    }
}
