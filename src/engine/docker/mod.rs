//! The Docker engine, through its API: what the tool needs of it, with errors that name the cure.
//!
//! Files go in and out of containers with [`Docker::upload`] and [`Docker::read_file`] (they work on stopped
//! containers too), programs run in them with [`Docker::exec`], and images that hold one static program are
//! made by [`image::StaticImage`].

mod exec;
pub mod files;
pub mod image;

use std::collections::HashMap;

use bollard::{
    errors::Error as Api,
    models::{ContainerInspectResponse, ContainerSummary, SystemInfo},
    query_parameters as query,
};
use miette::Diagnostic;
use thiserror::Error;

/// The label that all which we create ourselves carries; its value says what the thing is.
pub const LABEL: &str = "dev.spinkube";

/// A connection to the engine. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Docker {
    api: bollard::Docker,
}

/// The engine can't be reached, or refused.
#[derive(Debug, Error, Diagnostic)]
pub enum DockerError {
    /// Nothing answers on the socket.
    #[error("no Docker engine answers at {host}")]
    #[diagnostic(help(
        "start it (on Debian `make engine` installs and starts one), or point DOCKER_HOST at one that runs"
    ))]
    NotRunning {
        /// Where it was looked for.
        host: String,
    },
    /// The socket is there but not for this user.
    #[error("you may not use the Docker engine at {host}")]
    #[diagnostic(help(
        "add yourself to the group docker (`sudo usermod -aG docker $USER`, then log in again) or run as root"
    ))]
    Forbidden {
        /// Its address.
        host: String,
    },
    /// `DOCKER_HOST` can't be understood.
    #[error("DOCKER_HOST {host} can't be used: {source}")]
    #[diagnostic(help("use unix:///path, tcp://host:port or unset it"))]
    BadHost {
        /// Its value.
        host: String,
        /// Why.
        source: Api,
    },
    /// The disk is full.
    #[error("the Docker engine has no space left while it tried to {action}")]
    #[diagnostic(help(
        "free some: `docker system df` shows what takes it, `docker system prune` removes what is unused"
    ))]
    NoSpace {
        /// What was tried.
        action: String,
    },
    /// A host port is in use.
    #[error("port {port} of this machine is taken")]
    #[diagnostic(help("stop what listens there (`ss -ltnp` shows it)"))]
    PortTaken {
        /// The port, or the engine's words about it.
        port: String,
    },
    /// A program in a container failed.
    #[error("`{command}` in {container} ended with {code}: {output}")]
    #[diagnostic(help("`docker logs {container}` and `docker exec {container} journalctl -xe` tell more"))]
    Exec {
        /// The container.
        container: String,
        /// What was run.
        command: String,
        /// Its exit code.
        code: i64,
        /// The end of what it wrote.
        output: String,
    },
    /// Anything else that the engine refused.
    #[error("the Docker engine could not {action}: {source}")]
    #[diagnostic(help("`docker info` shows the engine's state; its log tells more"))]
    Api {
        /// What was tried.
        action: String,
        /// Its answer.
        source: Api,
    },
    /// An archive for or from a container is broken.
    #[error("{action}: {source}")]
    #[diagnostic(help("this is a fault of the tool or of the machine; please report it"))]
    Archive {
        /// What was tried.
        action: String,
        /// Why.
        source: std::io::Error,
    },
}

impl DockerError {
    /// Whether this machine, and not the command, is what can't (exit code 3).
    #[must_use]
    pub fn is_of_the_machine(&self) -> bool {
        use DockerError as E;
        matches!(
            self,
            E::NotRunning { .. } | E::Forbidden { .. } | E::BadHost { .. } | E::NoSpace { .. } | E::PortTaken { .. }
        )
    }
}

/// Turns the engine's answer into an error that says what was tried.
pub(crate) fn refused(action: impl Into<String>) -> impl FnOnce(Api) -> DockerError {
    let action = action.into();
    move |source| {
        let text = source.to_string();
        if text.contains("no space left on device") {
            return DockerError::NoSpace { action };
        }
        if let Some(rest) = text.split("Bind for ").nth(1).and_then(|rest| rest.split(" failed").next()) {
            return DockerError::PortTaken { port: rest.rsplit(':').next().unwrap_or(rest).into() };
        }
        if text.contains("address already in use") {
            return DockerError::PortTaken { port: text };
        }
        DockerError::Api { action, source }
    }
}

