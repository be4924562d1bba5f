//! Requests that guests send.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::BodyExt;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks, default_send_request};

use super::AllowedHosts;
use super::allowed_hosts::component_of;

/// Host name by which an app calls its own routes.
const ITSELF: &str = "self.alt";
/// How long a component of the same app may take to begin its answer, unless the guest says so.
const FIRST_BYTE: Duration = Duration::from_mins(10);

/// What a request stays in the process for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The app's own routes.
    Itself,
    /// A component, public route or not.
    Component(String),
}

/// Answers requests that don't leave the process.
pub(crate) trait Internal: Send + Sync {
    /// Answers one.
    fn call(self: Arc<Self>, target: Target, request: Request<WasiBody>) -> BoxFuture<'static, Response<WasiBody>>;
}

/// Where [`Internal`] is found once it exists: the trigger that answers is made after the components.
pub(crate) type InternalSlot = Arc<OnceLock<Weak<dyn Internal>>>;

/// Decides about the requests of one guest.
pub(crate) struct HttpHooks {
    allowed: Arc<AllowedHosts>,
    internal: InternalSlot,
}

impl HttpHooks {
    pub(crate) fn new(allowed: Arc<AllowedHosts>, internal: InternalSlot) -> Self {
        Self { allowed, internal }
    }

    /// Where a request goes: `None` is the network.
    fn target(&self, request: &Request<WasiBody>) -> Result<Option<Target>, Error> {
        let uri = request.uri();
        let host = uri.host().ok_or(Error::HttpRequestUriInvalid)?.to_ascii_lowercase();
        if host == ITSELF {
            return if self.allowed.allows_itself() { Ok(Some(Target::Itself)) } else { Err(Error::HttpRequestDenied) };
        }
        if let Some(id) = component_of(&host) {
            return if self.allowed.allows_component(id) {
                Ok(Some(Target::Component(id.to_owned())))
            } else {
                Err(Error::HttpRequestDenied)
            };
        }
        if self.allowed.allows(uri.scheme_str().unwrap_or("https"), &host, uri.port_u16()) {
            Ok(None)
        } else {
            Err(Error::HttpRequestDenied)
        }
    }
}

type Sent = Result<(Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), Error>;

impl WasiHttpHooks for HttpHooks {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let target = match self.target(&request) {
            Ok(target) => target,
            Err(denied) => return Box::new(std::future::ready(Err(denied))),
        };
        let Some(target) = target else {
            return Box::new(async move {
                let (response, io) = default_send_request(request, options).await?;
                Ok((response.map(BodyExt::boxed_unsync), Box::new(io) as Box<_>))
            });
        };
        let internal = self.internal.get().and_then(Weak::upgrade);
        let limit = options.and_then(|o| o.first_byte_timeout).unwrap_or(FIRST_BYTE);
        Box::new(async move {
            let internal = internal.ok_or(Error::DestinationUnavailable)?;
            let response = tokio::time::timeout(limit, internal.call(target, request))
                .await
                .map_err(|_| Error::ConnectionReadTimeout)?;
            Ok((response, Box::new(std::future::ready(Ok(()))) as Box<_>))
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn target(allowed: &[&str], url: &str) -> Result<Option<Target>, String> {
        let allowed = Arc::new(AllowedHosts::parse(allowed).unwrap());
        let hooks = HttpHooks::new(allowed, InternalSlot::default());
        let body = http_body_util::Empty::new().map_err(Error::from).boxed_unsync();
        let request = Request::get(url).body(body).unwrap();
        hooks.target(&request).map_err(|e| format!("{e:?}"))
    }

    #[test]
    fn only_allowed_hosts_are_reached() {
        assert_eq!(target(&["https://example.com"], "https://example.com/x").unwrap(), None);
        assert_eq!(target(&["https://example.com"], "http://example.com/x").unwrap_err(), "HttpRequestDenied");
        assert_eq!(target(&[], "https://example.com/x").unwrap_err(), "HttpRequestDenied");
    }

    #[test]
    fn the_app_and_its_components_stay_inside() {
        assert_eq!(target(&["http://self"], "http://self.alt/a").unwrap(), Some(Target::Itself));
        assert_eq!(target(&["http://a.com"], "http://self.alt/a").unwrap_err(), "HttpRequestDenied");
        let back = target(&["http://back.spin.internal"], "http://back.spin.internal/a").unwrap();
        assert_eq!(back, Some(Target::Component("back".to_owned())));
        assert_eq!(target(&["http://x.spin.internal"], "http://back.spin.internal/").unwrap_err(), "HttpRequestDenied");
    }
}
