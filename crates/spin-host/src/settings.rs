//! What a caller decides about a host.

use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;

/// Where complete lines of guest output go. The host writes from a thread of its own, so a slow
/// reader holds guests that print, never guests that don't.
pub type Sink = Box<dyn Write + Send>;

/// Everything about a run that isn't in the application itself.
pub struct Settings {
    /// Where the HTTP trigger listens: what `ToSocketAddrs` accepts, the first address wins.
    /// The shim's default is `0.0.0.0:80`, overridden by `SPIN_HTTP_LISTEN_ADDR`.
    pub listen: String,
    /// The container's environment: variables (`SPIN_VARIABLE_<NAME>`, or `<NAME>` of an application
    /// variable), `SPIN_COMPONENTS_TO_RETAIN`, `SPIN_MAX_INSTANCE_MEMORY`, `SPIN_MAX_INSTANCE_COUNT`
    /// and the `SPIN_WASMTIME_*` pool sizes. Guests never see it.
    pub environment: HashMap<String, String>,
    /// Text of `runtime-config.toml`, if there is one.
    pub runtime_config: Option<String>,
    /// Host directory of each component's `files`, mounted read-only at the guest's `/`.
    pub file_roots: HashMap<String, PathBuf>,
    /// Where default stores keep their files; `None`, or a directory that can't be written, keeps
    /// them in memory.
    pub state_dir: Option<PathBuf>,
    /// Memory limit of the process in bytes (the container's), which sizes the instance pool.
    pub memory_limit: Option<u64>,
    /// Receives guests' standard output, a whole line at a time.
    pub stdout: Sink,
    /// Receives guests' standard error and the host's own messages about guests (traps).
    pub stderr: Sink,
}

impl Default for Settings {
    /// Listens on `127.0.0.1:3000` as `spin up` does, keeps state in memory, and passes output on to
    /// the process's own streams.
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:3000".to_owned(),
            environment: HashMap::new(),
            runtime_config: None,
            file_roots: HashMap::new(),
            state_dir: None,
            memory_limit: None,
            stdout: Box::new(std::io::stdout()),
            stderr: Box::new(std::io::stderr()),
        }
    }
}

/// How far a shutdown has come. The caller moves it forward; the host follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Accepts and answers.
    Serving,
    /// Goes on accepting and answering, but tells every client to close its connection.
    LameDuck,
    /// Accepts nothing new and finishes what is in flight; [`crate::Bound::serve`] returns when it is
    /// done. Dropping `serve`'s future ends what is left at once.
    Draining,
}
