use super::deploy;
use crate::engine::{
    Engine, Result,
    app::{self, LogOptions},
};

/// Show what an app's pods say, or those of all apps.
#[derive(Debug, clap::Args)]
pub(super) struct Logs {
    /// The app; all apps of the namespace when none is given.
    name: Option<String>,
    /// Go on with new lines and new pods until interrupted.
    #[arg(long, short)]
    follow: bool,
    /// Only the last lines of each pod.
    #[arg(long, value_name = "LINES", value_parser = clap::value_parser!(i64).range(0..))]
    tail: Option<i64>,
    /// The app's namespace.
    #[arg(long, short, value_name = "NAME", default_value = "default")]
    namespace: String,
    /// The cluster's name.
    #[arg(long, value_name = "NAME", env = "SPINKUBE_DEV_NAME")]
    cluster: Option<String>,
}

impl Logs {
    /// Runs it.
    pub(super) async fn run(self, engine: &Engine) -> Result<()> {
        let cluster = deploy::open(engine, self.cluster).await?;
        let options = LogOptions { app: self.name, namespace: self.namespace, follow: self.follow, tail: self.tail };
        Ok(app::logs(engine, &cluster, &options).await?)
    }
}
