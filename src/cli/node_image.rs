use clap::Subcommand;

use crate::engine::{Engine, Error, Result, event::Event, node_image};

/// The image of the cluster's nodes.
#[derive(Debug, clap::Args)]
pub(super) struct NodeImage {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make it of packages only, unless it is there.
    Build,
}

impl NodeImage {
    /// Runs it.
    pub(super) async fn run(self, engine: &Engine) -> Result<()> {
        let Command::Build = self.command;
        let parts = engine.parts().await?;
        let reused = node_image::present(engine, &parts).await?.is_some();
        let build = async { Ok::<_, Error>(node_image::build(engine, &parts).await?) };
        let reference = engine.events.step("build the node image", build).await?;
        engine.events.emit(Event::NodeImage { reference, reused });
        Ok(())
    }
}
