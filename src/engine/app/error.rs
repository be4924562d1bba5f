//! What can go wrong with an app, and the cure.

use std::path::PathBuf;

use kube::runtime::watcher;
use miette::Diagnostic;
use spin_app::{DownloadError, LockError, artifact::ArtifactError, manifest::ManifestError, registry::RegistryError};
use thiserror::Error;

use crate::engine::{cluster::ClusterError, command::CommandError, docker::DockerError, parts::PartsError};

/// An app can't be read, built, pushed, deployed, shown or removed.
#[derive(Debug, Error, Diagnostic)]
pub enum AppError {
    /// There is no app here.
    #[error("there is no spin.toml in {} or above it", from.display())]
    #[diagnostic(help("run this in an app's folder, or name the folder"))]
    NoManifest {
        /// Where the search began.
        from: PathBuf,
    },
    /// The argument is neither a folder nor an image.
    #[error("{given} is neither a folder with a spin.toml nor a full image reference")]
    #[diagnostic(help(
        "give a folder, or a reference with its registry, e.g. ghcr.io/you/app:v1 or localhost:5001/app:v1"
    ))]
    NoSource {
        /// The argument.
        given: String,
    },
    /// The manifest can't be used; its own text says where and why.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Manifest(#[from] ManifestError),
    /// The name can't be one of an app in Kubernetes.
    #[error("the app's name {name} can't be used in Kubernetes: {reason}")]
    #[diagnostic(help(
        "change `name` in spin.toml to at most 52 lower-case letters, digits and dashes, a letter first"
    ))]
    BadName {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Nothing in the manifest can be built.
    #[error("no component of {app} has a build command")]
    #[diagnostic(help(
        "add `[component.NAME.build]` with a `command` to spin.toml, or put the .wasm file in its place yourself"
    ))]
    NothingToBuild {
        /// The app's name.
        app: String,
    },
    /// A build command failed.
    #[error("the build of {component} failed: `{command}` {how}")]
    #[diagnostic(help("mend what it says; `spinkube-dev build` runs the same command alone"))]
    BuildFailed {
        /// The component's id.
        component: String,
        /// The command.
        command: String,
        /// How it ended, with the end of its output.
        how: String,
    },
    /// The builder container could not be made.
    #[error("the host's Rust has no {target}, and the builder container can't be made: {reason}")]
    #[diagnostic(help("install the target (`rustup target add {target}`), or mend what the builder says"))]
    NoBuilder {
        /// The Rust target that is missing.
        target: String,
        /// Why.
        reason: CommandError,
    },
    /// A `--variable` is no `name=value`.
    #[error("the variable `{given}` is not NAME=VALUE")]
    #[diagnostic(help("give `--variable NAME=VALUE`, once for each variable"))]
    BadVariable {
        /// Its text up to the value.
        given: String,
    },
    /// A line of an env file is no `NAME=VALUE`.
    #[error("{}:{line}: this line is not NAME=VALUE", path.display())]
    #[diagnostic(help("write one NAME=VALUE a line; lines that start with # are comments"))]
    BadEnvFile {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// The app does not declare a variable that was given.
    #[error("{app} has no variable {name}{}", nearest.as_ref().map(|name| format!("; did you mean {name}?")).unwrap_or_default())]
    #[diagnostic(help("{known}"))]
    UnknownVariable {
        /// The app's name.
        app: String,
        /// The name that was given.
        name: String,
        /// The known name that looks most like it.
        nearest: Option<String>,
        /// The names that there are, as a sentence.
        known: String,
    },
    /// Variables without a default were not given.
    #[error("{app} needs {}", list("the variable", names))]
    #[diagnostic(help("give {}, or put {} into a file for `--env-file`", names.iter().map(|name| format!("`--variable {name}=VALUE`")).collect::<Vec<_>>().join(" "), names.iter().map(|name| format!("{name}=VALUE")).collect::<Vec<_>>().join(", ")))]
    VariableMissing {
        /// The app's name.
        app: String,
        /// The variables' names.
        names: Vec<String>,
    },
    /// A file that the command line names can't be used.
    #[error("{} can't be used: {reason}", path.display())]
    #[diagnostic(help("check the path and the file's content"))]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A source or file that the manifest names is not as it should be.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Lock(#[from] LockError),
    /// A component that is a URL can't be fetched.
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// The app can't be made into an artifact.
    #[error("{app} can't be packed: {reason}")]
    Pack {
        /// The app's name.
        app: String,
        /// Why.
        reason: ArtifactError,
    },
    /// A registry did not take the artifact.
    #[error("the app was not pushed: {0}")]
    Push(RegistryError),
    /// A reference can't be read.
    #[error("the app can't be read: {0}")]
    Read(RegistryError),
    /// What the reference names is something else.
    #[error("{reference} is no Spin app: {reason}")]
    NotSpinApp {
        /// The reference.
        reference: String,
        /// What it is instead.
        reason: String,
    },
    /// There is no registry to push to.
    #[error("the local registry does not run")]
    #[diagnostic(help("`spinkube-dev up` starts it, or name another: `spinkube-dev push DIR REF`"))]
    NoRegistry,
    /// The API server refused.
    #[error("the API server could not {action}: {reason}")]
    #[diagnostic(help("`spinkube-dev status` shows the cluster's state"))]
    Api {
        /// What was tried.
        action: String,
        /// Its answer.
        reason: String,
    },
    /// The cluster knows no `SpinApp`.
    #[error("this cluster has no Spin operator: it knows no SpinApp")]
    #[diagnostic(help("`spinkube-dev up` installs it"))]
    NoOperator,
    /// The executor that the app names is not there.
    #[error("{app} names the executor {executor}, which is not there: {message}")]
    #[diagnostic(help(
        "`spinkube-dev up` installs the executor; `kubectl get spinappexecutors -A` shows those there are"
    ))]
    MissingExecutor {
        /// The app's name.
        app: String,
        /// The executor's name.
        executor: String,
        /// The operator's words.
        message: String,
    },
    /// A new pod can't come up.
    #[error("{app} does not start ({reason}): {message}{}", indented(log))]
    #[diagnostic(help("mend the app and deploy again; `kubectl -n {namespace} describe pod {pod}` tells more"))]
    Crashed {
        /// The app's name.
        app: String,
        /// Its namespace.
        namespace: String,
        /// The pod.
        pod: String,
        /// Kubernetes' word for it.
        reason: String,
        /// What shim or kubelet said.
        message: String,
        /// The end of the container's log.
        log: String,
    },
    /// A node can't pull the image.
    #[error("the node can't pull {image} for {app}: {message}")]
    #[diagnostic(help(
        "check that it was pushed and that the node reaches its registry; a private registry needs an image pull secret"
    ))]
    PullFailed {
        /// The app's name.
        app: String,
        /// The image.
        image: String,
        /// What the kubelet said.
        message: String,
    },
    /// Kubernetes gave up on the rollout without a pod that says why.
    #[error("{app} can't be rolled out: {message}")]
    #[diagnostic(help("`kubectl -n {namespace} describe deployment {app}` tells more"))]
    RolloutFailed {
        /// The app's name.
        app: String,
        /// Its namespace.
        namespace: String,
        /// What Kubernetes said.
        message: String,
    },
    /// The rollout did not come to an end in time.
    #[error("{app} is not rolled out after {seconds} s: {waiting_for}")]
    #[diagnostic(help(
        "it goes on in the cluster: `kubectl -n {namespace} describe pods -l core.spinkube.dev/app-name={app}` tells more, and `spinkube-dev deploy` again waits again"
    ))]
    Stuck {
        /// The app's name.
        app: String,
        /// Its namespace.
        namespace: String,
        /// How long it was waited for.
        seconds: u64,
        /// What is stuck, with the pod's last condition or event.
        waiting_for: String,
    },
    /// The pods are ready and the URL does not answer.
    #[error("{app} runs, but {url} does not answer after {seconds} s: {last}")]
    #[diagnostic(help(
        "`spinkube-dev logs {app}` shows what the app says, `docker logs {container}` what the forwarder of this port says"
    ))]
    NoAnswer {
        /// The app's name.
        app: String,
        /// Its URL.
        url: String,
        /// The forwarder.
        container: String,
        /// How long it was waited for.
        seconds: u64,
        /// The last answer.
        last: String,
    },
    /// There is no such app.
    #[error("there is no app {name} in the namespace {namespace}")]
    #[diagnostic(help("{known}"))]
    NoSuchApp {
        /// The name.
        name: String,
        /// The namespace.
        namespace: String,
        /// The apps that there are, as a sentence.
        known: String,
    },
    /// The app's pods don't go.
    #[error("{app} is not gone after {seconds} s: {waiting_for}")]
    #[diagnostic(help(
        "`kubectl -n {namespace} get pods` shows what is left; `spinkube-dev delete` again waits again"
    ))]
    StillThere {
        /// The app's name.
        app: String,
        /// Its namespace.
        namespace: String,
        /// How long it was waited for.
        seconds: u64,
        /// What is left.
        waiting_for: String,
    },
    /// Cluster or forwarder.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Cluster(#[from] ClusterError),
    /// The container engine.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Docker(#[from] DockerError),
    /// The parts that the program carries.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Parts(#[from] PartsError),
    /// A task of ours was cancelled or died.
    #[error("the command was interrupted")]
    #[diagnostic(help("run it again: every command picks up where it was left"))]
    Interrupted,
}

