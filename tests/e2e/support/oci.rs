//! Pushes artifacts by hand, as hostile or careless people do: no check of ours is in between.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::http::request;

/// A blob with its media type.
pub(crate) struct Blob<'a> {
    pub(crate) media_type: &'a str,
    pub(crate) bytes: &'a [u8],
}

/// Pushes an image of these layers; returns its reference.
pub(crate) fn push(registry: &str, name: &str, config: &Blob<'_>, layers: &[Blob<'_>]) -> String {
    let described: Vec<_> = layers.iter().map(|layer| upload(registry, name, layer)).collect();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": upload(registry, name, config),
        "layers": described,
    });
    let url = format!("http://{registry}/v2/{name}/manifests/v1");
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let answer = request("PUT", &url, kind, manifest.to_string().as_bytes()).unwrap();
    assert_eq!(answer.status, 201, "{answer:?}");
    format!("{registry}/{name}:v1")
}

/// An artifact as Spin pushes it, of an app with one component.
pub(crate) fn push_app(registry: &str, name: &str, code: &[u8]) -> String {
    let config = json!({ "architecture": "wasm", "os": "wasip1", "rootfs": { "type": "layers", "diff_ids": [] } });
    let app = json!({
        "spin_lock_version": 1,
        "metadata": { "name": name, "version": "0.1.0" },
        "triggers": [{
            "id": "trigger--main", "trigger_type": "http", "trigger_config": { "component": "main", "route": "/..." },
        }],
        "components": [{
            "id": "main",
            "source": { "content_type": "application/wasm", "digest": digest(code) },
        }],
    });
    let (config, app) = (config.to_string(), app.to_string());
    let config = Blob { media_type: "application/vnd.oci.image.config.v1+json", bytes: config.as_bytes() };
    let code = Blob { media_type: "application/vnd.wasm.content.layer.v1+wasm", bytes: code };
    let app = Blob { media_type: "application/vnd.fermyon.spin.application.v1+config", bytes: app.as_bytes() };
    push(registry, name, &config, &[code, app])
}

fn upload(registry: &str, name: &str, blob: &Blob<'_>) -> Value {
    let digest = digest(blob.bytes);
    let begun = request("POST", &format!("http://{registry}/v2/{name}/blobs/uploads/"), "", &[]).unwrap();
    assert_eq!(begun.status, 202, "{begun:?}");
    let place = begun.header("location").unwrap();
    let place = if place.starts_with('/') { format!("http://{registry}{place}") } else { place.to_owned() };
    let join = if place.contains('?') { '&' } else { '?' };
    let put = request("PUT", &format!("{place}{join}digest={digest}"), "application/octet-stream", blob.bytes).unwrap();
    assert_eq!(put.status, 201, "{put:?}");
    json!({ "mediaType": blob.media_type, "digest": digest, "size": blob.bytes.len() })
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}
