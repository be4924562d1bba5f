//! An image's manifest and config, as far as they tell what it is. Both are hostile input.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use spin_app::artifact::{
    MEDIA_TYPE_APP as SPIN_CONFIG, MEDIA_TYPE_ARCHIVE as SPIN_ARCHIVE, MEDIA_TYPE_DATA as SPIN_DATA,
    MEDIA_TYPE_WASM as SPIN_WASM, MEDIA_TYPE_WKG as WKG_WASM,
};

use crate::containerd::{Containerd, Root, Target};

use super::Error;

/// Manifests, indexes and configs are at most this long: containerd's own limit for a manifest.
const LIMIT: u64 = 8 << 20;
/// An artifact has at most this many layers: Spin stops at 500.
const MAX_LAYERS: usize = 1000;

/// What a manifest says about one blob.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    /// What it is.
    #[serde(default)]
    pub(crate) media_type: String,
    /// `sha256:...`
    pub(crate) digest: String,
    /// For which machine, in an index.
    #[serde(default)]
    platform: Option<Platform>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Platform {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    os: String,
}

#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    manifests: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct ManifestFile {
    config: Descriptor,
    #[serde(default)]
    layers: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct ImageConfig {
    #[serde(default)]
    architecture: String,
}

/// An image's manifest with the architecture of its config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// Digest of the config.
    pub(crate) config: String,
    /// From the config: `wasm`, `amd64`, ...
    architecture: String,
    /// All layers.
    pub(crate) layers: Vec<Descriptor>,
}

/// What an image is, as far as its manifest tells.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind<'a> {
    /// A Spin artifact, with the layer of its locked app.
    Spin(&'a Descriptor),
    /// A single component.
    Wkg(&'a Descriptor),
    /// Wasm layers that are neither: what was found.
    OtherWasm(String),
    /// An ordinary container image.
    Container,
}

impl Manifest {
    /// Reads the manifest that an image's name points to, through an index if it points to one.
    pub(super) async fn read(containerd: &Containerd, root: Option<&Root>, target: Target) -> Result<Self, Error> {
        let mut digest = target.digest;
        if is_index(&target.media_type) {
            let index: Index = read(containerd, root, &digest, "index").await?;
            let chosen = choose(&index.manifests).ok_or_else(|| {
                Error::NotSpin(format!(
                    "its index has no manifest for wasm or for this node ({})",
                    std::env::consts::ARCH
                ))
            })?;
            digest.clone_from(&chosen.digest);
        }
        let file: ManifestFile = read(containerd, root, &digest, "manifest").await?;
        if file.layers.len() > MAX_LAYERS {
            let reason = format!("it has {} layers, more than {MAX_LAYERS}", file.layers.len());
            return Err(Error::Json { what: "manifest", digest, reason });
        }
        let config: ImageConfig = read(containerd, root, &file.config.digest, "config").await?;
        Ok(Self { config: file.config.digest, architecture: config.architecture, layers: file.layers })
    }

    /// What the image is. Anything that isn't for `wasm`, or has no wasm layer at all, is a container image.
    pub(crate) fn kind(&self) -> Kind<'_> {
        let is_wasm = |layer: &&Descriptor| {
            [SPIN_CONFIG, SPIN_WASM, SPIN_DATA, SPIN_ARCHIVE, WKG_WASM].contains(&layer.media_type.as_str())
        };
        let wasm: Vec<_> = self.layers.iter().filter(is_wasm).collect();
        if self.architecture != "wasm" || wasm.is_empty() {
            return Kind::Container;
        }
        if let Some(layer) = wasm.iter().find(|layer| layer.media_type == SPIN_CONFIG) {
            return Kind::Spin(layer);
        }
        match wasm.as_slice() {
            [layer] if layer.media_type == WKG_WASM => Kind::Wkg(layer),
            layers => Kind::OtherWasm(format!("it has {} wasm layers and no locked app", layers.len())),
        }
    }

    /// Whether a layer with this digest holds wasm.
    pub(super) fn has_wasm(&self, digest: &str) -> bool {
        self.layers
            .iter()
            .any(|layer| layer.digest == digest && [SPIN_WASM, WKG_WASM].contains(&layer.media_type.as_str()))
    }

    /// Digests of the layers that hold one file each.
    pub(crate) fn data(&self) -> impl Iterator<Item = &str> {
        self.layers.iter().filter(|layer| layer.media_type == SPIN_DATA).map(|layer| layer.digest.as_str())
    }

    /// Digests of the layers that hold archives of files.
    pub(crate) fn archives(&self) -> impl Iterator<Item = &str> {
        self.layers.iter().filter(|layer| layer.media_type == SPIN_ARCHIVE).map(|layer| layer.digest.as_str())
    }
}

