use super::config;
use crate::engine::{
    Engine, Result,
    app::{self, AppError, Source},
    cluster::registry,
};

/// Push an app as an OCI artifact and print its digest.
///
/// Goes to the local registry, or to REF with the credentials of `docker login`. What was not built yet is not built
/// now, unless --build says so.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    spinkube-dev push\n  \
    spinkube-dev push ./shop --build\n  \
    spinkube-dev push ./shop ghcr.io/you/shop:v1")]
pub(super) struct Push {
    /// The app's folder; else this one, or the nearest upward with a spin.toml.
    dir: Option<String>,
    /// Where to, with its registry; else the local registry, under the app's name and version.
    #[arg(value_name = "REF")]
    reference: Option<String>,
    /// Build first what is missing or older than its sources.
    #[arg(long)]
    build: bool,
}

impl Push {
    /// Runs it.
    pub(super) async fn run(self, engine: &Engine) -> Result<()> {
        let cwd = config::cwd()?;
        // A single argument that is an image and no folder says where to.
        let only = self.dir.as_deref().filter(|_| self.reference.is_none());
        let (source, reference) = match only.map(|it| Source::from_argument(Some(it), &cwd)).transpose()? {
            Some(Source::Image(_)) => (Source::nearest(&cwd)?, self.dir),
            Some(source) => (source, None),
            None => match self.dir {
                Some(dir) => (Source::from_dir(cwd.join(dir))?, self.reference),
                None => (Source::nearest(&cwd)?, None),
            },
        };
        let registry = match reference {
            Some(_) => String::new(),
            None => registry::address(&engine.docker).await?.ok_or(AppError::NoRegistry)?,
        };
        app::push(engine, &source, &registry, reference.as_deref(), self.build).await?;
        Ok(())
    }
}
