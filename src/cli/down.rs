use super::config::{self, Config};
use crate::engine::{Engine, Result, down};

/// Remove the cluster; the registry and caches stay.
#[derive(Debug, clap::Args)]
pub(super) struct Down {
    /// The cluster's name.
    #[arg(long, visible_alias = "cluster", env = "SPINKUBE_DEV_NAME")]
    name: Option<String>,
    /// Remove the registry and all caches too.
    #[arg(long)]
    purge: bool,
}

impl Down {
    /// Runs it.
    pub(super) async fn run(self, engine: &Engine) -> Result<()> {
        let name = Config::load(&config::cwd()?)?.name(self.name);
        down::down(engine, &name, self.purge).await
    }
}
