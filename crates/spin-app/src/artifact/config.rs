//! The config blob and the annotations.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{ArtifactOptions, LABEL_LOCKED_APP};
use crate::locked::AppMetadata;

/// Typed, so that the order of its bytes is fixed here and nowhere else.
#[derive(Serialize)]
struct ImageConfig<'a> {
    architecture: &'static str,
    os: &'static str,
    config: Settings<'a>,
    rootfs: RootFs,
}

#[derive(Serialize)]
struct Settings<'a> {
    #[serde(rename = "Labels")]
    labels: BTreeMap<&'static str, &'a str>,
}

#[derive(Serialize)]
struct RootFs {
    #[serde(rename = "type")]
    kind: &'static str,
    diff_ids: [&'static str; 0],
}

/// The image config: enough for containerd to see a wasm image, and different for different apps.
pub(super) fn config(locked_app_digest: &str) -> Vec<u8> {
    let config = ImageConfig {
        architecture: "wasm",
        os: "wasip1",
        config: Settings { labels: [(LABEL_LOCKED_APP, locked_app_digest)].into() },
        rootfs: RootFs { kind: "layers", diff_ids: [] },
    };
    serde_json::to_vec(&config).expect("string keys and plain values always serialise")
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
