//! A single component pushed with `wkg oci push`: it answers every HTTP path.

use spin_app::locked::{AppMetadata, ContentRef, LockedApp, LockedComponent, LockedComponentSource, LockedTrigger};

use super::{Anchor, Code, Files, Found, Manifest};

/// Name of the synthesised app and of its component.
const NAME: &str = "wasm-component";

pub(super) fn load(digest: &str, manifest: Manifest) -> Found {
    let source = LockedComponentSource {
        content: ContentRef { digest: Some(digest.to_owned()), ..ContentRef::default() },
        ..LockedComponentSource::default()
    };
    let app = LockedApp {
        metadata: AppMetadata { name: NAME.to_owned(), ..AppMetadata::default() },
        triggers: vec![LockedTrigger {
            id: format!("{NAME}-http-trigger"),
            trigger_type: "http".to_owned(),
            trigger_config: serde_json::json!({"component": NAME, "route": "/..."}),
            ..LockedTrigger::default()
        }],
        components: vec![LockedComponent { id: NAME.to_owned(), source, ..LockedComponent::default() }],
        ..LockedApp::default()
    };
    let code = vec![Code { component: NAME.to_owned(), digest: digest.to_owned(), file: None }];
    Found { app, code, files: Files::Layers(manifest), anchor: Anchor::Layer }
}
