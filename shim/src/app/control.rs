//! The channel between shim and app: one JSON object a line.

use std::os::unix::net::UnixStream as StdStream;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

/// The app is not trusted: a line of its is at most this long.
const LINE_LIMIT: u64 = 64 << 10;

/// What the app reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Message {
    /// It answers requests from now on.
    Listening {
        /// The address with its real port.
        address: String,
        /// When its process began, in nanoseconds of the monotonic clock.
        began_ns: u64,
        /// When it listened, on the same clock.
        listening_ns: u64,
    },
    /// It can't run; the process ends now.
    Failed {
        /// One sentence with its cure.
        text: String,
    },
}

/// Nanoseconds of the clock that all processes of a node share.
pub(crate) fn monotonic_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

/// The shim's end.
pub(crate) struct Shim(BufReader<UnixStream>);

impl Shim {
    /// A channel: this end, and the one that the app inherits.
    pub(crate) fn pair() -> std::io::Result<(Self, StdStream)> {
        let (ours, theirs) = StdStream::pair()?;
        ours.set_nonblocking(true)?;
        Ok((Self(BufReader::new(UnixStream::from_std(ours)?)), theirs))
    }

    /// The app's next message; none when its process has ended or says what can't be understood.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        let mut line = Vec::new();
        (&mut self.0).take(LINE_LIMIT).read_until(b'\n', &mut line).await.ok()?;
        serde_json::from_slice(&line).ok()
    }
}

/// The app's end.
pub(super) struct App(UnixStream);

impl App {
    /// Takes the inherited end.
    pub(super) fn new(stream: StdStream) -> std::io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self(UnixStream::from_std(stream)?))
    }

    /// Tells the shim. It may be gone: the app goes on without it.
    pub(super) async fn send(&mut self, message: &Message) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(message)?;
        line.truncate(usize::try_from(LINE_LIMIT).unwrap_or(usize::MAX) - 1);
        line.push(b'\n');
        self.0.write_all(&line).await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_message_arrives_and_then_the_end() {
        let (mut shim, theirs) = Shim::pair().unwrap();
        let mut app = App::new(theirs).unwrap();
        let message = Message::Failed { text: "no\nluck".to_owned() };
        app.send(&message).await.unwrap();
        assert_eq!(shim.next().await, Some(message));
        drop(app);
        assert_eq!(shim.next().await, None);
    }

    #[tokio::test]
    async fn an_endless_line_is_no_message() {
        use std::io::Write as _;
        let (mut shim, mut theirs) = Shim::pair().unwrap();
        let writer = std::thread::spawn(move || {
            // Fails once the shim has had enough and hangs up.
            let _ = theirs.write_all(&vec![b'x'; 1 << 20]);
        });
        assert_eq!(shim.next().await, None);
        drop(shim);
        writer.join().unwrap();
    }
}
