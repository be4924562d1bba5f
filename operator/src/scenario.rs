//! A scripted API server for tests: the calls that must be made, in their order, and what each gets back. A missing
//! call, another call and one too many all fail the test.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::VecDeque;

use http::{Method, Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tower_test::mock;

/// One expected call.
pub(crate) struct Call {
    method: Method,
    path: String,
    /// JSON pointers into the request's body, and what is there.
    body: Vec<(&'static str, Value)>,
    status: u16,
    answer: Answer,
}

enum Answer {
    /// The request's own body, as an API server answers an apply.
    Echo(Value),
    Fixed(Value),
}

/// A call of this method to this path, answered with 200 and an empty object.
pub(crate) fn call(method: Method, path: &str) -> Call {
    Call { method, path: path.to_owned(), body: Vec::new(), status: 200, answer: Answer::Fixed(json!({})) }
}

pub(crate) fn get(path: &str) -> Call {
    call(Method::GET, path)
}

/// A server-side apply, answered with what was applied.
pub(crate) fn apply(path: &str) -> Call {
    Call { answer: Answer::Echo(json!({})), ..call(Method::PATCH, path) }
}

impl Call {
    /// The body has `value` at `pointer`.
    pub(crate) fn with(mut self, pointer: &'static str, value: Value) -> Self {
        self.body.push((pointer, value));
        self
    }

    pub(crate) fn answered(mut self, answer: Value) -> Self {
        self.answer = Answer::Fixed(answer);
        self
    }

    /// Answered with what was applied, and these fields on top.
    pub(crate) fn completed(mut self, fields: Value) -> Self {
        self.answer = Answer::Echo(fields);
        self
    }

    /// Refused with this code.
    pub(crate) fn refused(mut self, code: u16, message: &str) -> Self {
        self.status = code;
        self.answer = Answer::Fixed(json!({
            "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message,
            "reason": if code == 404 { "NotFound" } else { "" },
        }));
        self
    }

    pub(crate) fn not_found(self) -> Self {
        self.refused(404, "not found")
    }
}

/// Runs `work` against an API server that expects exactly these calls.
pub(crate) async fn play<W: Future>(script: Vec<Call>, work: impl FnOnce(Client) -> W) -> W::Output {
    let (service, handle) = mock::pair::<Request<Body>, Response<Body>>();
    let mut script = VecDeque::from(script);
    let output = {
        let mut serve = std::pin::pin!(serve(handle, &mut script));
        tokio::select! {
            output = work(Client::new(service, "default")) => output,
            () = &mut serve => panic!("the API server ended"),
        }
    };
    let missing: Vec<_> = script.iter().map(|call| format!("{} {}", call.method, call.path)).collect();
    assert!(missing.is_empty(), "these calls were not made: {missing:#?}");
    output
}

async fn serve(mut handle: mock::Handle<Request<Body>, Response<Body>>, script: &mut VecDeque<Call>) {
    while let Some((request, respond)) = handle.next_request().await {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let query = request.uri().query().unwrap_or_default().to_owned();
        let content_type = request.headers().get("content-type").cloned();
        let body = request.into_body().collect_bytes().await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let Some(expected) = script.pop_front() else { panic!("one call too many: {method} {path}\n{body:#}") };
        assert_eq!((&method, path.as_str()), (&expected.method, expected.path.as_str()), "{body:#}");
        if content_type.is_some_and(|content_type| content_type == "application/apply-patch+yaml") {
            assert!(query.contains("force=true") && query.contains("fieldManager=spin-operator"), "{query}");
        }
        for (pointer, value) in &expected.body {
            assert_eq!(body.pointer(pointer).unwrap_or(&Value::Null), value, "{path} {pointer} in\n{body:#}");
        }
        let answer = match expected.answer {
            Answer::Fixed(answer) => answer,
            Answer::Echo(fields) => merged(body, &fields),
        };
        let response = Response::builder().status(expected.status).body(Body::from(answer.to_string().into_bytes()));
        respond.send_response(response.unwrap());
    }
}

fn merged(mut base: Value, fields: &Value) -> Value {
    for (key, value) in fields.as_object().unwrap() {
        if base[key].is_object() {
            base[key] = merged(base[key].take(), value);
        } else {
            base[key] = value.clone();
        }
    }
    base
}
