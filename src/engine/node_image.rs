//! Which image the nodes get: the user's choice, else the provider's own where it can be pulled, else one made here
//! of packages by the recipe that this program carries (`node-image/`).

use std::path::PathBuf;

use bollard::query_parameters as query;
use futures::TryStreamExt;
use miette::Diagnostic;
use thiserror::Error;

use super::{
    Engine,
    command::{CommandError, Run},
    docker::DockerError,
    parts::{Parts, PartsError},
};

/// The default image of the pinned kind (its `pkg/apis/config/defaults`), by digest so that a tag can't move under us.
const KIND_DEFAULT: &str =
    "kindest/node:v1.37.0@sha256:a1ed56cfb0e7b93589bdf97c8cd566405a265939e3620fc4f5de89adff580ae5";

/// The node image can't be had.
#[derive(Debug, Error, Diagnostic)]
pub enum NodeImageError {
    /// The recipe failed.
    #[error("building the node image failed: {source}")]
    #[diagnostic(help(
        "the log file has all that was printed; run `spinkube-dev node-image build` again: it goes on where it stopped"
    ))]
    Build {
        /// What the recipe said.
        source: CommandError,
    },
    /// The recipe named no image.
    #[error("the recipe of the node image ended without naming an image")]
    #[diagnostic(help("run `spinkube-dev node-image build --output text` and read what it printed"))]
    NoName,
    /// The parts that the program carries.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Parts(#[from] PartsError),
    /// The container engine.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Docker(#[from] DockerError),
}

/// The image that `up` uses when the user names none.
pub async fn choose(engine: &Engine, parts: &Parts) -> Result<String, NodeImageError> {
    if let Some(made_here) = present(engine, parts).await? {
        return Ok(made_here);
    }
    if let Some(pulled) = pull(engine).await {
        return Ok(pulled);
    }
    engine.events.notice("no node image can be pulled here: making one of packages (once, some minutes)");
    build(engine, parts).await
}

/// Makes the image by the recipe, unless it is there.
pub async fn build(engine: &Engine, parts: &Parts) -> Result<String, NodeImageError> {
    let run = Run::new(recipe(parts)?).env("SPINKUBE_DEV_CACHE", &engine.paths.cache);
    let lines = run.lines(|line| {
        tracing::info!(target: "node-image", "{line}");
        engine.events.progress("build the node image", line.trim());
    });
    let stdout = lines.await.map_err(|source| NodeImageError::Build { source })?;
    stdout.into_iter().rfind(|line| !line.trim().is_empty()).ok_or(NodeImageError::NoName)
}

/// The recipe's image when it is in the engine. Its reference is one of the parts: a machine that has the image needs
/// nothing of what the recipe needs, not even a shell.
pub async fn present(engine: &Engine, parts: &Parts) -> Result<Option<String>, NodeImageError> {
    let reference = String::from_utf8_lossy(&parts.bytes("node-image-reference")?).trim().to_owned();
    Ok(engine.docker.has_image(&reference).await?.then_some(reference))
}

/// kind's own image, where a registry serves it. That none does is no error here.
async fn pull(engine: &Engine) -> Option<String> {
    if engine.docker.has_image(KIND_DEFAULT).await.ok()? {
        return Some(KIND_DEFAULT.into());
    }
    let options = query::CreateImageOptionsBuilder::default().from_image(KIND_DEFAULT).build();
    let pulled = engine.docker.api().create_image(Some(options), None, None).try_for_each(|_| async { Ok(()) }).await;
    match pulled {
        Ok(()) => Some(KIND_DEFAULT.into()),
        Err(error) => {
            tracing::info!(%error, "kind's own node image can't be pulled");
            None
        }
    }
}

fn recipe(parts: &Parts) -> Result<PathBuf, PartsError> {
    parts.path("node-image/build")
}

#[cfg(test)]
mod tests {
    /// A newer kind has another default image, which `KIND_DEFAULT` must follow.
    #[test]
    fn the_default_image_is_that_of_the_pinned_kind() {
        let pinned = include_str!("../../node-image/kind/go.mod");
        assert!(pinned.contains("sigs.k8s.io/kind v0.33.0 "), "kind moved: update KIND_DEFAULT and this test");
    }
}
