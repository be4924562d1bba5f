use super::config::{self, Config};
use crate::engine::{Engine, Result, lifecycle};

/// Stop the cluster's nodes, with everything in them.
#[derive(Debug, clap::Args)]
pub(super) struct Stop {
    /// The cluster's name.
    #[arg(long, visible_alias = "cluster", env = "SPINKUBE_DEV_NAME")]
    name: Option<String>,
}

impl Stop {
    /// Runs it.
    pub(super) async fn run(self, engine: &Engine) -> Result<()> {
        let name = Config::load(&config::cwd()?)?.name(self.name);
        lifecycle::stop(engine, &name).await
    }
}
