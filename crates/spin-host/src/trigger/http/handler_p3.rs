//! Guests that export `wasi:http/handler@0.3.0`: instances are used again, as in Spin.
//!
//! Actors: wasmtime's handler runs each instance in a task of its own and hands requests to whichever is
//! free; [`Expiration`] ends one that has nothing to do.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::{Request, Response, StatusCode};
use tokio::time::Sleep;
use tokio_util::sync::WaitForCancellationFutureOwned;
use wasmtime::component::GuestTaskId;
use wasmtime::{Store, StoreContextMut};
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, InstantiationError, Proxy, ProxyHandler, ShouldAccept, TrapOrPanicError, WorkerExpiration,
    WorkerState, WorkerStatus,
};
use wasmtime_wasi_http::p3::bindings::ServicePre;
use wasmtime_wasi_http::{WasiBody, WasiHttpView};

use super::body;
use super::handler::unavailable;
use crate::app::{Component, State};

/// Requests that one instance answers in its life. Contract: Spin's default.
const REQUESTS: usize = 128;
/// Requests that one instance answers at a time. Contract: Spin's default.
const CONCURRENT: usize = 16;
/// How long an instance waits for its next request. Contract: Spin's default.
const IDLE: Duration = Duration::from_secs(1);

/// Calls one component.
pub(super) struct HandlerP3 {
    handler: ProxyHandler<Instances>,
}

struct Instances {
    component: Arc<Component>,
    pre: ServicePre<State>,
}

impl HandlerP3 {
    pub(super) fn new(component: Arc<Component>, pre: ServicePre<State>) -> Self {
        Self { handler: ProxyHandler::new(Instances { component, pre }) }
    }

    pub(super) async fn handle(&self, request: Request<WasiBody>) -> Response<WasiBody> {
        let error = match self.handler.handle((), request).await {
            Ok(response) => return response,
            Err(error) => error,
        };
        let component = &self.handler.state().component;
        if let Some(error) = error.downcast_ref::<InstantiationError<()>>() {
            return unavailable(component, &error.error);
        }
        // A trap that took the instance is told by the instance.
        if !error.is::<TrapOrPanicError>() {
            component.report(&error);
        }
        body::empty(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl HandlerState for Instances {
    type StoreData = State;
    type WorkerExpiration = Expiration;
    type WorkerState = Reuse;

    async fn instantiate(&self) -> wasmtime::Result<Instance<State, Expiration, Reuse>> {
        let mut store = self.component.store().await?;
        let service = self.pre.instantiate_async(&mut store).await?;
        Ok(Instance {
            store,
            proxy: Proxy::P3(service),
            view: |state| state.http(),
            expiration: Expiration {
                idle: Box::pin(tokio::time::sleep(IDLE)),
                draining: Box::pin(self.component.services.tasks.draining().cancelled_owned()),
            },
            state: Reuse(Arc::clone(&self.component)),
        })
    }
}

/// Ends an instance that has been idle, at once when the host drains.
struct Expiration {
    idle: Pin<Box<Sleep>>,
    draining: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl WorkerExpiration for Expiration {
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>, status: WorkerStatus, start: Instant) -> Poll<()> {
        if status != WorkerStatus::Idle {
            return Poll::Pending;
        }
        if self.draining.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let until = tokio::time::Instant::from_std(start) + IDLE;
        if self.idle.deadline() != until {
            self.idle.as_mut().reset(until);
        }
        self.idle.as_mut().poll(cx)
    }
}

/// How often an instance is used.
struct Reuse(Arc<Component>);

impl WorkerState for Reuse {
    type StoreData = State;
    type RequestData = ();

    fn should_accept_request(&self, concurrent: usize, total: usize) -> ShouldAccept {
        if total >= REQUESTS {
            ShouldAccept::Never
        } else if concurrent >= CONCURRENT {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    /// No deadline.
    fn on_request_start(
        &self,
        _store: StoreContextMut<'_, State>,
        (): (),
        _task: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + 'static + Send + Sync>> {
        Box::pin(std::future::pending())
    }

    fn drop(&self, _store: Store<State>, result: Result<(), wasmtime::Error>) {
        if let Err(error) = result {
            self.0.report(&error);
        }
    }
}
