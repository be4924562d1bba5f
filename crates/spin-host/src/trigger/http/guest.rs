//! A guest at work on one request.
//!
//! Actors: the connection's task polls the guest until the head of the answer is there. What the guest
//! does after that (streaming its body, work without an answer) goes on in a task of its own, and so it
//! does when the client goes away: a guest that has started is never cut off in the middle, as in Spin.
//! A guest that is done when its answer is there needs no task at all, which is the usual case.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;

use crate::app::{Component, Services};

/// The future of a guest that has started.
pub(super) struct Guest {
    run: Option<BoxFuture<'static, wasmtime::Result<()>>>,
    component: Arc<Component>,
}

impl Guest {
    pub(super) fn new(
        component: &Arc<Component>,
        run: impl Future<Output = wasmtime::Result<()>> + Send + 'static,
    ) -> Self {
        Self { run: Some(Box::pin(run)), component: Arc::clone(component) }
    }
}

impl Future for Guest {
    type Output = wasmtime::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(run) = &mut self.run else { return Poll::Ready(Ok(())) };
        let result = run.as_mut().poll(cx);
        if result.is_ready() {
            self.run = None;
        }
        result
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if let Some(run) = self.run.take() {
            let component = Arc::clone(&self.component);
            let services: &Services = &self.component.services;
            services.tasks.spawn(async move {
                if let Err(error) = run.await {
                    component.report(&error);
                }
            });
        }
    }
}
