//! `serve`: the app's process from its first instruction to its exit code.

use std::collections::HashMap;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use command_fds::inherited::take_fd_ownership;
use spin_app::locked::LockedApp;
use spin_host::{Bound, ComponentCode, Host, NativeCode, Phase, Settings};
use tokio::sync::watch;

use super::control::{App, Message, monotonic_ns};
use super::signals::{Requests, shepherd};
use super::spec::{CONTROL, FIRST_CODE, SPEC, Spec};

/// The app or its configuration can't run.
pub(super) const EXIT_APP: u8 = 1;
/// The host itself failed: a defect of this program.
const EXIT_HOST: u8 = 70;

/// Where an app listens unless `SPIN_HTTP_LISTEN_ADDR` says otherwise.
const LISTEN: &str = "0.0.0.0:80";
/// Mounted by the operator.
const RUNTIME_CONFIG: &str = "/runtime-config.toml";
/// Default stores of the app, in the container's own file system.
const STATE: &str = "/.spin";

/// What is written to the container's errors and reported to the shim.
pub(super) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Runs an app as the shim described it.
pub(crate) fn main() -> ExitCode {
    let noted = crate::descriptors::note_inherited();
    let began_ns = monotonic_ns();
    if let Err(error) = noted {
        return say(EXIT_HOST, &format!("the host can't see its descriptors: {error}"));
    }
    with_runtime(run(began_ns))
}

/// Runs to an exit code, also after a panic.
pub(super) fn with_runtime(work: impl Future<Output = ExitCode>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return say(EXIT_HOST, &format!("the host can't start: {error}")),
    };
    let work = std::panic::AssertUnwindSafe(|| runtime.block_on(work));
    let code = std::panic::catch_unwind(work);
    // Guests that still run on blocking threads must not keep a drained process alive.
    runtime.shutdown_background();
    code.unwrap_or_else(|_| ExitCode::from(EXIT_HOST))
}

async fn run(began_ns: u64) -> ExitCode {
    let inherited = Inherited::take();
    let (mut control, spec, code) = match inherited {
        Ok(Inherited { control, spec, code }) => (control, spec, code),
        Err(error) => return say(EXIT_HOST, &format!("the host was not started by its shim: {error}")),
    };
    // Signals count from here on: one that comes while the app loads ends it before it serves.
    let requests = match Requests::listen() {
        Ok(requests) => requests,
        Err(error) => return say(EXIT_HOST, &format!("the host can't listen for signals: {error}")),
    };
    let lame_duck = Duration::from_millis(spec.lame_duck_ms);
    match load(spec, code).await {
        Ok(bound) => {
            let address = bound.local_addr().to_string();
            // The banner is a courtesy: tools of Spin's users wait for it.
            let _ = std::io::stdout().write_all(bound.banner().as_bytes());
            let message = Message::Listening { address, began_ns, listening_ns: monotonic_ns() };
            if let Err(error) = control.send(&message).await {
                return say(EXIT_HOST, &format!("the shim is gone: {error}"));
            }
            until_asked(bound, requests, lame_duck).await;
            ExitCode::SUCCESS
        }
        Err(error) => {
            let text = error.to_string();
            let code = say(EXIT_APP, &text);
            // Without the shim, the exit code alone tells.
            let _ = control.send(&Message::Failed { text }).await;
            code
        }
    }
}

/// Serves until a signal asks for the end and everything in flight is done.
pub(super) async fn until_asked(bound: Bound, requests: Requests, lame_duck: Duration) {
    let (phase, phases) = watch::channel(Phase::Serving);
    tokio::select! {
        () = bound.serve(phases) => {}
        () = shepherd(requests, lame_duck, phase) => {}
    }
}

/// This process's environment, as far as it is text.
pub(super) fn environment() -> HashMap<String, String> {
    std::env::vars_os().filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?))).collect()
}

async fn load(spec: Spec, code: Vec<OwnedFd>) -> Result<Bound, Failure> {
    let app: LockedApp = serde_json::from_value(spec.app)?;
    let environment = environment();
    let settings = Settings {
        listen: environment
            .get("SPIN_HTTP_LISTEN_ADDR")
            .filter(|address| !address.is_empty())
            .map_or(LISTEN, String::as_str)
            .to_owned(),
        environment,
        runtime_config: runtime_config(Path::new(RUNTIME_CONFIG))?,
        file_roots: spec.files.into_iter().collect(),
        state_dir: Some(PathBuf::from(STATE)),
        memory_limit: spec.memory_limit,
        ..Settings::default()
    };
    let components = spec.code.into_iter().zip(&code).map(|(id, descriptor)| {
        use std::os::fd::AsRawFd as _;
        // The shim opened these files, and only files that a shim of ours compiled under this key.
        let path = format!("/proc/self/fd/{}", descriptor.as_raw_fd());
        (id, ComponentCode::Native(NativeCode::made_by_us(path)))
    });
    let host = Host::load(app, components, settings).await?;
    Ok(host.bind().await?)
}

fn runtime_config(path: &Path) -> Result<Option<String>, Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            Err(format!("{} can't be read: {error}; check the Secret that is mounted there", path.display()).into())
        }
    }
}

/// What the shim left open for us.
struct Inherited {
    control: App,
    spec: Spec,
    code: Vec<OwnedFd>,
}

impl Inherited {
    fn take() -> Result<Self, Failure> {
        let control = App::new(take_fd_ownership(CONTROL)?.into())?;
        let spec = Spec::read(take_fd_ownership(SPEC)?)?;
        let code = (FIRST_CODE..).take(spec.code.len()).map(take_fd_ownership).collect::<Result<_, _>>()?;
        Ok(Self { control, spec, code })
    }
}

/// Writes to the container's errors, which `kubectl logs` shows.
pub(super) fn say(code: u8, text: &str) -> ExitCode {
    // A closed stream leaves the exit code to tell.
    let _ = std::io::stderr().write_all(format!("Error: {text}\n").as_bytes());
    ExitCode::from(code)
}
