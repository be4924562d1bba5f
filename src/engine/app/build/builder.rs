//! The builder container, for hosts whose Rust can't make wasm.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
};

use super::{Command, below};
use crate::engine::{
    Engine,
    app::{AppError, parts},
    command::Run,
};

const TARGETS: [&str; 3] = ["wasm32-wasip1", "wasm32-wasip2", "wasm32-wasi"];

/// What is known in one build: whether the builder image is there.
pub(super) struct Builder<'a> {
    engine: &'a Engine,
    app: &'a str,
    root: &'a Path,
    scripts: Option<PathBuf>,
}

/// A command in the builder container. The container is killed when this is dropped before it has ended: a client
/// that is killed leaves its container running.
pub(super) struct Container {
    script: PathBuf,
    root: PathBuf,
    workdir: PathBuf,
    line: String,
    name: String,
    running: bool,
}

impl<'a> Builder<'a> {
    pub(super) fn new(engine: &'a Engine, app: &'a str, root: &'a Path) -> Self {
        Self { engine, app, root, scripts: None }
    }

    /// The container when the command needs it: cargo for a wasm target that the host's Rust does not have.
    pub(super) async fn for_command(&mut self, command: &Command) -> Result<Option<Container>, AppError> {
        let Some(target) = rust_target(&command.line, command.output.as_deref()) else { return Ok(None) };
        if has_target(target, &command.workdir).await {
            return Ok(None);
        }
        let scripts = self.scripts(target).await?;
        Ok(Some(Container::new(&scripts, self.root, command)))
    }

    async fn scripts(&mut self, target: &str) -> Result<PathBuf, AppError> {
        if let Some(scripts) = &self.scripts {
            return Ok(scripts.clone());
        }
        let events = &self.engine.events;
        events
            .notice(format!("the host's Rust has no {target}: building {} in a container made of packages", self.app));
        let scripts = parts(self.engine).await?.path("builder-image")?;
        let step = format!("build {}", self.app);
        let made = Run::new(scripts.join("build")).lines(|line| events.progress(&step, line)).await;
        made.map_err(|reason| AppError::NoBuilder { target: target.into(), reason })?;
        Ok(self.scripts.insert(scripts).clone())
    }
}

impl Container {
    fn new(scripts: &Path, root: &Path, command: &Command) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self {
            script: scripts.join("run"),
            root: root.to_owned(),
            workdir: below(&command.workdir, root).to_owned(),
            line: command.line.clone(),
            name: format!("spinkube-builder-{}-{number}", std::process::id()),
            running: true,
        }
    }

    /// The client that runs it.
    pub(super) fn run(&self) -> Run {
        Run::new(&self.script)
            .args([self.root.as_os_str(), self.line.as_ref()])
            .env("WORKDIR", &self.workdir)
            .env("BUILDER_NAME", &self.name)
    }

    /// It came to its own end.
    pub(super) fn ended(mut self) {
        self.running = false;
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if !self.running {
            return;
        }
        let mut kill = std::process::Command::new("docker");
        kill.args(["kill", &self.name]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // Nothing can be awaited here, and the runtime may be ending.
        if let Err(error) = kill.spawn() {
            tracing::warn!(%error, container = self.name, "the builder goes on");
        }
    }
}

/// The wasm target of a cargo command: named in it, or in the path of what it makes.
fn rust_target(line: &str, output: Option<&Path>) -> Option<&'static str> {
    let is_cargo = line.split(|letter: char| !letter.is_alphanumeric()).any(|word| word == "cargo");
    let output = output.and_then(Path::to_str).unwrap_or_default();
    let names =
        |text: &str, target: &str| text.split(|it: char| !it.is_alphanumeric() && it != '-').any(|word| word == target);
    TARGETS.into_iter().filter(|_| is_cargo).find(|target| names(line, target) || names(output, target))
}

/// Whether the Rust that cargo would use in a folder has the target. No Rust at all has none.
async fn has_target(target: &str, workdir: &Path) -> bool {
    let rustc = Run::new("rustc").args(["--print", "target-libdir", "--target", target]).dir(workdir);
    match rustc.output().await {
        Ok(lines) => lines.first().is_some_and(|path| Path::new(path).is_dir()),
        Err(error) => {
            tracing::info!(%error, "the host's Rust is not usable");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_cargo_for_wasm_needs_a_target() {
        let output = Path::new("target/wasm32-wasip1/release/a.wasm");
        for (command, output, target) in [
            ("cargo build --target wasm32-wasip2 --release", None, Some("wasm32-wasip2")),
            ("cd x && cargo build --target=wasm32-wasip1", None, Some("wasm32-wasip1")),
            ("cargo build --target wasm32-wasi", None, Some("wasm32-wasi")),
            ("cargo build --release", Some(output), Some("wasm32-wasip1")),
            ("npm run build", Some(output), None),
            ("cargo build --release", None, None),
            ("tinygo build -target=wasip1 -o main.wasm", None, None),
        ] {
            assert_eq!(rust_target(command, output), target, "{command}");
        }
    }
}
