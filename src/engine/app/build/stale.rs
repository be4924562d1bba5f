//! Whether a component must be built.

use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use globset::{GlobBuilder, GlobMatcher};
use spin_app::BuildStep;
use walkdir::WalkDir;

/// Folders that hold what builds write, and are large: never looked into for a pattern that does not name them.
const SKIPPED: [&str; 4] = [".git", "node_modules", "target", ".venv"];

/// Missing, or older than the manifest or a watched file. A build that watches nothing always runs: only it knows
/// what it reads.
pub(super) fn is_stale(step: &BuildStep, manifest: &Path) -> bool {
    let Some(built) = step.output.as_deref().and_then(modified) else { return true };
    if step.watch.is_empty() || modified(manifest).is_none_or(|it| it > built) {
        return true;
    }
    step.watch.iter().any(|pattern| match Watched::new(pattern) {
        Some(watched) => watched.any_newer(&step.workdir, built),
        // A pattern that can't be understood can't tell that all is old either.
        None => true,
    })
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|it| it.modified()).ok()
}

/// A pattern, split where its first wildcard is.
struct Watched {
    base: PathBuf,
    whole: GlobMatcher,
}

impl Watched {
    fn new(pattern: &str) -> Option<Self> {
        let whole = GlobBuilder::new(pattern).literal_separator(true).build().ok()?.compile_matcher();
        let fixed = pattern.split('/').take_while(|part| !part.contains(['*', '?', '[', '{']));
        Some(Self { base: fixed.collect(), whole })
    }

    fn any_newer(&self, workdir: &Path, than: SystemTime) -> bool {
        let top = workdir.join(&self.base);
        let enters = |it: &walkdir::DirEntry| {
            it.depth() == 0
                || !it.file_type().is_dir()
                || !it.file_name().to_str().is_some_and(|name| SKIPPED.contains(&name))
        };
        let files = WalkDir::new(&top).into_iter().filter_entry(enters).filter_map(Result::ok);
        files.filter(|it| !it.file_type().is_dir()).any(|it| {
            let path = it.path().strip_prefix(&top).map_or_else(|_| self.base.clone(), |rest| join(&self.base, rest));
            self.whole.is_match(path) && modified(it.path()).is_none_or(|it| it > than)
        })
    }
}

fn join(base: &Path, rest: &Path) -> PathBuf {
    if rest.as_os_str().is_empty() { base.to_owned() } else { base.join(rest) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use super::*;

    struct App(tempfile::TempDir);

    impl App {
        /// Writes a file that was changed `age` seconds ago.
        fn file(&self, path: &str, age: u64) -> PathBuf {
            let path = self.0.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let file = fs::File::create(&path).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
            path
        }

        fn is_stale(&self, watch: &[&str]) -> bool {
            let root = self.0.path();
            let step = BuildStep {
                component: "part".into(),
                commands: vec!["make".into()],
                workdir: root.join("part"),
                watch: watch.iter().map(|it| (*it).to_owned()).collect(),
                output: Some(root.join("app.wasm")),
            };
            is_stale(&step, &root.join("spin.toml"))
        }
    }

    #[test]
    fn a_component_is_built_when_something_is_newer_or_nothing_is_watched() {
        let app = App(tempfile::tempdir().unwrap());
        app.file("spin.toml", 100);
        app.file("part/src/deep/lib.rs", 90);
        app.file("part/Cargo.toml", 90);
        app.file("shared/x.rs", 90);
        app.file("part/target/debug/new.rs", 0);
        let all = ["src/**/*.rs", "Cargo.toml", "../shared/*.rs"];
        assert!(app.is_stale(&all), "the code is missing");
        app.file("app.wasm", 50);
        assert!(!app.is_stale(&all));
        assert!(app.is_stale(&[]), "nothing is watched");
        assert!(!app.is_stale(&["**/*.rs"]), "what builds write does not count");
        assert!(app.is_stale(&["target/debug/*.rs"]), "unless it is named");
        for newer in ["part/src/deep/lib.rs", "part/Cargo.toml", "shared/x.rs", "spin.toml"] {
            app.file(newer, 10);
            assert!(app.is_stale(&all), "{newer}");
            app.file(newer, 90);
            assert!(!app.is_stale(&all), "{newer}");
        }
        app.file("part/src/other.txt", 10);
        assert!(!app.is_stale(&all), "no pattern names it");
    }
}