fn is_index(media_type: &str) -> bool {
    ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"]
        .contains(&media_type)
}

/// containerd unpacks the manifest for the node's platform if there is one; wasm is for any node.
fn choose(manifests: &[Descriptor]) -> Option<&Descriptor> {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let with = |wanted: &str, os: Option<&str>| {
        manifests.iter().find(|manifest| {
            manifest.platform.as_ref().is_some_and(|p| p.architecture == wanted && os.is_none_or(|os| p.os == os))
        })
    };
    with(architecture, Some("linux")).or_else(|| with("wasm", None)).or(match manifests {
        [only] => Some(only),
        _ => None,
    })
}

async fn read<T: DeserializeOwned>(
    containerd: &Containerd,
    root: Option<&Root>,
    digest: &str,
    what: &'static str,
) -> Result<T, Error> {
    let bytes = containerd.read(root, digest, LIMIT).await?;
    serde_json::from_slice(&bytes).map_err(|e| Error::Json { what, digest: digest.to_owned(), reason: e.to_string() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn manifest(architecture: &str, layers: &[&str]) -> Manifest {
        let layers = layers.iter().enumerate().map(|(i, media_type)| Descriptor {
            media_type: (*media_type).to_owned(),
            digest: format!("sha256:{i}"),
            platform: None,
        });
        Manifest { config: String::new(), architecture: architecture.to_owned(), layers: layers.collect() }
    }

    #[test]
    fn images_are_told_apart() {
        let spin = manifest("wasm", &[SPIN_WASM, SPIN_DATA, SPIN_CONFIG]);
        assert_eq!(spin.kind(), Kind::Spin(&spin.layers[2]));
        let wkg = manifest("wasm", &[WKG_WASM]);
        assert_eq!(wkg.kind(), Kind::Wkg(&wkg.layers[0]));
        assert!(matches!(manifest("wasm", &[WKG_WASM, WKG_WASM]).kind(), Kind::OtherWasm(_)));
        assert!(matches!(manifest("wasm", &[SPIN_WASM]).kind(), Kind::OtherWasm(_)));
        let tar = "application/vnd.oci.image.layer.v1.tar+gzip";
        assert_eq!(manifest("wasm", &[tar]).kind(), Kind::Container);
        assert_eq!(manifest("amd64", &[tar]).kind(), Kind::Container);
        assert_eq!(manifest("amd64", &[SPIN_WASM, SPIN_CONFIG]).kind(), Kind::Container);
    }

    #[test]
    fn an_index_gives_this_node_s_manifest_then_wasm() {
        let entry = |architecture: &str, os: &str| {
            serde_json::from_value::<Descriptor>(serde_json::json!({
                "digest": format!("sha256:{architecture}"), "platform": {"architecture": architecture, "os": os}
            }))
            .unwrap()
        };
        let node = if std::env::consts::ARCH == "x86_64" { "amd64" } else { "arm64" };
        let both = [entry("wasm", "wasip1"), entry(node, "linux"), entry("s390x", "linux")];
        assert_eq!(choose(&both).unwrap(), &both[1]);
        assert_eq!(choose(&[entry("s390x", "linux"), entry("wasm", "Wasip1")]).unwrap().digest, "sha256:wasm");
        assert_eq!(choose(&[entry("s390x", "linux"), entry("ppc64le", "linux")]), None);
    }
}
