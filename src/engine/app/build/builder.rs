//! The builder container, for hosts whose Rust can't make wasm.

use std::path::{Path, PathBuf};

use crate::engine::{Engine, app::AppError, command::Run};

const TARGETS: [&str; 3] = ["wasm32-wasip1", "wasm32-wasip2", "wasm32-wasi"];

/// The scripts of the builder image, once it is there.
#[derive(Debug, Clone)]
pub(super) struct Scripts {
    dir: PathBuf,
}

/// What is known so far in one build.
#[derive(Debug, Default)]
pub(super) struct Builder {
    scripts: Option<Scripts>,
}

impl Builder {
    /// The builder when the command needs it: cargo for a wasm target that the host's Rust does not have.
    pub(super) async fn for_command(
        &mut self,
        engine: &Engine,
        app: &str,
        command: &str,
        output: Option<&Path>,
        workdir: &Path,
    ) -> Result<Option<Scripts>, AppError> {
        let Some(target) = rust_target(command, output) else { return Ok(None) };
        if has_target(target, workdir).await {
            return Ok(None);
        }
        if self.scripts.is_none() {
            engine.events.notice(format!("the host's Rust has no {target}: building {app} in a container of packages"));
            let parts = crate::engine::app::parts(engine).await?;
            let scripts = Scripts { dir: parts.path("builder-image")? };
            let step = format!("build {app}");
            let made = Run::new(scripts.dir.join("build")).lines(|line| engine.events.progress(&step, line)).await;
            made.map_err(|source| AppError::NoBuilder { target: target.into(), source })?;
            self.scripts = Some(scripts);
        }
        Ok(self.scripts.clone())
    }
}

impl Scripts {
    /// The command, in `workdir` of the app's folder as the container sees it.
    pub(super) fn run(&self, root: &Path, workdir: &Path, command: &str) -> Run {
        let run = Run::new(self.dir.join("run")).args([root]);
        if workdir.as_os_str().is_empty() {
            return run.args(["sh", "-c", command]);
        }
        // The folder is an argument of its own: nothing in its name is taken for code.
        let inside = format!("cd -- \"$1\" && {command}");
        run.args(["sh".as_ref(), "-c".as_ref(), inside.as_ref(), "sh".as_ref(), workdir.as_os_str()])
    }
}

/// The wasm target of a cargo command: named in it, or in the path of what it makes.
fn rust_target(command: &str, output: Option<&Path>) -> Option<&'static str> {
    let is_cargo = command.split(|letter: char| !letter.is_alphanumeric()).any(|word| word == "cargo");
    let output = output.and_then(Path::to_str).unwrap_or_default();
    let names = |text: &str, target: &str| text.split(|it: char| !it.is_alphanumeric() && it != '-').any(|word| word == target);
    TARGETS.into_iter().filter(|_| is_cargo).find(|target| names(command, target) || names(output, target))
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
