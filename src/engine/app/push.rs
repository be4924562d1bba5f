//! Pushes an app as `spin registry push` does.

use spin_app::{
    manifest::Manifest,
    registry::{Credentials, Pushed, Registry},
};

use super::{
    AppError, Source, build,
    prepare::{Content, Prepared, pack},
};
use crate::engine::{Engine, event::Event};

/// Pushes the app of a manifest to `reference`, else to `registry` under its name and version, and says so with
/// [`Event::Pushed`]. Builds first only when `build` says so.
pub async fn push(
    engine: &Engine,
    source: &Source,
    registry: &str,
    reference: Option<&str>,
    build: bool,
) -> Result<(), AppError> {
    let Source::Manifest { path, .. } = source else { return Ok(()) };
    let manifest = Manifest::load(path)?;
    if build {
        build::build_if_needed(engine, &manifest).await?;
    }
    let app = pack(engine, manifest).await?;
    let reference = reference.map_or_else(|| local(registry, &app), str::to_owned);
    let pushing = to_registry(&reference, &app);
    let (reference, pushed) = engine.events.step(&format!("push {}", app.name), pushing).await?;
    engine.events.emit(Event::Pushed {
        app: app.name,
        reference,
        digest: pushed.digest,
        uploaded_bytes: pushed.uploaded,
    });
    Ok(())
}

/// Pushes a prebuilt app, as part of a step that has a name already, and returns the image by which nodes pull it.
pub async fn push_for_nodes(engine: &Engine, registry: &str, source: &Source) -> Result<String, AppError> {
    let Source::Manifest { path, .. } = source else { return Err(AppError::Interrupted) };
    let app = pack(engine, Manifest::load(path)?).await?;
    Ok(to_registry(&local(registry, &app), &app).await?.1.pinned)
}

/// Pushes an app, unless it is in a registry already, and returns the image by which nodes pull it.
pub(super) async fn for_nodes(engine: &Engine, registry: &str, app: &Prepared) -> Result<String, AppError> {
    match &app.content {
        Content::Pushed(image) => Ok(image.clone()),
        Content::Packed { .. } => {
            let reference = local(registry, app);
            let pushing = to_registry(&reference, app);
            Ok(engine.events.step(&format!("push {}", app.name), pushing).await?.1.pinned)
        }
    }
}

/// Where an app goes in the cluster's registry.
fn local(registry: &str, app: &Prepared) -> String {
    match &app.content {
        Content::Packed { tag, .. } => format!("{registry}/{}:{tag}", app.name),
        Content::Pushed(image) => image.clone(),
    }
}

/// Returns the full reference, too.
async fn to_registry(reference: &str, app: &Prepared) -> Result<(String, Pushed), AppError> {
    let Content::Packed { artifact, .. } = &app.content else { return Err(AppError::NoRegistry) };
    let registry = Registry::new(reference, Credentials::Stored, false).map_err(AppError::Push)?;
    let pushed = registry.push(artifact, &|_| ()).await.map_err(AppError::Push)?;
    Ok((registry.reference(), pushed))
}
