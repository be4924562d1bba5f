//! Calls between components, and of an app to itself: they never touch the network.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use futures::future::BoxFuture;
use http::uri::Authority;
use http::{HeaderValue, Request, Response, StatusCode, header};
use wasmtime_wasi_http::WasiBody;

use super::{HttpTrigger, body, headers, routes::Routes};
use crate::outbound::{Internal, Target};

/// Client address of calls that came over no network. Contract: Spin's.
const NOBODY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

impl HttpTrigger {
    /// Tells the app its own address.
    pub(crate) fn set_address(&self, address: SocketAddr) {
        // Bound once; a second address would be a second server.
        let _ = self.address.set(address);
    }

    /// As if the component had the route `/...`.
    async fn call_component(&self, id: &str, mut request: Request<WasiBody>) -> Response<WasiBody> {
        let Some(handler) = self.handlers.get(id) else {
            return body::empty(StatusCode::NOT_FOUND);
        };
        let Some(authority) = request.uri().authority().cloned() else {
            return body::empty(StatusCode::BAD_REQUEST);
        };
        let mut routes = Routes::new();
        let path = request.uri().path().to_owned();
        match routes.add("/...", ()).ok().and_then(|()| routes.find(&path)) {
            Some(matched) => headers::set(&mut request, &authority, &matched, NOBODY),
            None => return body::empty(StatusCode::NOT_FOUND),
        }
        handler.handle(request).await
    }

    /// Through the public routes.
    async fn call_itself(&self, mut request: Request<WasiBody>) -> Response<WasiBody> {
        let Some(address) = self.address.get() else {
            return body::empty(StatusCode::SERVICE_UNAVAILABLE);
        };
        let authority = address.to_string();
        let mut parts = request.uri().clone().into_parts();
        parts.authority = Authority::try_from(authority.as_str()).ok();
        match (http::Uri::from_parts(parts), HeaderValue::from_str(&authority)) {
            (Ok(uri), Ok(host)) => {
                *request.uri_mut() = uri;
                request.headers_mut().insert(header::HOST, host);
                self.respond(request, NOBODY).await
            }
            _ => body::empty(StatusCode::BAD_REQUEST),
        }
    }
}

impl Internal for HttpTrigger {
    fn call(self: Arc<Self>, target: Target, request: Request<WasiBody>) -> BoxFuture<'static, Response<WasiBody>> {
        Box::pin(async move {
            match target {
                Target::Itself => self.call_itself(request).await,
                Target::Component(id) => self.call_component(&id, request).await,
            }
        })
    }
}
