//! Apps: build, push, deploy, list, logs, delete.
//!
//! - [`source`]: what a command works on. [`build`]: the components' own commands, in a container where needed.
//! - [`prepare`] then [`deploy_prepared`]: the halves of [`deploy`], without and with a cluster.
//! - `push`: packed as Spin packs it. `desired`: the objects that are applied. `secrets`: those that hold secrets.
//! - `rollout`: waits, and says why it won't come to an end. [`url`]: the port of this machine that leads to the app.
//! - [`list`], [`logs`], [`delete`]: apps that are there, whoever deployed them.

mod answer;
pub mod build;
pub mod delete;
mod deploy;
mod desired;
mod error;
pub mod list;
pub mod logs;
mod name;
mod prepare;
mod push;
mod rollout;
mod secrets;
pub mod source;
pub mod url;
pub mod variables;

pub use delete::delete;
pub use deploy::{DeployOptions, deploy_prepared};
pub use error::AppError;
pub use list::list;
pub use logs::{LogOptions, logs};
pub use prepare::{Prepared, prepare};
pub use push::{push, push_for_nodes};
pub use source::Source;
pub use url::wait_for_all;
pub use variables::Values;

use super::{Engine, Error, cluster::Cluster, event::Event, parts::Parts};

/// Builds what must be built, pushes, applies, waits until the app answers, and says so with [`Event::Deployed`].
pub async fn deploy(
    engine: &Engine,
    cluster: &Cluster,
    registry: &str,
    source: &Source,
    options: &DeployOptions,
) -> Result<(), AppError> {
    let prepared = prepare(engine, source, options).await?;
    let app = deploy_prepared(engine, cluster, registry, &prepared, options).await?;
    engine.events.emit(Event::Deployed(app));
    Ok(())
}

async fn parts(engine: &Engine) -> Result<Parts, AppError> {
    engine.parts().await.map_err(|error| match error {
        Error::Parts(error) => error.into(),
        _ => AppError::Interrupted,
    })
}
