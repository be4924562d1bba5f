use super::config;
use crate::engine::{
    Engine, Result,
    app::{self, AppError, Source},
};
use spin_app::manifest::Manifest;

/// Run the components' build commands from spin.toml.
///
/// Where the Rust of this machine can't make wasm, its commands run in a container that is made of packages.
#[derive(Debug, clap::Args)]
pub(super) struct Build {
    /// The app's folder; else this one, or the nearest upward with a spin.toml.
    dir: Option<String>,
}

impl Build {
    /// Runs it.
    pub(super) async fn run(self, engine: &Engine) -> Result<()> {
        let cwd = config::cwd()?;
        let source = match self.dir {
            Some(dir) => Source::from_dir(cwd.join(dir))?,
            None => Source::nearest(&cwd)?,
        };
        let Source::Manifest { path, .. } = source else { return Ok(()) };
        let manifest = Manifest::load(&path).map_err(AppError::from)?;
        Ok(app::build::build(engine, &manifest).await?)
    }
}
