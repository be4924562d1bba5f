//! What guests are told about a request, in headers.

use std::net::SocketAddr;

use http::header::HOST;
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};
use wasmtime_wasi_http::WasiBody;

use super::routes::Matched;

const PATH_INFO: HeaderName = HeaderName::from_static("spin-path-info");
const FULL_URL: HeaderName = HeaderName::from_static("spin-full-url");
const MATCHED_ROUTE: HeaderName = HeaderName::from_static("spin-matched-route");
const BASE_PATH: HeaderName = HeaderName::from_static("spin-base-path");
const RAW_COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-raw-component-route");
const COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-component-route");
const CLIENT_ADDR: HeaderName = HeaderName::from_static("spin-client-addr");
const PATH_MATCH: &str = "spin-path-match-";

/// Suffix of hosts that only components of the app may address.
const INTERNAL: &str = ".spin.internal";

/// A request that doesn't say clearly whom it is for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoAuthority;

/// Takes away a Host header that pretends to come from a component of the app.
pub(super) fn strip_internal_host(request: &mut Request<WasiBody>) {
    let internal = |host: &HeaderValue| {
        host.to_str().is_ok_and(|host| {
            let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
            name.to_ascii_lowercase().ends_with(INTERNAL)
        })
    };
    if request.headers().get(HOST).is_some_and(internal) {
        request.headers_mut().remove(HOST);
    }
}

/// Whom a request is for: the URI's authority, the Host header, or both when they agree.
pub(super) fn authority(request: &Request<WasiBody>) -> Result<Authority, NoAuthority> {
    let header = match request.headers().get(HOST) {
        None => None,
        Some(host) => Some(Authority::try_from(host.as_bytes()).map_err(|_| NoAuthority)?),
    };
    match (header, request.uri().authority()) {
        (Some(header), Some(uri)) if header != *uri => Err(NoAuthority),
        (Some(authority), _) => Ok(authority),
        (None, Some(authority)) => Ok(authority.clone()),
        (None, None) => Err(NoAuthority),
    }
}

/// Makes the URI whole and sets the `spin-*` headers; clients can't set them.
pub(super) fn set<T>(
    request: &mut Request<WasiBody>,
    authority: &Authority,
    matched: &Matched<'_, T>,
    client: SocketAddr,
) {
    let path = request.uri().path_and_query().map_or("/", |p| p.as_str());
    let full_url = format!("http://{authority}{path}");
    let mut parts = request.uri().clone().into_parts();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(authority.clone());
    parts.path_and_query.get_or_insert(http::uri::PathAndQuery::from_static("/"));
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
    let headers = request.headers_mut();
    strip_matches(headers);
    insert(headers, PATH_INFO, &matched.path_info);
    insert(headers, FULL_URL, &full_url);
    headers.insert(MATCHED_ROUTE, matched.route.matched.clone());
    headers.insert(BASE_PATH, HeaderValue::from_static("/"));
    headers.insert(RAW_COMPONENT_ROUTE, matched.route.raw.clone());
    headers.insert(COMPONENT_ROUTE, matched.route.prefix.clone());
    insert(headers, CLIENT_ADDR, &client.to_string());
    for (name, value) in &matched.named {
        let name = format!("{PATH_MATCH}{}", name.replace('_', "-"));
        if let Ok(name) = HeaderName::try_from(name) {
            insert(headers, name, value);
        }
    }
}

fn strip_matches(headers: &mut HeaderMap) {
    let forged: Vec<HeaderName> =
        headers.keys().filter(|name| name.as_str().starts_with(PATH_MATCH)).cloned().collect();
    for name in forged {
        headers.remove(name);
    }
}

/// Parts of a URI are valid header text; anything else is left out.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::trigger::http::body;
    use crate::trigger::http::routes::Routes;

    fn request(uri: &str, headers: &[(&str, &str)]) -> Request<WasiBody> {
        let mut request = Request::get(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(body::empty(http::StatusCode::OK).into_body()).unwrap()
    }

    /// All `spin-*` headers after routing, one a line.
    fn seen(route: &str, mut request: Request<WasiBody>) -> String {
        let mut routes = Routes::new();
        routes.add(route, ()).unwrap();
        let authority = authority(&request).unwrap();
        let path = request.uri().path().to_owned();
        set(&mut request, &authority, &routes.find(&path).unwrap(), "10.0.0.7:4711".parse().unwrap());
        let mut lines: Vec<String> = request
            .headers()
            .iter()
            .filter(|(name, _)| name.as_str().starts_with("spin-"))
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        lines.sort();
        lines.push(format!("uri {}", request.uri()));
        lines.join("\n")
    }

    #[test]
    fn exactly_spins_headers() {
        let request = request(
            "/base/Seven/x/y/?a=1",
            &[("host", "example.com:81"), ("spin-path-match-forged", "1"), ("spin-full-url", "forged")],
        );
        insta::assert_snapshot!(seen("/base/:User_Id/...", request), @r"
        spin-base-path: /
        spin-client-addr: 10.0.0.7:4711
        spin-component-route: /base/:User_Id
        spin-full-url: http://example.com:81/base/Seven/x/y/?a=1
        spin-matched-route: /base/:User_Id/...
        spin-path-info: /x/y/
        spin-path-match-user-id: Seven
        spin-raw-component-route: /base/:User_Id/...
        uri http://example.com:81/base/Seven/x/y/?a=1
        ");
    }

    #[test]
    fn exact_routes() {
        insta::assert_snapshot!(seen("/", request("http://a/", &[])), @r"
        spin-base-path: /
        spin-client-addr: 10.0.0.7:4711
        spin-component-route: /
        spin-full-url: http://a/
        spin-matched-route: 
        spin-path-info: 
        spin-raw-component-route: /
        uri http://a/
        ");
    }

    #[test]
    fn one_authority_is_needed_and_two_must_agree() {
        assert_eq!(authority(&request("/", &[])), Err(NoAuthority));
        assert_eq!(authority(&request("/", &[("host", "a")])).unwrap(), "a");
        assert_eq!(authority(&request("http://a/", &[])).unwrap(), "a");
        assert_eq!(authority(&request("http://a/", &[("host", "a")])).unwrap(), "a");
        assert_eq!(authority(&request("http://a/", &[("host", "b")])), Err(NoAuthority));
        assert_eq!(authority(&request("/", &[("host", "a b")])), Err(NoAuthority));
    }

    #[test]
    fn internal_hosts_come_from_components_only() {
        for host in ["back.spin.internal", "BACK.spin.internal:80"] {
            let mut request = request("/", &[("host", host)]);
            strip_internal_host(&mut request);
            assert!(!request.headers().contains_key(HOST), "{host}");
        }
        let mut kept = request("/", &[("host", "spin.internal.example.com")]);
        strip_internal_host(&mut kept);
        assert!(kept.headers().contains_key(HOST));
    }
}
