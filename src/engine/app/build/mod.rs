//! Runs the components' build commands, as `spin build` does: in the order of the manifest, through `sh -c`, in the
//! component's `workdir`. A build dies with its future, with all the processes that it started.

mod builder;
mod stale;

use std::path::{Path, PathBuf};

use spin_app::manifest::{Build, Component, Manifest, Source};

use super::AppError;
use crate::engine::{Engine, command::Run, event::Event};

/// A build command of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    component: String,
    command: String,
    /// Relative to the app's root.
    workdir: PathBuf,
    /// Where the component's code is expected, relative to the app's root.
    output: Option<PathBuf>,
}

/// Builds every component that has a build command.
pub async fn build(engine: &Engine, manifest: &Manifest) -> Result<(), AppError> {
    let components: Vec<_> = manifest.components.iter().collect();
    if components.iter().all(|it| it.build.is_none()) {
        return Err(AppError::NothingToBuild { app: manifest.application.name.clone() });
    }
    build_these(engine, manifest, &components).await
}

/// Builds the components whose code is missing or older than what it is made of.
pub async fn build_if_needed(engine: &Engine, manifest: &Manifest) -> Result<(), AppError> {
    let root = manifest.root();
    let is_stale = |it: &&Component| {
        it.build.as_ref().is_some_and(|build| {
            local(it).is_none_or(|code| stale::is_stale(root, &root.join(code), manifest.path(), build))
        })
    };
    let components: Vec<_> = manifest.components.iter().filter(is_stale).collect();
    if !components.is_empty() {
        build_these(engine, manifest, &components).await?;
    }
    check_code(manifest)
}

/// Says which component's code is missing, and what makes it.
pub(crate) fn check_code(manifest: &Manifest) -> Result<(), AppError> {
    for component in &manifest.components {
        let Some(code) = local(component) else { continue };
        if !manifest.root().join(code).is_file() {
            return Err(missing(manifest, component, code));
        }
    }
    Ok(())
}

fn missing(manifest: &Manifest, component: &Component, code: &Path) -> AppError {
    let cure = match component.build.as_ref().map(|build| build.command.join(" && ")) {
        Some(command) => format!("`spinkube-dev build` makes it with `{command}`; if it did, `source` in spin.toml names another file than the build writes"),
        None => "it has no build command: put the file there, or add `command` to its `build` table in spin.toml".into(),
    };
    AppError::WasmMissing {
        app: manifest.application.name.clone(),
        component: component.id.clone(),
        path: manifest.root().join(code),
        cure,
    }
}

async fn build_these(engine: &Engine, manifest: &Manifest, components: &[&Component]) -> Result<(), AppError> {
    let app = &manifest.application.name;
    let root = std::path::absolute(manifest.root())
        .map_err(|error| AppError::File { path: manifest.root().into(), reason: error.to_string() })?;
    let all = async {
        let mut builder = builder::Builder::default();
        for step in steps(components) {
            run(engine, app, &root, &step, &mut builder).await?;
        }
        Ok(())
    };
    engine.events.step(&format!("build {app}"), all).await
}

async fn run(
    engine: &Engine,
    app: &str,
    root: &Path,
    step: &Step,
    builder: &mut builder::Builder,
) -> Result<(), AppError> {
    let workdir = root.join(&step.workdir);
    let run = match builder.for_command(engine, app, &step.command, step.output.as_deref(), &workdir).await? {
        Some(script) => script.run(root, &step.workdir, &step.command),
        None => Run::new("sh").args(["-c", &step.command]).dir(&workdir),
    };
    let emit = |line: &str| {
        let (app, component, line) = (app.to_owned(), step.component.clone(), line.to_owned());
        engine.events.emit(Event::BuildOutput { app, component, line });
    };
    let ended = run.lines(emit).await;
    ended.map(|_| ()).map_err(|source| AppError::BuildFailed {
        component: step.component.clone(),
        command: step.command.clone(),
        source,
    })
}

/// What to run, in order; a command that several components share in one folder runs once.
fn steps(components: &[&Component]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for component in components {
        let Some(Build { command, workdir, .. }) = &component.build else { continue };
        let workdir = PathBuf::from(workdir.clone().unwrap_or_default());
        for command in command {
            if steps.iter().any(|step| step.command == *command && step.workdir == workdir) {
                continue;
            }
            steps.push(Step {
                component: component.id.clone(),
                command: command.clone(),
                workdir: workdir.clone(),
                output: local(component).map(Path::to_owned),
            });
        }
    }
    steps
}

/// The file with a component's code, when it is one of the app's own.
fn local(component: &Component) -> Option<&Path> {
    match &component.source.value {
        Source::Local(path) => Some(Path::new(path)),
        Source::Remote { .. } | Source::Registry { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const APP: &str = r#"
spin_manifest_version = 2
[application]
name = "two"
[[trigger.http]]
route = "/..."
component = "one"
[component.one]
source = "target/wasm32-wasip1/release/one.wasm"
[component.one.build]
command = ["echo first", "cargo build --target wasm32-wasip1"]
[component.two]
source = "two.wasm"
[component.two.build]
command = "cargo build --target wasm32-wasip1"
workdir = "two"
[component.three]
source = "three.wasm"
[component.three.build]
command = "cargo build --target wasm32-wasip1"
"#;

    fn manifest(dir: &Path) -> Manifest {
        Manifest::parse(APP, &dir.join("spin.toml")).unwrap()
    }

    #[test]
    fn a_shared_command_runs_once_in_each_folder() {
        let manifest = manifest(Path::new("."));
        let steps = steps(&manifest.components.iter().collect::<Vec<_>>());
        let short: Vec<_> = steps.iter().map(|it| (it.component.as_str(), it.command.as_str(), it.workdir.to_str().unwrap())).collect();
        let cargo = "cargo build --target wasm32-wasip1";
        assert_eq!(short, [("one", "echo first", ""), ("one", cargo, ""), ("two", cargo, "two")]);
    }

    #[test]
    fn missing_code_is_named_with_its_command() {
        let dir = tempfile::tempdir().unwrap();
        let error = check_code(&manifest(dir.path())).unwrap_err();
        let help = miette::Diagnostic::help(&error).unwrap().to_string();
        assert!(error.to_string().starts_with("the component one of two has no "), "{error}");
        assert!(help.contains("`echo first && cargo build --target wasm32-wasip1`"), "{help}");
    }
}
