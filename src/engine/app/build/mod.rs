//! Runs the components' build commands, as `spin build` does: in the order of the manifest, through the shell, in the
//! component's `workdir`. A build dies with its future, with all the processes that it started.

mod builder;
mod stale;

use std::path::{Path, PathBuf};

use spin_app::{BuildStep, build_steps, manifest::Manifest};

use self::builder::Builder;
use super::AppError;
use crate::engine::{
    Engine,
    command::{CommandError, Run},
    event::Event,
};

/// Builds every component that has a build command.
pub async fn build(engine: &Engine, manifest: &Manifest) -> Result<(), AppError> {
    let steps = build_steps(manifest);
    if steps.is_empty() {
        return Err(AppError::NothingToBuild { app: manifest.application.name.clone() });
    }
    run_all(engine, manifest, steps).await
}

/// Builds the components whose code is missing or older than what it is made of.
pub async fn build_if_needed(engine: &Engine, manifest: &Manifest) -> Result<(), AppError> {
    let mut steps = build_steps(manifest);
    steps.retain(|step| stale::is_stale(step, manifest.path()));
    if steps.is_empty() { Ok(()) } else { run_all(engine, manifest, steps).await }
}

async fn run_all(engine: &Engine, manifest: &Manifest, steps: Vec<BuildStep>) -> Result<(), AppError> {
    let app = &manifest.application.name;
    let root = std::path::absolute(manifest.root())
        .map_err(|error| AppError::File { path: manifest.root().into(), reason: error.to_string() })?;
    let all = async {
        let mut builder = Builder::new(engine, app, &root);
        for step in commands(steps) {
            run(engine, app, &step, &mut builder).await?;
        }
        Ok(())
    };
    engine.events.step(&format!("build {app}"), all).await
}

/// One command of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Command {
    component: String,
    line: String,
    workdir: PathBuf,
    /// What is expected of it.
    output: Option<PathBuf>,
}

async fn run(engine: &Engine, app: &str, command: &Command, builder: &mut Builder<'_>) -> Result<(), AppError> {
    let emit = |line: &str| {
        let (app, component, line) = (app.to_owned(), command.component.clone(), line.to_owned());
        engine.events.emit(Event::BuildOutput { app, component, line });
    };
    let ended = match builder.for_command(command).await? {
        Some(container) => {
            let ended = container.run().lines(emit).await;
            container.ended();
            ended
        }
        None => Run::new("sh").args(["-c", &command.line]).dir(&command.workdir).lines(emit).await,
    };
    ended.map(|_| ()).map_err(|error| AppError::BuildFailed {
        component: command.component.clone(),
        command: command.line.clone(),
        how: match error {
            CommandError::Failed { status, tail, .. } => format!("ended with {status}: {tail}"),
            other => format!("was not run: {other}"),
        },
    })
}

/// What to run, in order; a command that several components share in one folder runs once.
fn commands(steps: Vec<BuildStep>) -> Vec<Command> {
    let mut all: Vec<Command> = Vec::new();
    for step in steps {
        for line in step.commands {
            if !all.iter().any(|it| it.line == line && it.workdir == step.workdir) {
                let (component, workdir) = (step.component.clone(), step.workdir.clone());
                all.push(Command { component, line, workdir, output: step.output.clone() });
            }
        }
    }
    all
}

/// A folder as it is below another one.
fn below<'a>(path: &'a Path, root: &Path) -> &'a Path {
    path.strip_prefix(root).unwrap_or(path)
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
command = ["echo first", "cargo build"]
[component.two]
source = "two.wasm"
[component.two.build]
command = "cargo build"
workdir = "two"
[component.three]
source = "three.wasm"
[component.three.build]
command = "cargo build"
"#;

    #[test]
    fn a_shared_command_runs_once_in_each_folder() {
        let manifest = Manifest::parse(APP, Path::new("/app/spin.toml")).unwrap();
        let all = commands(build_steps(&manifest));
        let short: Vec<_> =
            all.iter().map(|it| (it.component.as_str(), it.line.as_str(), it.workdir.to_str().unwrap())).collect();
        assert_eq!(
            short,
            [("one", "echo first", "/app"), ("one", "cargo build", "/app"), ("two", "cargo build", "/app/two")]
        );
    }
}
