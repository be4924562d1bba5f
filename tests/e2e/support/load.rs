//! Requests at a steady rate, each on its own connection, until told to stop.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::http;

const CLIENTS: u32 = 5;
const EACH: Duration = Duration::from_millis(100);

/// Clients that ask an app, 50 times a second in all.
///
/// Actors: the clients, one thread each; the test, which stops them.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Count>>,
}

/// What became of the requests.
#[derive(Debug, Default)]
pub(crate) struct Count {
    pub(crate) answered: usize,
    pub(crate) failed: Vec<String>,
}

impl Load {
    pub(crate) fn on(url: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let began = Instant::now();
        let start = |index| {
            let (url, stop) = (url.to_owned(), stop.clone());
            let first = began + EACH / CLIENTS * index;
            std::thread::spawn(move || client(&url, began, first, &stop))
        };
        let clients = (0..CLIENTS).map(start).collect();
        Self { stop, clients }
    }

    pub(crate) fn finish(self) -> Count {
        self.stop.store(true, Ordering::Relaxed);
        self.clients.into_iter().map(|it| it.join().unwrap()).fold(Count::default(), |mut sum, one| {
            sum.answered += one.answered;
            sum.failed.extend(one.failed);
            sum
        })
    }
}

fn client(url: &str, began: Instant, first: Instant, stop: &AtomicBool) -> Count {
    let mut count = Count::default();
    let mut next = first;
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        next += EACH;
        let at = began.elapsed();
        match http::get(url) {
            Ok(answer) if answer.status == 200 => count.answered += 1,
            Ok(answer) => count.failed.push(format!("at {at:.2?}: {answer:?}")),
            Err(error) => count.failed.push(format!("at {at:.2?}: {error}")),
        }
    }
    count
}
