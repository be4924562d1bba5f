//! The paths that the host answers by itself, also for clients that send no Host header (probes).

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use spin_app::locked::AppMetadata;
use wasmtime_wasi_http::WasiBody;

use super::body;

/// Where they are.
pub(super) const PREFIX: &str = "/.well-known/spin/";

/// Answers below [`PREFIX`].
pub(super) struct WellKnown {
    info: Bytes,
}

#[derive(Serialize)]
struct Info<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    oci_image_digest: Option<&'a str>,
}

impl WellKnown {
    pub(super) fn new(metadata: &AppMetadata) -> Self {
        let info = Info {
            name: &metadata.name,
            version: &metadata.version,
            oci_image_digest: metadata.other.get("oci_image_digest").and_then(|d| d.as_str()),
        };
        let info = serde_json::to_vec_pretty(&info).expect("three strings always serialise");
        Self { info: info.into() }
    }

    /// The answer, if the path is one of the host's.
    pub(super) fn answer(&self, path: &str) -> Option<Response<WasiBody>> {
        Some(match path.strip_prefix(PREFIX)? {
            "health" => body::full(StatusCode::OK, Bytes::from_static(b"OK")),
            "info" => {
                let mut response = body::full(StatusCode::OK, self.info.clone());
                let json = HeaderValue::from_static("application/json");
                response.headers_mut().insert(header::CONTENT_TYPE, json);
                response
            }
            _ => body::empty(StatusCode::NOT_FOUND),
        })
    }
}

/// Whether a declared route can never be reached.
pub(super) fn is_reserved(route: &str) -> bool {
    route.starts_with(PREFIX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use http_body_util::BodyExt;

    async fn answer(metadata: &AppMetadata, path: &str) -> Option<(u16, String)> {
        let response = WellKnown::new(metadata).answer(path)?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Some((status, String::from_utf8(body.to_vec()).unwrap()))
    }

    #[tokio::test]
    async fn health_info_and_nothing_else() {
        let mut metadata = AppMetadata { name: "hello".to_owned(), ..AppMetadata::default() };
        assert_eq!(answer(&metadata, "/.well-known/spin/health").await.unwrap(), (200, "OK".to_owned()));
        insta::assert_snapshot!(answer(&metadata, "/.well-known/spin/info").await.unwrap().1, @r#"
        {
          "name": "hello"
        }
        "#);
        metadata.version = "1.0.0".to_owned();
        metadata.other.insert("oci_image_digest".to_owned(), "sha256:aa".into());
        insta::assert_snapshot!(answer(&metadata, "/.well-known/spin/info").await.unwrap().1, @r#"
        {
          "name": "hello",
          "version": "1.0.0",
          "oci_image_digest": "sha256:aa"
        }
        "#);
        assert_eq!(answer(&metadata, "/.well-known/spin/x").await.unwrap(), (404, String::new()));
        assert_eq!(answer(&metadata, "/.well-known/spin").await, None);
        assert_eq!(answer(&metadata, "/").await, None);
    }
}