/// Whether the engine said that the thing does not exist.
#[must_use]
pub fn is_missing(error: &Api) -> bool {
    matches!(error, Api::DockerResponseServerError { status_code: 404, .. })
}

impl Docker {
    /// Connects as `DOCKER_HOST` says, else to the default socket, and agrees on an API version.
    pub async fn connect() -> Result<Self, DockerError> {
        let host = std::env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".into());
        if let Some(path) = host.strip_prefix("unix://") {
            // The client library does not tell "absent" from "forbidden"; a plain connect does.
            tokio::net::UnixStream::connect(path).await.map_err(|error| match error.kind() {
                std::io::ErrorKind::PermissionDenied => DockerError::Forbidden { host: host.clone() },
                _ => DockerError::NotRunning { host: host.clone() },
            })?;
        }
        let api = bollard::Docker::connect_with_host(&host)
            .map_err(|source| DockerError::BadHost { host: host.clone(), source })?;
        let api = api.negotiate_version().await.map_err(|_| DockerError::NotRunning { host })?;
        Ok(Self { api })
    }

    /// The API itself, for what has one caller only.
    #[must_use]
    pub fn api(&self) -> &bollard::Docker {
        &self.api
    }

    /// Facts about the engine and its machine.
    pub async fn info(&self) -> Result<SystemInfo, DockerError> {
        self.api.info().await.map_err(refused("describe itself"))
    }

    /// A container's state; `None` when there is none of that name.
    pub async fn inspect(&self, container: &str) -> Result<Option<ContainerInspectResponse>, DockerError> {
        match self.api.inspect_container(container, None::<query::InspectContainerOptions>).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(refused(format!("inspect {container}"))(error)),
        }
    }

    /// All containers, running or not, with a label (`key` or `key=value`).
    pub async fn labelled(&self, label: &str) -> Result<Vec<ContainerSummary>, DockerError> {
        let filters = HashMap::from([("label".to_owned(), vec![label.to_owned()])]);
        let options = query::ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        self.api.list_containers(Some(options)).await.map_err(refused("list containers"))
    }

    /// Starts a container; one that runs already is left alone.
    pub async fn start(&self, container: &str) -> Result<(), DockerError> {
        let started = self.api.start_container(container, None::<query::StartContainerOptions>).await;
        started.map_err(refused(format!("start {container}")))
    }

    /// Stops a container within `seconds`; one that is stopped already is left alone.
    pub async fn stop(&self, container: &str, seconds: i32) -> Result<(), DockerError> {
        let options = query::StopContainerOptionsBuilder::default().t(seconds).build();
        match self.api.stop_container(container, Some(options)).await {
            Err(error) if !is_missing(&error) => Err(refused(format!("stop {container}"))(error)),
            _ => Ok(()),
        }
    }

    /// Removes a container with its anonymous volumes, running or not; `false` when there was none.
    pub async fn remove(&self, container: &str) -> Result<bool, DockerError> {
        let options = query::RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        match self.api.remove_container(container, Some(options)).await {
            Ok(()) => Ok(true),
            Err(error) if is_missing(&error) => Ok(false),
            Err(error) => Err(refused(format!("remove {container}"))(error)),
        }
    }

    /// Whether an image is in the engine.
    pub async fn has_image(&self, reference: &str) -> Result<bool, DockerError> {
        match self.api.inspect_image(reference).await {
            Ok(_) => Ok(true),
            Err(error) if is_missing(&error) => Ok(false),
            Err(error) => Err(refused(format!("look for the image {reference}"))(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn answer(message: &str) -> Api {
        Api::DockerResponseServerError { status_code: 500, message: message.into() }
    }

    #[test]
    fn known_answers_become_errors_with_a_cure() {
        let full = refused("load an image")(answer("write /x: no space left on device"));
        assert!(matches!(full, DockerError::NoSpace { .. }), "{full}");
        let taken =
            refused("start r")(answer("driver failed: Bind for 127.0.0.1:5001 failed: port is already allocated"));
        assert_eq!(taken.to_string(), "port 5001 of this machine is taken");
        assert!(taken.is_of_the_machine());
    }
}
