use std::path::PathBuf;

use clap::ValueEnum;

use super::{config::Config, deploy::AppArgs};
use crate::engine::{
    Engine, Result,
    app::Source,
    up::{self, AppChoice, Request},
};

/// Bring up cluster, registry, shim and operator, then an app.
///
/// Takes the app in DIR, or in this folder when it has a spin.toml; else a demo that this program carries. What is there
/// already is used: a second `up` changes nothing and takes a moment.
#[derive(Debug, clap::Args)]
pub(super) struct Up {
    /// The app's folder.
    dir: Option<PathBuf>,
    /// Deploy no app.
    #[arg(long, conflicts_with = "dir")]
    no_app: bool,
    /// What makes the cluster.
    #[arg(long, value_enum, default_value_t, env = "SPINKUBE_DEV_PROVIDER")]
    provider: ProviderName,
    /// The cluster's name.
    #[arg(long, env = "SPINKUBE_DEV_NAME")]
    name: Option<String>,
    /// A provider config of your own instead of kind-configs/default.yaml.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Worker nodes beside the control plane.
    #[arg(long, value_name = "N", env = "SPINKUBE_DEV_WORKERS")]
    workers: Option<usize>,
    /// The image of the nodes.
    #[arg(long, value_name = "REF", env = "SPINKUBE_DEV_NODE_IMAGE")]
    node_image: Option<String>,
    #[command(flatten)]
    app: AppArgs,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum ProviderName {
    #[default]
    Kind,
}

impl Up {
    /// Runs it.
    pub(super) async fn run(self, engine: &Engine) -> Result<()> {
        let ProviderName::Kind = self.provider;
        let cwd = super::config::cwd()?;
        let from = self.dir.as_ref().map_or_else(|| cwd.clone(), |dir| cwd.join(dir));
        let config = Config::load(&from)?;
        let app = match self.dir {
            _ if self.no_app => AppChoice::None,
            Some(dir) => AppChoice::Source(Source::from_dir(cwd.join(dir))?),
            None if cwd.join("spin.toml").is_file() => AppChoice::Source(Source::from_dir(cwd)?),
            None => AppChoice::Demo,
        };
        let request = Request {
            name: config.name(self.name),
            workers: self.workers.or(config.workers).unwrap_or_default(),
            config: self.config,
            node_image: self.node_image.or(config.node_image),
            app,
            options: self.app.options()?,
        };
        up::up(engine, &request).await
    }
}
