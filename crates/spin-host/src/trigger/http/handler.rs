//! How a component wants its requests.

use std::sync::Arc;

use http::{HeaderValue, Request, Response, StatusCode, header};
use thiserror::Error;
use wasmtime::PoolConcurrencyLimitError;
use wasmtime::component::InstancePre;
use wasmtime_wasi_http::WasiBody;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p3::bindings::ServicePre;

use super::body;
use super::handler_p2::HandlerP2;
use super::handler_p3::HandlerP3;
use crate::app::{Busy, Component, State};

/// A component doesn't answer HTTP, or not in a way that this host knows.
#[derive(Debug, Error)]
pub enum HandlerError {
    /// No handler among its exports.
    #[error(
        "it exports no HTTP handler (it exports: {0}); build it for wasi:http/incoming-handler@0.2 or wasi:http/handler@0.3"
    )]
    None(String),
    /// A handler of an interface that this host doesn't call yet.
    #[error("it exports `{0}`, which this host doesn't call yet; rebuild it with an SDK for wasi:http 0.2 or 0.3.0")]
    Unsupported(String),
    /// More than one.
    #[error("it exports more than one HTTP handler ({0}); export one")]
    Several(String),
    /// The right name with the wrong type.
    #[error("its HTTP handler doesn't fit wasi:http: {0:#}; rebuild it with a current SDK")]
    Mismatch(wasmtime::Error),
}

/// Calls a component with requests.
pub(super) enum Handler {
    P2(HandlerP2),
    P3(HandlerP3),
}

/// What an export's name says.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    P2,
    P3,
    /// Spin calls it, this host doesn't yet.
    Unsupported,
}

fn kind(export: &str) -> Option<Kind> {
    let (interface, version) = export.split_once('@').unwrap_or((export, ""));
    match interface {
        "wasi:http/incoming-handler" if version.starts_with("0.2.") && !version.contains('-') => Some(Kind::P2),
        "wasi:http/handler" if version.starts_with("0.3.") && !version.contains('-') => Some(Kind::P3),
        "wasi:http/incoming-handler" | "wasi:http/handler" | "fermyon:spin/inbound-http" => Some(Kind::Unsupported),
        _ => None,
    }
}

impl Handler {
    pub(super) fn new(component: &Arc<Component>, pre: &InstancePre<State>) -> Result<Self, HandlerError> {
        let ty = pre.component().component_type();
        let exports: Vec<&str> = ty.exports(pre.engine()).map(|(name, _)| name).collect();
        let mut handlers = exports.iter().filter_map(|name| Some((*name, kind(name)?)));
        let Some((name, kind)) = handlers.next() else {
            let exports = if exports.is_empty() { "nothing".to_owned() } else { exports.join(", ") };
            return Err(HandlerError::None(exports));
        };
        let others: Vec<&str> = handlers.map(|(name, _)| name).collect();
        if !others.is_empty() {
            return Err(HandlerError::Several(format!("{name}, {}", others.join(", "))));
        }
        let component = Arc::clone(component);
        match kind {
            Kind::P2 => {
                let pre = ProxyPre::new(pre.clone()).map_err(HandlerError::Mismatch)?;
                Ok(Self::P2(HandlerP2::new(component, pre)))
            }
            Kind::P3 => {
                let pre = ServicePre::new(pre.clone()).map_err(HandlerError::Mismatch)?;
                Ok(Self::P3(HandlerP3::new(component, pre)))
            }
            Kind::Unsupported => Err(HandlerError::Unsupported(name.to_owned())),
        }
    }

    /// Answers a request whose URI has a scheme and an authority.
    pub(super) async fn handle(&self, request: Request<WasiBody>) -> Response<WasiBody> {
        match self {
            Self::P2(handler) => handler.handle(request).await,
            Self::P3(handler) => handler.handle(request).await,
        }
    }
}

/// The answer when there is no instance for a request: 503 when all are in use, else 500. (Spin answers
/// 500 to both; a client that sees 503 may try again.)
pub(super) fn unavailable(component: &Component, error: &wasmtime::Error) -> Response<WasiBody> {
    component.report(error);
    if error.is::<Busy>() || error.is::<PoolConcurrencyLimitError>() {
        let mut response = body::empty(StatusCode::SERVICE_UNAVAILABLE);
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        return response;
    }
    body::empty(StatusCode::INTERNAL_SERVER_ERROR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_tell_the_kind() {
        assert_eq!(kind("wasi:http/incoming-handler@0.2.0"), Some(Kind::P2));
        assert_eq!(kind("wasi:http/incoming-handler@0.2.10"), Some(Kind::P2));
        assert_eq!(kind("wasi:http/handler@0.3.0"), Some(Kind::P3));
        for known in [
            "wasi:http/incoming-handler@0.2.0-rc-2023-11-10",
            "wasi:http/handler@0.3.0-rc-2026-03-15",
            "fermyon:spin/inbound-http",
        ] {
            assert_eq!(kind(known), Some(Kind::Unsupported), "{known}");
        }
        assert_eq!(kind("wasi:cli/run@0.2.0"), None);
    }
}
