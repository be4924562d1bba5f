//! From an image manifest to what is in it: is this a Spin app, and which layers are what?

use oci_client::manifest::{OciDescriptor, OciImageManifest};
use serde::Deserialize;

use super::{LAYERS_MAX, MEDIA_TYPE_APP, MEDIA_TYPE_ARCHIVE, MEDIA_TYPE_DATA, MEDIA_TYPE_WASM, MEDIA_TYPE_WKG};

/// Largest manifest that is read, in bytes: what registries accept.
pub(crate) const MAX_MANIFEST: usize = 4 << 20;

/// Why a manifest is no Spin app.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnApp {
    /// The bytes are no manifest.
    #[error("it is no OCI image manifest ({0}); push the app with `spinkube-dev push` or `spin registry push`")]
    NoManifest(String),
    /// It lists images for several platforms.
    #[error("it is an image index, but a Spin app is a single image; name the image of the app itself")]
    Index,
    /// Its layers are file systems.
    #[error(
        "it is a container image, not a Spin app; push the app with `spinkube-dev push` or `spin registry push`, or run the image with an ordinary Deployment"
    )]
    Container,
    /// It has the form that Spin pushed before 2.0.
    #[error(
        "it was pushed by an old Spin, in a form that shims don't read; push it again with `spinkube-dev push` or `spin registry push`"
    )]
    Outdated,
    /// It has no layer of a Spin app.
    #[error("it has no layer of a Spin app; push the app with `spinkube-dev push` or `spin registry push`")]
    NoLayer,
}

/// The two forms of artifacts that a shim runs.
#[derive(Debug, Clone)]
pub enum AppKind {
    /// A Spin app; the descriptor is the locked app's.
    Spin(OciDescriptor),
    /// One component pushed by `wkg`: one HTTP trigger on `/...`.
    Wkg(OciDescriptor),
}

/// The layers of an app by what they hold.
#[derive(Debug, Clone)]
pub struct Description {
    /// Which form it has.
    pub kind: AppKind,
    /// Code of components.
    pub wasm: Vec<OciDescriptor>,
    /// Files.
    pub data: Vec<OciDescriptor>,
    /// Archives of files.
    pub archives: Vec<OciDescriptor>,
    /// The config.
    pub config: OciDescriptor,
    /// Title, version, ...
    pub annotations: std::collections::BTreeMap<String, String>,
}

/// Looks at a manifest's bytes.
pub fn describe(manifest: &[u8]) -> Result<Description, NotAnApp> {
    #[derive(Deserialize)]
    struct Probe {
        manifests: Option<serde::de::IgnoredAny>,
    }
    let no_manifest = |reason: String| NotAnApp::NoManifest(reason);
    if manifest.len() > MAX_MANIFEST {
        return Err(no_manifest("it is larger than 4 MiB".to_owned()));
    }
    let probe: Probe = serde_json::from_slice(manifest).map_err(|e| no_manifest(e.to_string()))?;
    if probe.manifests.is_some() {
        return Err(NotAnApp::Index);
    }
    let manifest: OciImageManifest = serde_json::from_slice(manifest).map_err(|e| no_manifest(e.to_string()))?;
    if manifest.layers.len() > LAYERS_MAX + 1 || manifest.layers.iter().any(|l| l.size < 0 || !is_digest(&l.digest)) {
        return Err(no_manifest("its layers are too many, or have no valid size and digest".to_owned()));
    }
    let of =
        |media_type| manifest.layers.iter().filter(move |l| l.media_type == media_type).cloned().collect::<Vec<_>>();
    let (apps, wasm, wkg) = (of(MEDIA_TYPE_APP), of(MEDIA_TYPE_WASM), of(MEDIA_TYPE_WKG));
    let kind = match (&apps[..], &wkg[..]) {
        ([.., app], _) => AppKind::Spin(app.clone()),
        ([], [component]) if manifest.layers.len() == 1 => AppKind::Wkg(component.clone()),
        _ if !wasm.is_empty() => return Err(NotAnApp::Outdated),
        _ if manifest
            .layers
            .iter()
            .any(|l| l.media_type.contains("rootfs") || l.media_type.contains("image.layer")) =>
        {
            return Err(NotAnApp::Container);
        }
        _ => return Err(NotAnApp::NoLayer),
    };
    Ok(Description {
        kind,
        wasm: wasm.into_iter().chain(wkg).collect(),
        data: of(MEDIA_TYPE_DATA),
        archives: of(MEDIA_TYPE_ARCHIVE),
        config: manifest.config,
        annotations: manifest.annotations.unwrap_or_default(),
    })
}

/// `sha256:<64 lower-case hex>`: safe in a file name.
pub(crate) fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

impl Description {
    /// Everything that has to be fetched to run the app.
    pub fn layers(&self) -> impl Iterator<Item = &OciDescriptor> {
        let app = match &self.kind {
            AppKind::Spin(app) => Some(app),
            AppKind::Wkg(_) => None,
        };
        app.into_iter().chain(&self.wasm).chain(&self.data).chain(&self.archives)
    }
}
