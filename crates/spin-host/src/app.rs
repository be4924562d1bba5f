//! The application, ready to make instances of.

mod component;
mod retain;
mod state;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use wasmtime::{Engine, Store, UpdateDeadline};

use crate::engine::Ticker;
use crate::key_value::Stores;
use crate::limits::Limits;
use crate::outbound::InternalSlot;
use crate::output::Output;
use crate::tasks::Tasks;
use crate::variables::Variables;

pub(crate) use component::{Component, ComponentError};
pub(crate) use retain::{RetainError, VARIABLE as RETAIN, retain};
pub(crate) use state::State;

/// How long a request waits for a free instance before it is turned away.
const PATIENCE: Duration = Duration::from_secs(10);
/// Epochs (10 ms) that a guest computes before others get their turn on its thread.
const TURN: u64 = 1;

/// What all components of one application share.
pub(crate) struct Services {
    pub(crate) engine: Engine,
    pub(crate) ticker: Arc<Ticker>,
    pub(crate) stdout: Output,
    pub(crate) stderr: Output,
    pub(crate) variables: Variables,
    pub(crate) stores: Stores,
    pub(crate) internal: InternalSlot,
    pub(crate) tasks: Arc<Tasks>,
    /// Instances that may still be made.
    pub(crate) slots: Arc<Semaphore>,
    /// Cap of an instance's memory in bytes.
    pub(crate) instance_memory: Option<usize>,
}

/// No instance was free in time.
#[derive(Debug, thiserror::Error)]
#[error("all instances are busy; raise SPIN_MAX_INSTANCE_COUNT, or add replicas")]
pub(crate) struct Busy;

impl Component {
    /// A store for one instance. Waits a while when all instances are in use.
    pub(crate) async fn store(self: &Arc<Self>) -> wasmtime::Result<Store<State>> {
        let slots = &self.services.slots;
        let slot = match Arc::clone(slots).try_acquire_owned() {
            Ok(slot) => slot,
            Err(_) => tokio::time::timeout(PATIENCE, Arc::clone(slots).acquire_owned())
                .await
                .map_err(|_| Busy)?
                .map_err(|_| Busy)?,
        };
        let state = State::new(self, slot)?;
        let mut store = Store::new(&self.services.engine, state);
        store.limiter(|state| &mut state.limits);
        store.set_epoch_deadline(TURN);
        // tokio's own yield lets the worker look at its sockets; waking oneself would not.
        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::YieldCustom(TURN, Box::pin(tokio::task::yield_now()))));
        Ok(store)
    }

    /// Tells the app's operator about a guest that failed.
    pub(crate) fn report(&self, error: &wasmtime::Error) {
        self.services.stderr.line(&format!("component `{}` failed: {error:?}", self.id));
    }
}

impl Services {
    pub(crate) fn limits(&self) -> Limits {
        Limits::new(self.instance_memory)
    }
}
