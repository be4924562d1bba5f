//! `run`: an app on this machine, on the same host and without containerd.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use spin_app::locked::{ContentRef, LockedApp};
use spin_app::manifest::Manifest;
use spin_host::{ComponentCode, Host, Settings};

use super::serve::{self, Failure, say};
use super::signals::Requests;
use crate::assets::{self, Origin};

/// The face of the binary that runs an app locally.
pub(crate) const RUN: &str = "run";

const USAGE: &str = "usage: containerd-shim-spin-v2 run [--listen HOST:PORT] [--variable NAME=VALUE]... \
[--runtime-config-file FILE] [--state-dir DIR] [--downloads DIR] APP
APP is a spin.toml, a folder with one, or a locked app (*.json) whose contents are files";

/// What the arguments ask for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Arguments {
    app: PathBuf,
    listen: Option<String>,
    variables: Vec<(String, String)>,
    runtime_config: Option<PathBuf>,
    state_dir: Option<PathBuf>,
    downloads: Option<PathBuf>,
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let mut arguments = Self::default();
        let mut app = None;
        while let Some(word) = words.next() {
            let flag = word.to_str().filter(|word| word.starts_with("--")).map(str::to_owned);
            let Some(flag) = flag else {
                if app.replace(PathBuf::from(&word)).is_some() {
                    return Err(format!("{} is one app too many\n{USAGE}", word.display()));
                }
                continue;
            };
            let value = words.next().ok_or_else(|| format!("{flag} needs a value\n{USAGE}"))?;
            let text = |value: OsString| value.into_string().map_err(|_| format!("{flag}: the value is not UTF-8"));
            match flag.as_str() {
                "--listen" => arguments.listen = Some(text(value)?),
                "--runtime-config-file" => arguments.runtime_config = Some(value.into()),
                "--state-dir" => arguments.state_dir = Some(value.into()),
                "--downloads" => arguments.downloads = Some(value.into()),
                "--variable" => {
                    let text = text(value)?;
                    let pair = text.split_once('=').ok_or_else(|| format!("--variable {text}: write NAME=VALUE"))?;
                    arguments.variables.push((pair.0.to_owned(), pair.1.to_owned()));
                }
                _ => return Err(format!("{flag} is no option\n{USAGE}")),
            }
        }
        arguments.app = app.ok_or_else(|| USAGE.to_owned())?;
        Ok(arguments)
    }
}

/// Runs until SIGTERM or Ctrl-C, then finishes what is in flight. Exit codes: 0, 1 for the app or its
/// configuration, 2 for wrong usage.
pub(crate) fn main(words: impl Iterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::parse(words) {
        Ok(arguments) => arguments,
        Err(message) => return say(2, &message),
    };
    serve::with_runtime(async {
        let outcome = run(arguments).await;
        outcome.map_or_else(|error| say(serve::EXIT_APP, &error.to_string()), |()| ExitCode::SUCCESS)
    })
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let requests = Requests::listen()?;
    let app = read(&arguments.app, arguments.downloads.as_deref().unwrap_or(Path::new(".spin/downloads")))?;
    let files = tempfile::tempdir()?;
    let find = |content: &ContentRef| Ok(content.file_path().map(Origin::Link));
    let file_roots = assets::lay_out(&app, files.path(), find, Vec::new())?;
    let code = app.components.iter().map(|component| {
        let path =
            component.source.content.file_path().ok_or_else(|| format!("component `{}` has no file", component.id))?;
        let bytes = std::fs::read(&path).map_err(|e| format!("{} can't be read: {e}", path.display()))?;
        Ok((component.id.clone(), ComponentCode::Wasm(bytes)))
    });
    let code = code.collect::<Result<Vec<_>, Failure>>()?;
    let mut environment = serve::environment();
    environment.extend(arguments.variables.into_iter().map(|(name, value)| (variable(&name), value)));
    let mut settings = Settings {
        runtime_config: arguments.runtime_config.as_deref().map(std::fs::read_to_string).transpose()?,
        file_roots: file_roots.into_iter().map(|id| (id.clone(), files.path().join(id))).collect(),
        state_dir: arguments.state_dir,
        environment,
        ..Settings::default()
    };
    if let Some(listen) = arguments.listen {
        settings.listen = listen;
    }
    let bound = Host::load(app, code, settings).await?.bind().await?;
    std::io::stdout().write_all(bound.banner().as_bytes())?;
    serve::until_asked(bound, requests, Duration::ZERO).await;
    Ok(())
}

/// A locked app, or a manifest that is locked now.
fn read(path: &Path, downloads: &Path) -> Result<LockedApp, Failure> {
    if path.extension().is_some_and(|extension| extension == "json") {
        let bytes = std::fs::read(path).map_err(|e| format!("{} can't be read: {e}", path.display()))?;
        return Ok(LockedApp::from_json(&bytes)?);
    }
    Ok(spin_app::lock(&Manifest::load(path)?, downloads)?)
}

/// The environment variable by which the host finds an app variable.
fn variable(name: &str) -> String {
    format!("SPIN_VARIABLE_{}", name.to_uppercase())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parse(words: &[&str]) -> Result<Arguments, String> {
        Arguments::parse(words.iter().map(OsString::from))
    }

    #[test]
    fn options_and_app_come_in_any_order() {
        let expected = Arguments {
            app: "app".into(),
            listen: Some("127.0.0.1:0".to_owned()),
            variables: vec![("a".to_owned(), "b=c".to_owned())],
            ..Arguments::default()
        };
        assert_eq!(parse(&["--variable", "a=b=c", "app", "--listen", "127.0.0.1:0"]).unwrap(), expected);
    }

    #[test]
    fn wrong_usage_is_said() {
        for words in [&[][..], &["a", "b"], &["--listen"], &["--nope", "x", "a"], &["--variable", "x", "a"]] {
            assert!(parse(words).is_err(), "{words:?}");
        }
    }
}
