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
    to_registry(engine, registry, reference, &app).await?;
    Ok(())
}

/// Pushes a prebuilt app and returns the image by which nodes pull it.
pub async fn push_for_nodes(engine: &Engine, registry: &str, source: &Source) -> Result<String, AppError> {
    let Source::Manifest { path, .. } = source else { return Err(AppError::Interrupted) };
    for_nodes(engine, registry, &pack(engine, Manifest::load(path)?).await?).await
}

/// Pushes an app, unless it is in a registry already, and returns the image by which nodes pull it.
pub(super) async fn for_nodes(engine: &Engine, registry: &str, app: &Prepared) -> Result<String, AppError> {
    match &app.content {
        Content::Pushed(image) => Ok(image.clone()),
        Content::Packed { .. } => to_registry(engine, registry, None, app).await,
    }
}

async fn to_registry(
    engine: &Engine,
    registry: &str,
    reference: Option<&str>,
    app: &Prepared,
) -> Result<String, AppError> {
    let Content::Packed { artifact, tag } = &app.content else { return Err(AppError::NoRegistry) };
    let reference = reference.map_or_else(|| format!("{registry}/{}:{tag}", app.name), str::to_owned);
    let pushing = async {
        let registry = Registry::new(&reference, Credentials::Stored, false).map_err(AppError::Push)?;
        let Pushed { digest, pinned, uploaded, .. } = registry.push(artifact, &|_| ()).await.map_err(AppError::Push)?;
        engine.events.emit(Event::Pushed {
            app: app.name.clone(),
            reference: registry.reference(),
            digest,
            uploaded_bytes: uploaded,
        });
        Ok(pinned)
    };
    engine.events.step(&format!("push {}", app.name), pushing).await
}
