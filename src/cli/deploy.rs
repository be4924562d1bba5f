use std::{path::PathBuf, time::Duration};

use super::config::{self, Config};
use crate::engine::{
    Engine, Result,
    app::{self, DeployOptions, Source, Values},
    cluster::{self, Cluster, registry},
};

/// Build if needed, push, apply, and wait until the app answers.
///
/// Takes an app's folder (this one when none is given, or the nearest one upward with a spin.toml) or an image that was
/// pushed before. The last line is the app's URL, which keeps working after the command.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    spinkube-dev deploy\n  \
    spinkube-dev deploy ./shop --variable currency=EUR --env-file .env --replicas 2\n  \
    spinkube-dev deploy ghcr.io/you/shop:v1 --namespace staging")]
pub(super) struct Deploy {
    /// The app's folder, or an image reference with its registry.
    #[arg(value_name = "DIR|REF")]
    source: Option<String>,
    #[command(flatten)]
    app: AppArgs,
    /// How long the rollout may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    timeout: u64,
    /// The cluster's name.
    #[arg(long, value_name = "NAME", env = "SPINKUBE_DEV_NAME")]
    cluster: Option<String>,
}

/// How an app is deployed.
#[derive(Debug, clap::Args)]
pub(super) struct AppArgs {
    /// An application variable; repeatable. Those that spin.toml marks `secret` go into a Secret.
    #[arg(long = "variable", short = 'v', value_name = "NAME=VALUE", help_heading = "App")]
    variables: Vec<String>,
    /// A file of NAME=VALUE lines with application variables; repeatable.
    #[arg(long = "env-file", value_name = "FILE", help_heading = "App")]
    env_files: Vec<PathBuf>,
    /// Spin's runtime config: key-value stores, databases, models.
    #[arg(long, short = 'c', value_name = "FILE", help_heading = "App")]
    runtime_config_file: Option<PathBuf>,
    /// The namespace; made when it is missing.
    #[arg(long, short, value_name = "NAME", default_value = "default", help_heading = "App")]
    namespace: String,
    /// Pods [default: what the app has, or 1].
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(i32).range(1..), help_heading = "App")]
    replicas: Option<i32>,
}

impl AppArgs {
    /// Reads the files that they name.
    pub(super) fn options(&self) -> Result<DeployOptions> {
        Ok(DeployOptions {
            namespace: self.namespace.clone(),
            replicas: self.replicas,
            variables: Values::collect(&self.env_files, &self.variables)?,
            runtime_config: self.runtime_config_file.clone(),
            ..DeployOptions::default()
        })
    }
}

impl Deploy {
    /// Runs it.
    pub(super) async fn run(self, engine: &Engine) -> Result<()> {
        let source = Source::from_argument(self.source.as_deref(), &config::cwd()?)?;
        let options = DeployOptions { limit: Duration::from_secs(self.timeout), ..self.app.options()? };
        let cluster = open(engine, self.cluster).await?;
        let registry = registry::of_cluster(&engine.docker, &engine.parts().await?, &cluster).await?;
        app::deploy(engine, &cluster, &registry.address, &source, &options).await?;
        Ok(())
    }
}

/// The cluster that a command works on.
pub(super) async fn open(engine: &Engine, flag: Option<String>) -> Result<Cluster> {
    let name = Config::load(&config::cwd()?)?.name(flag);
    cluster::ours(engine, Some(&name)).await
}
