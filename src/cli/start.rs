use super::config::{self, Config};
use crate::engine::{Engine, Result, lifecycle};

/// Start a stopped cluster and wait until its apps answer.
#[derive(Debug, clap::Args)]
pub(super) struct Start {
    /// The cluster's name.
    #[arg(long, visible_alias = "cluster", env = "SPINKUBE_DEV_NAME")]
    name: Option<String>,
}

impl Start {
    /// Runs it.
    pub(super) async fn run(self, engine: &Engine) -> Result<()> {
        let name = Config::load(&config::cwd()?)?.name(self.name);
        lifecycle::start(engine, &name).await
    }
}
