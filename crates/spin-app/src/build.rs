//! Which commands build an app: data only, running them is the caller's.

use std::path::PathBuf;

use crate::manifest::{Manifest, Source};

/// How one component is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildStep {
    /// Id of the component.
    pub component: String,
    /// Shell lines, run in order; the first that fails ends the build.
    pub commands: Vec<String>,
    /// Where they run.
    pub workdir: PathBuf,
    /// Globs relative to `workdir`: what the build depends on. Empty: everything but what is ignored.
    pub watch: Vec<String>,
    /// The wasm that must be there afterwards.
    pub output: Option<PathBuf>,
}

/// The builds of a manifest in the order of its components; those without a build command are left out.
pub fn build_steps(manifest: &Manifest) -> Vec<BuildStep> {
    let step = |component: &crate::manifest::Component| {
        let build = component.build.as_ref()?;
        Some(BuildStep {
            component: component.id.clone(),
            commands: build.command.clone(),
            workdir: build.workdir.as_ref().map_or_else(|| manifest.root().to_owned(), |d| manifest.root().join(d)),
            watch: build.watch.clone(),
            output: match &component.source.value {
                Source::Local(path) => Some(manifest.root().join(path)),
                Source::Remote { .. } | Source::Registry { .. } => None,
            },
        })
    };
    manifest.components.iter().filter_map(step).collect()
}
