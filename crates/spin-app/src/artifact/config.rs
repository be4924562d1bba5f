//! The config blob and the annotations.

use std::collections::BTreeMap;

use serde_json::json;

use super::{ArtifactOptions, LABEL_LOCKED_APP};
use crate::locked::AppMetadata;

/// The image config: enough for containerd to see a wasm image, and different for different apps.
pub(super) fn config(locked_app_digest: &str) -> Vec<u8> {
    let config = json!({
        "architecture": "wasm",
        "os": "wasip1",
        "config": { "Labels": { LABEL_LOCKED_APP: locked_app_digest } },
        "rootfs": { "type": "layers", "diff_ids": [] },
    });
    config.to_string().into_bytes()
}

/// Inferred from the app, as Spin does, and overridden by what was asked for.
pub(super) fn annotations(app: &AppMetadata, options: &ArtifactOptions) -> BTreeMap<String, String> {
    let created = options.created.map(|at| at.to_string()).unwrap_or_default();
    let inferred = [
        ("org.opencontainers.image.title", app.name.clone()),
        ("org.opencontainers.image.version", app.version.clone()),
        ("org.opencontainers.image.description", app.description.clone()),
        ("org.opencontainers.image.authors", app.authors.join(", ")),
        ("org.opencontainers.image.created", created),
    ];
    let mut annotations: BTreeMap<_, _> = inferred
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    annotations.extend(options.annotations.clone());
    annotations
}
