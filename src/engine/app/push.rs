//! Packs an app as Spin packs it, and pushes it.

use std::path::Path;

use oci_client::Reference;
use spin_app::{
    locked::{LockedMap, Variable},
    manifest::Manifest,
};

use super::{AppError, DeployOptions, Source, build, name};
use crate::engine::{Engine, event::Event};

/// An app that can be pushed and deployed: built, read and checked.
#[derive(Debug)]
pub struct Prepared {
    /// Its name in Kubernetes.
    pub name: String,
    /// What it takes at deploy time; `None` where that is not known.
    pub(super) variables: Option<LockedMap<Variable>>,
    /// Whether it answers HTTP.
    pub(super) serves_http: bool,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Manifest(Manifest),
    Image(String),
}

/// Builds what must be built and reads the app: all of a deploy that needs no cluster.
pub async fn prepare(engine: &Engine, source: &Source, options: &DeployOptions) -> Result<Prepared, AppError> {
    unimplemented!()
}
/// x
pub async fn push(engine: &Engine, source: &Source, registry: &str, reference: Option<&str>, build: bool) -> Result<String, AppError> {
    unimplemented!()
}
/// x
pub async fn push_for_nodes(engine: &Engine, registry: &str, source: &Source) -> Result<String, AppError> {
    unimplemented!()
}
pub(super) async fn for_nodes(engine: &Engine, registry: &str, app: &Prepared) -> Result<String, AppError> {
    unimplemented!()
}
