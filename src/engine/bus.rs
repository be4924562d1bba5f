//! The stream of events: one writer side that never blocks, any number of readers.
//!
//! The ring is bounded. A reader that falls behind by more than its length is told how much it missed
//! ([`Event::EventsLost`]); it never holds the engine up.

use std::{
    future::Future,
    sync::{Arc, Mutex},
    time::Instant,
};

use nix::time::{ClockId, clock_gettime};
use tokio::sync::broadcast::{self, error::RecvError};

use super::event::{Event, Stamped, StepTime};

/// Events that a reader may lag behind before it loses some.
const RING: usize = 16 * 1024;

/// The writer side. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Events {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    sender: broadcast::Sender<Stamped>,
}

#[derive(Debug, Default)]
struct State {
    seq: u64,
    steps: Vec<StepTime>,
    secrets: Vec<String>,
}

/// A reader of the stream.
#[derive(Debug)]
pub struct Reader(broadcast::Receiver<Stamped>);

impl Default for Events {
    fn default() -> Self {
        let (sender, _) = broadcast::channel(RING);
        Self { inner: Arc::new(Inner { state: Mutex::default(), sender }) }
    }
}

impl Events {
    /// Says one thing. Its time is now.
    pub fn emit(&self, event: Event) {
        // The lock is held over the send, so that `seq` and the order in the stream agree.
        let mut state = self.lock();
        state.seq += 1;
        let event = redact(event, &state.secrets);
        let stamped = Stamped { seq: state.seq, at: jiff::Timestamp::now(), mono_ns: monotonic_ns(), event };
        tracing::debug!(target: "event", seq = stamped.seq, event = ?stamped.event);
        // No reader is no error: the engine does not depend on being watched.
        drop(self.inner.sender.send(stamped));
    }

    /// Keeps a secret's value out of every event from here on. One of less than four bytes is left: hiding each of its
    /// letters would make all events unreadable, and give it away.
    pub fn keep_secret(&self, value: impl Into<String>) {
        let value = value.into();
        if value.len() >= 4 {
            self.lock().secrets.push(value);
        }
    }

    /// Reads from here on.
    #[must_use]
    pub fn subscribe(&self) -> Reader {
        Reader(self.inner.sender.subscribe())
    }

    /// Runs one step of a command between its `step-started` and its `step-finished` or `step-failed`.
    pub async fn step<T, E>(&self, name: &str, work: impl Future<Output = Result<T, E>>) -> Result<T, E>
    where
        E: std::fmt::Display,
    {
        self.emit(Event::StepStarted { step: name.into() });
        let began = Instant::now();
        let result = work.await;
        let seconds = began.elapsed().as_secs_f64();
        match &result {
            Ok(_) => {
                self.lock().steps.push(StepTime { name: name.into(), seconds });
                self.emit(Event::StepFinished { step: name.into(), seconds });
            }
            Err(error) => {
                self.emit(Event::StepFailed { step: name.into(), seconds, message: error.to_string() });
            }
        }
        result
    }

    /// Says what a running step is doing.
    pub fn progress(&self, step: &str, detail: impl Into<String>) {
        self.emit(Event::StepProgress { step: step.into(), detail: detail.into() });
    }

    /// Says something worth knowing.
    pub fn notice(&self, message: impl Into<String>) {
        self.emit(Event::Notice { message: message.into() });
    }

    /// Warns, with the cure.
    pub fn warn(&self, message: impl Into<String>, help: impl Into<String>) {
        self.emit(Event::Warning { message: message.into(), help: Some(help.into()) });
    }

    /// The steps that finished so far, in the order in which they did.
    #[must_use]
    pub fn step_times(&self) -> Vec<StepTime> {
        self.lock().steps.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // A panic while the lock is held leaves nothing half done in there.
        self.inner.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Reader {
    /// The next event; `None` when the engine is gone and all was read.
    pub async fn next(&mut self) -> Option<Stamped> {
        match self.0.recv().await {
            Ok(event) => Some(event),
            Err(RecvError::Closed) => None,
            Err(RecvError::Lagged(count)) => Some(Stamped {
                seq: 0,
                at: jiff::Timestamp::now(),
                mono_ns: monotonic_ns(),
                event: Event::EventsLost { count },
            }),
        }
    }
}

/// The event with each secret's value replaced, wherever a text holds it.
fn redact(event: Event, secrets: &[String]) -> Event {
    if secrets.is_empty() {
        return event;
    }
    let redacted = serde_json::to_value(&event).map(|mut value| {
        hide(&mut value, secrets);
        value
    });
    // An event's own type reads back what it wrote; were it ever not to, its text must not leak.
    redacted.and_then(serde_json::from_value).unwrap_or(Event::Notice { message: "(redacted)".into() })
}

fn hide(value: &mut serde_json::Value, secrets: &[String]) {
    match value {
        serde_json::Value::String(text) => {
            for secret in secrets {
                if text.contains(secret) {
                    *text = text.replace(secret, "***");
                }
            }
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| hide(item, secrets)),
        // The tag is a value of its own; it is no text of a user's.
        serde_json::Value::Object(fields) => {
            fields.iter_mut().filter(|(key, _)| *key != "event").for_each(|(_, field)| hide(field, secrets));
        }
        _ => {}
    }
}

/// `CLOCK_MONOTONIC` now, in nanoseconds.
fn monotonic_ns() -> u64 {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |time| {
        let seconds = u64::try_from(time.tv_sec()).unwrap_or_default();
        let nanos = u64::try_from(time.tv_nsec()).unwrap_or_default();
        seconds * 1_000_000_000 + nanos
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[tokio::test]
    async fn a_step_is_bracketed_and_counted() {
        let events = Events::default();
        let mut reader = events.subscribe();
        events.step("push", async { Ok::<_, String>(()) }).await.unwrap();
        let (first, second) = (reader.next().await.unwrap(), reader.next().await.unwrap());
        assert_eq!((first.seq, second.seq), (1, 2));
        assert!(first.mono_ns <= second.mono_ns);
        assert_eq!(first.event, Event::StepStarted { step: "push".into() });
        assert!(matches!(second.event, Event::StepFinished { ref step, .. } if step == "push"));
        assert_eq!(events.step_times().len(), 1);
    }

    #[tokio::test]
    async fn a_slow_reader_is_told_what_it_missed() {
        let events = Events::default();
        let mut reader = events.subscribe();
        for _ in 0..=RING {
            events.notice("tick");
        }
        assert_eq!(reader.next().await.unwrap().event, Event::EventsLost { count: 1 });
    }

    #[tokio::test]
    async fn a_secret_is_in_no_event() {
        let events = Events::default();
        let mut reader = events.subscribe();
        events.keep_secret("hunter2");
        events.emit(Event::Log { app: "a".into(), pod: "p".into(), line: "token=hunter2!".into() });
        let line = Event::Log { app: "a".into(), pod: "p".into(), line: "token=***!".into() };
        assert_eq!(reader.next().await.unwrap().event, line);
    }

    #[test]
    fn the_stream_is_flat_json() {
        let stamped = Stamped {
            seq: 7,
            at: "2026-11-24T16:00:00.000000001Z".parse().unwrap(),
            mono_ns: 5,
            event: Event::StepStarted { step: "push".into() },
        };
        insta::assert_json_snapshot!(stamped, @r#"
        {
          "seq": 7,
          "at": "2026-11-24T16:00:00.000000001Z",
          "mono_ns": 5,
          "event": "step-started",
          "step": "push"
        }
        "#);
    }
}
