use super::deploy;
use crate::engine::{Engine, Result, app, event::Event};

/// List the apps with their URLs and replicas.
#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// Only those of one namespace.
    #[arg(long, short, value_name = "NAME")]
    namespace: Option<String>,
    /// The cluster's name.
    #[arg(long, value_name = "NAME", env = "SPINKUBE_DEV_NAME")]
    cluster: Option<String>,
}

impl List {
    /// Runs it.
    pub(super) async fn run(self, engine: &Engine) -> Result<()> {
        let cluster = deploy::open(engine, self.cluster).await?;
        let apps = app::list(engine, &cluster, self.namespace.as_deref()).await?;
        engine.events.emit(Event::Apps { apps });
        Ok(())
    }
}
