//! A Spin OCI artifact: a locked app whose contents are layers.

use spin_app::locked::{LockedApp, LockedComponent};

use crate::containerd::{Containerd, Root};

use super::{Anchor, Code, Error, Files, Found, Manifest};

/// A locked app is at most this long. Files of at most 128 bytes are in it, up to a layer's worth each.
const LIMIT: u64 = 32 << 20;

pub(super) async fn load(
    containerd: &Containerd,
    root: Option<&Root>,
    layer: &str,
    manifest: Manifest,
) -> Result<Found, Error> {
    let app = LockedApp::from_json(&containerd.read(root, layer, LIMIT).await?)?;
    let code = app.components.iter().map(|component| code(component, &manifest)).collect::<Result<_, _>>()?;
    Ok(Found { app, code, files: Files::Layers(manifest), anchor: Anchor::Layer })
}

fn code(component: &LockedComponent, manifest: &Manifest) -> Result<Code, Error> {
    let wrong = |reason: String| Error::Source { component: component.id.clone(), reason };
    if let Some(import) = component.dependencies.keys().chain(component.trigger_dependencies.keys()).next() {
        return Err(wrong(format!(
            "its dependency `{import}` was not composed into it when it was pushed, and this host doesn't compose; \
             push the app with `--compose=true` (the default)"
        )));
    }
    let digest = component.source.content.digest.clone().ok_or_else(|| {
        wrong(
            "its code is not a layer of the artifact; push the app again with a current spin or spinkube-dev"
                .to_owned(),
        )
    })?;
    if !manifest.has_wasm(&digest) {
        return Err(wrong(format!("its code {digest} is no wasm layer of the artifact; push the app again")));
    }
    Ok(Code { component: component.id.clone(), digest, file: None })
}
