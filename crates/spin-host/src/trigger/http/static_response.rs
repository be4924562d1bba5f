//! Answers that need no guest.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde::Deserialize;
use wasmtime_wasi_http::WasiBody;

use super::body;

/// `static_response` of a trigger.
#[derive(Debug, Deserialize)]
pub(super) struct StaticConfig {
    status_code: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<String>,
}

/// The answer, checked.
#[derive(Debug)]
pub(super) struct StaticResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl StaticResponse {
    /// Names the part that is not valid HTTP.
    pub(super) fn new(config: &StaticConfig) -> Result<Self, &'static str> {
        let mut headers = HeaderMap::new();
        for (name, value) in &config.headers {
            headers.insert(
                HeaderName::try_from(name).map_err(|_| "header name")?,
                HeaderValue::try_from(value).map_err(|_| "header value")?,
            );
        }
        let status = match config.status_code {
            None => StatusCode::OK,
            Some(code) => StatusCode::from_u16(code).map_err(|_| "status_code")?,
        };
        Ok(Self { status, headers, body: config.body.clone().unwrap_or_default().into() })
    }

    pub(super) fn answer(&self) -> Response<WasiBody> {
        let mut response = body::full(self.status, self.body.clone());
        *response.headers_mut() = self.headers.clone();
        response
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn answers_as_configured() {
        let config = r#"{"status_code": 302, "headers": {"location": "/x"}, "body": "moved"}"#;
        let answer = StaticResponse::new(&serde_json::from_str(config).unwrap()).unwrap().answer();
        assert_eq!(answer.status(), 302);
        assert_eq!(answer.headers()["location"], "/x");
        let plain = StaticResponse::new(&serde_json::from_str("{}").unwrap()).unwrap().answer();
        assert_eq!(plain.status(), 200);
    }

    #[test]
    fn refuses_what_is_no_http() {
        let refused = |json| StaticResponse::new(&serde_json::from_str(json).unwrap()).unwrap_err();
        assert_eq!(refused(r#"{"status_code": 9}"#), "status_code");
        assert_eq!(refused(r#"{"headers": {"a b": ""}}"#), "header name");
        assert_eq!(refused(r#"{"headers": {"a": "\n"}}"#), "header value");
    }
}
