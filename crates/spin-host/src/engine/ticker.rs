//! The epoch ticker.
//!
//! Actors: one thread that advances the engine's epoch every 10 ms while guests run, and the tasks
//! that run guests, each holding a [`Busy`] guard. An idle host must not wake up a hundred times a
//! second (a node may hold hundreds of them), so the thread parks when no guest has run for a while
//! and the next guest wakes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

use wasmtime::Engine;

/// Length of one epoch.
const TICK: Duration = Duration::from_millis(10);
/// Idle ticks before the thread parks: a server under light load should not park between requests.
const IDLE_TICKS: u32 = 10;

#[derive(Default)]
struct Shared {
    running: AtomicUsize,
    parked: AtomicBool,
    stopped: AtomicBool,
}

/// Owns the ticking thread; ends it when dropped.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    handle: Thread,
}

impl Ticker {
    /// Starts ticking for `engine`.
    pub(crate) fn start(engine: &Engine) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let weak = engine.weak();
        let thread = std::thread::Builder::new().name("epoch".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || {
                let mut idle = 0;
                while !shared.stopped.load(Ordering::SeqCst) {
                    if idle < IDLE_TICKS {
                        std::thread::park_timeout(TICK);
                        if let Some(engine) = weak.upgrade() {
                            engine.increment_epoch();
                        }
                    } else {
                        // `parked` is set before `running` is read, and guards count before they read
                        // `parked`: one of the two always sees the other.
                        shared.parked.store(true, Ordering::SeqCst);
                        if shared.running.load(Ordering::SeqCst) == 0 {
                            std::thread::park();
                        }
                        shared.parked.store(false, Ordering::SeqCst);
                    }
                    idle = if shared.running.load(Ordering::SeqCst) == 0 { idle + 1 } else { 0 };
                    if idle > IDLE_TICKS {
                        idle = IDLE_TICKS;
                    }
                }
            }
        })?;
        let handle = thread.thread().clone();
        Ok(Self { shared, thread: Some(thread), handle })
    }

    /// Marks a guest as running for as long as the guard lives.
    pub(crate) fn busy(self: &Arc<Self>) -> Busy {
        self.shared.running.fetch_add(1, Ordering::SeqCst);
        if self.shared.parked.load(Ordering::SeqCst) {
            self.handle.unpark();
        }
        Busy(Arc::clone(self))
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.handle.unpark();
        // The last guard may be dropped on any thread but the ticker's own, which holds no guard.
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the epoch ticker panicked");
        }
    }
}

/// Keeps the epoch advancing.
pub(crate) struct Busy(Arc<Ticker>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.shared.running.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use wasmtime::{Instance, Module, Store};

    /// An endless guest ends by its epoch deadline, also when the thread had parked before.
    #[test]
    fn a_parked_ticker_wakes_for_a_guest() {
        let engine = crate::engine::new(&crate::engine::Config::compiler()).unwrap();
        let module = Module::new(&engine, r#"(module (func (export "f") (loop br 0)))"#).unwrap();
        let ticker = Arc::new(Ticker::start(&engine).unwrap());
        while !ticker.shared.parked.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        let _busy = ticker.busy();
        let mut store = Store::new(&engine, ());
        store.set_epoch_deadline(2);
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let endless = instance.get_typed_func::<(), ()>(&mut store, "f").unwrap();
        let trap = endless.call(&mut store, ()).unwrap_err();
        assert_eq!(trap.downcast_ref(), Some(&wasmtime::Trap::Interrupt));
    }
}
