use super::deploy;
use crate::engine::{Engine, Result, app};

/// Delete apps with their URLs and Secrets, and wait until their pods are gone.
#[derive(Debug, clap::Args)]
pub(super) struct Delete {
    /// The apps.
    #[arg(value_name = "NAME", required_unless_present = "all", conflicts_with = "all")]
    names: Vec<String>,
    /// All apps of the namespace.
    #[arg(long)]
    all: bool,
    /// Their namespace.
    #[arg(long, short, value_name = "NAME", default_value = "default")]
    namespace: String,
    /// The cluster's name.
    #[arg(long, value_name = "NAME", env = "SPINKUBE_DEV_NAME")]
    cluster: Option<String>,
}

impl Delete {
    /// Runs it.
    pub(super) async fn run(self, engine: &Engine) -> Result<()> {
        let cluster = deploy::open(engine, self.cluster).await?;
        let names = if self.all {
            let apps = app::list(engine, &cluster, Some(&self.namespace)).await?;
            apps.into_iter().map(|app| app.name).collect()
        } else {
            self.names
        };
        let deletes = names.iter().map(|name| app::delete(engine, &cluster, &self.namespace, name));
        futures::future::try_join_all(deletes).await?;
        Ok(())
    }
}