impl AppError {
    /// Whether this machine, and not the app, is what can't (exit code 3).
    #[must_use]
    pub fn is_of_the_machine(&self) -> bool {
        match self {
            Self::Docker(error) => error.is_of_the_machine(),
            Self::Cluster(error) => error.is_of_the_machine(),
            _ => false,
        }
    }

    /// An error of the Kubernetes API with what was tried.
    pub(crate) fn api(action: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        let action = action.into();
        move |error| Self::Api { action, reason: reason(error) }
    }

    /// An error of a watch over an app.
    pub(crate) fn watch(app: &str, error: watcher::Error) -> Self {
        use watcher::Error as E;
        let reason = match error {
            E::InitialListFailed(error) | E::WatchStartFailed(error) | E::WatchFailed(error) => reason(error),
            E::WatchError(status) => status.message,
            other @ E::NoResourceVersion => other.to_string(),
        };
        Self::Api { action: format!("watch {app}"), reason }
    }
}

fn reason(error: kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message,
        other => other.to_string(),
    }
}

/// `the variable a`, `the variables a and b`.
fn list(what: &str, names: &[String]) -> String {
    match names {
        [one] => format!("{what} {one}"),
        [first @ .., last] => format!("{what}s {} and {last}", first.join(", ")),
        [] => what.to_owned(),
    }
}

fn indented(log: &str) -> String {
    log.lines().map(|line| format!("\n    {line}")).collect()
}
