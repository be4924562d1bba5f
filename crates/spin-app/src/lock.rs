//! From a manifest to a locked app whose contents are files on this machine.
//!
//! Spin copies a component's files to a folder and mounts that. Here each file is its own entry, with the path that the
//! guest sees and the `file:` URL of the original: nothing is copied, and the artifact reads each file once.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

mod error;
mod files;

pub use error::LockError;

use crate::{
    locked::{
        AppMetadata, ComponentMetadata, ContentRef, HostRequirement, LockedApp, LockedComponent, LockedComponentSource,
        LockedMap, LockedTrigger, MustUnderstand, SERVICE_CHAINING,
    },
    manifest::{Component, Manifest, Source, Trigger, problem},
};

/// Resolves a manifest: every source and file must be there. `downloads` is where [`crate::download`] puts sources that
/// are URLs. Reads the first bytes of each wasm, nothing more.
pub fn lock(manifest: &Manifest, downloads: &Path) -> Result<LockedApp, LockError> {
    let root = absolute(manifest.root())?;
    let components =
        manifest.components.iter().map(|c| component(manifest, c, &root, downloads)).collect::<Result<Vec<_>, _>>()?;
    let triggers = manifest.triggers.iter().map(|t| trigger(manifest, t)).collect::<Result<Vec<_>, _>>()?;
    let needs_features = components.iter().any(|c| !c.host_requirements.is_empty());
    Ok(LockedApp {
        must_understand: if needs_features { vec![MustUnderstand::ComponentHostRequirements] } else { Vec::new() },
        metadata: metadata(manifest, &absolute(manifest.path())?),
        variables: manifest.variables.clone(),
        triggers,
        components,
        ..LockedApp::default()
    })
}

fn metadata(manifest: &Manifest, path: &Path) -> AppMetadata {
    let app = &manifest.application;
    let mut types: Vec<&str> = manifest.triggers.iter().map(|t| t.trigger_type.as_str()).collect();
    types.dedup();
    // Hosts older than `triggers` read `trigger`, which has room for one type.
    let trigger = match types[..] {
        [only] => {
            let mut table = app.trigger_configs.get(only).cloned().unwrap_or_default();
            table.insert("type".to_owned(), only.into());
            Some(table)
        }
        _ => None,
    };
    AppMetadata {
        name: app.name.clone(),
        version: app.version.clone(),
        description: app.description.clone(),
        authors: app.authors.clone(),
        triggers: app.trigger_configs.clone(),
        trigger,
        origin: ContentRef::file(path).source,
        other: Map::new(),
    }
}

fn trigger(manifest: &Manifest, trigger: &Trigger) -> Result<LockedTrigger, LockError> {
    if let Some(role) = trigger.dependencies.first() {
        let found = format!("`dependencies.{}` of a trigger", role.value);
        return Err(uncomposed(manifest, role.span.clone(), found));
    }
    let mut config = trigger.config.clone();
    if let Some(component) = &trigger.component {
        config.insert("component".to_owned(), component.as_str().into());
    }
    if !trigger.components.is_empty() {
        let roles = trigger.components.iter().map(|(role, ids)| (role.clone(), ids.clone().into()));
        config.insert("components".to_owned(), Value::Object(roles.collect()));
    }
    Ok(LockedTrigger {
        id: trigger.id.clone(),
        trigger_type: trigger.trigger_type.clone(),
        trigger_config: Value::Object(config),
        trigger_dependencies: LockedMap::new(),
    })
}

fn component(
    manifest: &Manifest,
    component: &Component,
    root: &Path,
    downloads: &Path,
) -> Result<LockedComponent, LockError> {
    if let Some(import) = component.dependencies.first() {
        let found = format!("the dependency `{}`", import.value);
        return Err(uncomposed(manifest, import.span.clone(), found));
    }
    let wasm = source(manifest, component, root, downloads)?;
    let files = files::collect(component, root).map_err(|problem| manifest.invalid(problem))?;
    let chained = component.allowed_outbound_hosts.iter().any(|host| reaches_components(host));
    let requirement = (SERVICE_CHAINING.to_owned(), HostRequirement::Required);
    Ok(LockedComponent {
        id: component.id.clone(),
        metadata: ComponentMetadata {
            description: component.description.clone(),
            allowed_outbound_hosts: component.allowed_outbound_hosts.clone(),
            key_value_stores: component.key_value_stores.clone(),
            databases: component.sqlite_databases.clone(),
            ai_models: component.ai_models.clone(),
            build: component.build.as_ref().and_then(|b| serde_json::to_value(b).ok()),
            other: Map::new(),
        },
        source: LockedComponentSource { content: ContentRef::file(&wasm), ..LockedComponentSource::default() },
        env: component.environment.clone(),
        files,
        config: component.variables.clone(),
        host_requirements: if chained { [requirement].into() } else { LockedMap::new() },
        ..LockedComponent::default()
    })
}

/// An allowed host that names components of this app.
fn reaches_components(host: &str) -> bool {
    let authority = host.split_once("://").map_or(host, |(_, rest)| rest);
    authority.split([':', '/']).next().is_some_and(|name| name.ends_with(".spin.internal"))
}

fn uncomposed(manifest: &Manifest, span: std::ops::Range<usize>, found: String) -> LockError {
    let error = problem(span, found, "components that need no composing")
        .help("compose them in the build command (e.g. with `wac`), or push with `spin registry push`, which composes, and deploy by reference");
    manifest.invalid(error).into()
}

fn source(manifest: &Manifest, component: &Component, root: &Path, downloads: &Path) -> Result<PathBuf, LockError> {
    let path = match &component.source.value {
        Source::Local(path) => root.join(path),
        Source::Remote { digest, .. } => crate::download::path(downloads, digest),
        Source::Registry { package, .. } => {
            let found = format!("a source from a component registry, `{package}`");
            let error = problem(component.source.span.clone(), found, "a file or a url with a digest")
                .help(format!("fetch it first, e.g. `wkg get {package} -o {}.wasm`, and name the file", component.id));
            return Err(manifest.invalid(error).into());
        }
    };
    let mut head = Vec::new();
    match std::fs::File::open(&path).and_then(|file| file.take(8).read_to_end(&mut head)) {
        Ok(_) if head.starts_with(b"\0asm") && head.len() == 8 => Ok(path),
        Ok(_) => Err(LockError::NotWasm { component: component.id.clone(), path }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(LockError::MissingWasm { component: component.id.clone(), cure: cure(manifest, component), path })
        }
        Err(error) if error.kind() == std::io::ErrorKind::IsADirectory => {
            Err(LockError::NotWasm { component: component.id.clone(), path })
        }
        Err(source) => Err(LockError::Unreadable { path, source }),
    }
}

/// What makes a missing wasm appear.
fn cure(manifest: &Manifest, component: &Component) -> String {
    match (&component.source.value, &component.build) {
        (Source::Remote { url, .. }, _) => format!("it comes from {url} and was not downloaded"),
        (_, Some(build)) => {
            let workdir = build.workdir.as_ref().map(|d| format!(" in {d}")).unwrap_or_default();
            format!("build it with `spinkube-dev build`, which runs `{}`{workdir}", build.command.join(" && "))
        }
        (_, None) => format!(
            "it has no build command: put the file there, or add [component.{}.build] with a `command` to {}",
            component.id,
            manifest.path().display()
        ),
    }
}

fn absolute(path: &Path) -> Result<PathBuf, LockError> {
    std::path::absolute(path).map_err(|source| LockError::Unreadable { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests;
