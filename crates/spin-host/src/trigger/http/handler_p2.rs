//! Guests that export `wasi:http/incoming-handler@0.2.x`: a fresh instance for each request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use tokio::sync::oneshot::{self, error::TryRecvError};
use wasmtime::Store;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::{WasiBody, WasiHttpView};

use super::body::{self, Running};
use super::guest::Guest;
use super::handler::unavailable;
use crate::app::{Component, State};

/// Calls one component.
pub(super) struct HandlerP2 {
    component: Arc<Component>,
    pre: ProxyPre<State>,
}

type Answer = Result<Response<WasiBody>, ErrorCode>;

impl HandlerP2 {
    pub(super) fn new(component: Arc<Component>, pre: ProxyPre<State>) -> Self {
        Self { component, pre }
    }

    pub(super) async fn handle(&self, request: Request<WasiBody>) -> Response<WasiBody> {
        let store = match self.component.store().await {
            Ok(store) => store,
            Err(error) => return unavailable(&self.component, &error),
        };
        let (answer, mut answered) = oneshot::channel();
        let failed = Arc::new(AtomicBool::new(false));
        let run = run(self.pre.clone(), store, request, answer, Arc::clone(&failed));
        let mut guest = Guest::new(&self.component, run);
        let (result, answer) = std::future::poll_fn(|cx| {
            let result = match std::pin::Pin::new(&mut guest).poll(cx) {
                Poll::Ready(result) => Some(result),
                Poll::Pending => None,
            };
            match (result, answered.try_recv()) {
                // The guest wakes this task, and it is the guest that answers: nothing is missed.
                (None, Err(TryRecvError::Empty)) => Poll::Pending,
                (result, answer) => Poll::Ready((result, answer)),
            }
        })
        .await;
        match (result, answer) {
            // Still at work: its body streams. Dropping the guest hands it to a task of its own.
            (None, Ok(Ok(response))) => {
                drop(guest);
                response.map(|body| Running { body, failed }.boxed_unsync())
            }
            (Some(Ok(())), Ok(Ok(response))) => self.finished(response),
            (Some(Err(error)), _) => self.failed(&error),
            (_, Ok(Err(code))) => self.failed(&wasmtime::format_err!("it answered with the error {code:?}")),
            (_, Err(_)) => self.failed(&wasmtime::format_err!("it returned without an answer")),
        }
    }

    fn finished(&self, response: Response<WasiBody>) -> Response<WasiBody> {
        let (head, body) = response.into_parts();
        match body::collect_finished(body) {
            Some(body) => Response::from_parts(head, body),
            None => self.failed(&wasmtime::format_err!("it broke its answer off")),
        }
    }

    fn failed(&self, error: &wasmtime::Error) -> Response<WasiBody> {
        if error.is::<wasmtime::PoolConcurrencyLimitError>() {
            return unavailable(&self.component, error);
        }
        self.component.report(error);
        body::empty(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// The whole life of an instance.
async fn run(
    pre: ProxyPre<State>,
    mut store: Store<State>,
    request: Request<WasiBody>,
    answer: oneshot::Sender<Answer>,
    failed: Arc<AtomicBool>,
) -> wasmtime::Result<()> {
    let call = async {
        let request = store.data_mut().http().new_incoming_request(Scheme::Http, request)?;
        let answer = store.data_mut().http().new_response_outparam(answer)?;
        let proxy = pre.instantiate_async(&mut store).await?;
        proxy.wasi_http_incoming_handler().call_handle(&mut store, request, answer).await
    };
    let result = call.await;
    if result.is_err() {
        // Before the store goes, and with it the guest's end of the body.
        failed.store(true, Ordering::Release);
    }
    result
}
