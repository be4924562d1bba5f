//! Everything the program does, with no terminal in it.
//!
//! Commands go in as calls on [`Engine`], [`event::Event`]s come out through [`bus::Events`].
//!
//! - [`docker`]: the container engine. [`command`]: child processes. [`parts`]: what the program carries.
//! - [`host`]: what this machine can't do, found before anything is made.
//! - [`cluster`]: providers, nodes, registry, whose cluster it is.
//! - [`platform`]: shim, operator and executor onto a cluster.
//! - [`app`]: build, push, deploy, logs, delete.
//! - [`up`], [`down`], [`lifecycle`], [`status`]: the commands that span them.

pub mod app;
pub mod bus;
pub mod cluster;
pub mod command;
pub mod docker;
pub mod down;
pub mod error;
pub mod event;
pub mod host;
pub mod lifecycle;
pub mod node_image;
pub mod parts;
pub mod paths;
pub mod platform;
pub mod status;
pub mod up;

pub use error::{Error, Result};

use bus::Events;
use docker::Docker;
use parts::Parts;
use paths::Paths;

/// What every command needs: the engine's connections and folders.
#[derive(Debug, Clone)]
pub struct Engine {
    /// Where it speaks.
    pub events: Events,
    /// The container engine.
    pub docker: Docker,
    /// The tool's folders.
    pub paths: Paths,
}

impl Engine {
    /// Connects to the container engine.
    pub async fn connect(events: Events, paths: Paths) -> Result<Self> {
        Ok(Self { events, docker: Docker::connect().await?, paths })
    }

    /// The parts that this program carries, unpacked on first use.
    pub async fn parts(&self) -> Result<Parts> {
        let paths = self.paths.clone();
        let unpacked = tokio::task::spawn_blocking(move || Parts::of_this_program(&paths)).await;
        Ok(unpacked.map_err(|error| error::interrupted(&error))??)
    }
}
