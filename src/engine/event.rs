//! The engine's only way to speak: typed events, each with a wall and a monotonic time.
//!
//! Times are taken where a fact is received, never where it is shown. The stream is what `--output json`
//! prints and `--record` keeps, one object a line; its JSON schema is `spinkube-dev schema`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One fact worth knowing about a running command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A named part of the command began. Steps may overlap.
    StepStarted {
        /// What it does, as an imperative: "create the cluster".
        step: String,
    },
    /// How far a running step is.
    StepProgress {
        /// The step's name as in `step-started`.
        step: String,
        /// What it is doing right now.
        detail: String,
    },
    /// A step ended well.
    StepFinished {
        /// The step's name as in `step-started`.
        step: String,
        /// Wall time of the step, in seconds.
        seconds: f64,
    },
    /// A step ended with an error; the command's `failed` event carries the cure.
    StepFailed {
        /// The step's name as in `step-started`.
        step: String,
        /// Wall time of the step, in seconds.
        seconds: f64,
        /// What went wrong, in one sentence.
        message: String,
    },
    /// Something the user should know that is no failure.
    Notice {
        /// One sentence.
        message: String,
    },
    /// Something that will hurt later, and its cure.
    Warning {
        /// What is the matter, in one sentence.
        message: String,
        /// What to do about it.
        help: Option<String>,
    },
    /// A line that an app's build command printed.
    BuildOutput {
        /// The app's name.
        app: String,
        /// The component whose build command runs.
        component: String,
        /// The line, without its line end.
        line: String,
    },
    /// An app's artifact is in a registry.
    Pushed {
        /// The app's name.
        app: String,
        /// Where it was pushed, without the digest.
        reference: String,
        /// The manifest's digest, `sha256:...`.
        digest: String,
        /// Bytes that were sent: blobs that the registry did not have, and the manifest.
        uploaded_bytes: u64,
    },
    /// An app is deployed and answers (or runs, when it has no HTTP trigger).
    Deployed(AppSummary),
    /// A line of a pod's log.
    Log {
        /// The app's name.
        app: String,
        /// The pod that wrote the line.
        pod: String,
        /// The line, without its line end.
        line: String,
    },
    /// `up` is done: the cluster works and its apps answer.
    UpFinished {
        /// Wall time of the command, in seconds.
        seconds: f64,
        /// The cluster's name.
        cluster: String,
        /// The kubeconfig context that reaches it.
        context: String,
        /// Whether the cluster was there already.
        reused: bool,
        /// Each step with its duration.
        steps: Vec<StepTime>,
        /// The apps that were deployed.
        apps: Vec<AppSummary>,
    },
    /// `down` is done.
    DownFinished {
        /// Wall time of the command, in seconds.
        seconds: f64,
        /// The cluster's name.
        cluster: String,
        /// Whether there was anything to remove.
        removed: bool,
        /// Whether registry, state and caches went too.
        purged: bool,
    },
    /// `stop` is done.
    StopFinished {
        /// Wall time of the command, in seconds.
        seconds: f64,
        /// The cluster's name.
        cluster: String,
    },
    /// `start` is done: the API server and every app answer again.
    StartFinished {
        /// Wall time of the command, in seconds.
        seconds: f64,
        /// The cluster's name.
        cluster: String,
        /// The apps that answer.
        apps: Vec<AppSummary>,
    },
    /// What `status` found.
    Status(Box<Status>),
    /// What `list` found.
    Apps {
        /// One entry an app.
        apps: Vec<AppSummary>,
    },
    /// An app and all that was made for it is gone.
    Deleted {
        /// The app's name.
        app: String,
        /// Its namespace.
        namespace: String,
    },
    /// The node image is in the engine.
    NodeImage {
        /// Its reference.
        reference: String,
        /// Whether it was there already.
        reused: bool,
    },
    /// The reader fell behind and this many events are missing here.
    EventsLost {
        /// How many.
        count: u64,
    },
    /// The command failed. Always the last event of its stream.
    Failed {
        /// What went wrong and where, in one sentence.
        message: String,
        /// What to do about it.
        help: Option<String>,
        /// The process's exit code.
        exit_code: u8,
    },
}

/// A step of a finished command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepTime {
    /// The step's name.
    pub name: String,
    /// Its wall time, in seconds.
    pub seconds: f64,
}

/// An app in the cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AppSummary {
    /// The `SpinApp`'s name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Where it answers on this machine; null for an app without HTTP or without a URL yet.
    pub url: Option<String>,
    /// The image it runs.
    pub image: String,
    /// Ready replicas.
    pub ready: i32,
    /// Wanted replicas.
    pub desired: i32,
}

/// The answer of `status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Status {
    /// The cluster's name.
    pub cluster: String,
    /// The kubeconfig context that reaches it.
    pub context: String,
    /// `running`, `stopped`, `partly running`, `half made`, or `absent`.
    pub state: String,
    /// Kubernetes' version, when the API server answers.
    pub kubernetes: Option<String>,
    /// The nodes.
    pub nodes: Vec<NodeStatus>,
    /// Version of the operator that runs, when it does.
    pub operator: Option<String>,
    /// The registry's address on this machine, when it runs.
    pub registry: Option<String>,
    /// The apps.
    pub apps: Vec<AppSummary>,
    /// The tool's own log file.
    pub log_file: String,
}

/// A node of the cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NodeStatus {
    /// The node's and its container's name.
    pub name: String,
    /// `control-plane` or `worker`.
    pub role: String,
    /// Whether its container runs.
    pub running: bool,
    /// Digest of the shim installed in it, when there is one.
    pub shim: Option<String>,
}

/// An event with its place and time in the stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stamped {
    /// 1, 2, 3, ...
    pub seq: u64,
    /// Wall time, RFC 3339 with nanoseconds, UTC.
    #[schemars(with = "String")]
    pub at: jiff::Timestamp,
    /// `CLOCK_MONOTONIC`, in nanoseconds: comparable between processes of one boot.
    pub mono_ns: u64,
    /// The fact itself.
    #[serde(flatten)]
    pub event: Event,
}
