use super::config::{self, Config};
use crate::engine::{Engine, Result, status};

/// Show cluster, nodes, versions, apps and registry.
#[derive(Debug, clap::Args)]
pub(super) struct Status {
    /// The cluster's name.
    #[arg(long, visible_alias = "cluster", env = "SPINKUBE_DEV_NAME")]
    name: Option<String>,
}

impl Status {
    /// Runs it.
    pub(super) async fn run(self, engine: &Engine) -> Result<()> {
        let name = Config::load(&config::cwd()?)?.name(self.name);
        status::status(engine, &name).await
    }
}
