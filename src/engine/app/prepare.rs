//! Reads an app, whatever it comes from: all of a deploy that needs no cluster.

use oci_client::Reference;
use spin_app::{
    artifact::{Artifact, ArtifactOptions, NotAnApp},
    locked::{LockedApp, LockedMap, Variable},
    manifest::Manifest,
    registry::{Credentials, Registry, RegistryErrorKind, Remote},
};

use super::{AppError, DeployOptions, Source, build, name, secrets::read_runtime_config};
use crate::engine::Engine;

/// The trigger type of apps that answer HTTP.
const HTTP: &str = "http";

/// An app that can be pushed and deployed: built, read and checked.
#[derive(Debug)]
pub struct Prepared {
    /// Its name in Kubernetes.
    pub name: String,
    /// What it takes at deploy time; `None` where that is not known.
    pub(super) variables: Option<LockedMap<Variable>>,
    /// Whether it answers HTTP.
    pub(super) serves_http: bool,
    pub(super) content: Content,
}

/// Where the app's bytes are.
#[derive(Debug)]
pub(super) enum Content {
    /// On this machine.
    Packed {
        /// As it is pushed.
        artifact: Box<Artifact>,
        /// The tag that it gets.
        tag: String,
    },
    /// In a registry, by digest where that is known.
    Pushed(String),
}

/// Builds what must be built, and checks all that can be checked without a cluster.
pub async fn prepare(engine: &Engine, source: &Source, options: &DeployOptions) -> Result<Prepared, AppError> {
    options.runtime_config.as_deref().map(read_runtime_config).transpose()?;
    let prepared = match source {
        Source::Manifest { path, prebuilt } => {
            let manifest = Manifest::load(path)?;
            // Before a build that takes its time, and that may print what it was given.
            let resolved = options.variables.resolve(&manifest.application.name, Some(&manifest.variables))?;
            for (_, value) in resolved.secret.iter() {
                engine.events.keep_secret(value);
            }
            if !prebuilt {
                build::build_if_needed(engine, &manifest).await?;
            }
            pack(engine, manifest).await?
        }
        Source::Image(reference) => inspect(engine, reference).await?,
    };
    options.variables.resolve(&prepared.name, prepared.variables.as_ref())?;
    Ok(prepared)
}

/// Locks an app and hashes its files.
pub(super) async fn pack(engine: &Engine, manifest: Manifest) -> Result<Prepared, AppError> {
    let app = manifest.application.name.clone();
    let name = name::kubernetes(&app)?;
    let downloads = engine.paths.cache.join("downloads");
    spin_app::download(&manifest, &downloads).await?;
    let packed = tokio::task::spawn_blocking(move || {
        let locked = spin_app::lock(&manifest, &downloads)?;
        let artifact = Artifact::build(&locked, &ArtifactOptions::default());
        artifact.map_err(|reason| AppError::Pack { app, reason })
    });
    let artifact = packed.await.map_err(|_| AppError::Interrupted)??;
    Ok(Prepared {
        name,
        variables: Some(artifact.app.variables.clone()),
        serves_http: serves_http(&artifact.app),
        content: Content::Packed {
            tag: name::tag(&artifact.app.metadata.version).into(),
            artifact: Box::new(artifact),
        },
    })
}

/// What a reference names. Where this machine can't look but a node may, the app is taken as it is.
async fn inspect(engine: &Engine, reference: &Reference) -> Result<Prepared, AppError> {
    let whole = reference.whole();
    let last = reference.repository().rsplit('/').next().unwrap_or_default();
    let prepared = |name, app: Option<&LockedApp>, image| Prepared {
        name,
        variables: app.map(|app| app.variables.clone()),
        serves_http: app.is_none_or(serves_http),
        content: Content::Pushed(image),
    };
    let name = name::kubernetes(last)?;
    let registry = Registry::new(&whole, Credentials::Stored, false).map_err(AppError::Read)?;
    match registry.inspect().await {
        Ok(Remote { digest, app: Some(app), .. }) => Ok(prepared(name, Some(&app), registry.pinned(&digest))),
        // A component without an app around it takes no variables.
        Ok(Remote { digest, .. }) => {
            Ok(Prepared { variables: Some(LockedMap::new()), ..prepared(name, None, registry.pinned(&digest)) })
        }
        Err(error) => match error.kind {
            RegistryErrorKind::NotAnApp(NotAnApp::Container | NotAnApp::Index) => {
                engine.events.notice(format!("{whole} is a container image: it runs if there is a spin.toml in it"));
                Ok(prepared(name, None, whole))
            }
            RegistryErrorKind::NotAnApp(why) => Err(AppError::NotSpinApp { reference: whole, reason: why.to_string() }),
            RegistryErrorKind::Unreachable(_) | RegistryErrorKind::Unauthorised(_) | RegistryErrorKind::Tls(_) => {
                engine.events.warn(
                    format!("{error}"),
                    "the app is deployed unread: the nodes may reach what this machine can't",
                );
                Ok(prepared(name, None, whole))
            }
            _ => Err(AppError::Read(error)),
        },
    }
}

fn serves_http(app: &LockedApp) -> bool {
    app.triggers_of(HTTP).next().is_some()
}
