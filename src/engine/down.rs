//! `down`: removes the cluster and leaves nothing behind but the registry and caches, which `--purge` removes too.

use std::{fs, io, path::Path, time::Instant};

use bollard::query_parameters::RemoveVolumeOptionsBuilder;

use super::{
    Engine, Error, Result,
    cluster::{
        self, ClusterError, forward,
        intent::{Intent, Owner},
        provider::Provider,
        registry,
    },
    docker::{is_missing, refused},
    event::Event,
    paths::PathsError,
};

/// Removes the cluster `name`, if it is ours, and says so with [`Event::DownFinished`].
pub async fn down(engine: &Engine, name: &str, purge: bool) -> Result<()> {
    let began = Instant::now();
    cluster::check_name(name)?;
    let provider = cluster::provider(engine, engine.parts().await?);
    let removed = engine.events.step("remove the cluster", remove(engine, provider.as_ref(), name)).await?;
    if purge {
        engine.events.step("remove registry and caches", purge_all(engine)).await?;
    }
    let seconds = began.elapsed().as_secs_f64();
    engine.events.emit(Event::DownFinished { seconds, cluster: name.into(), removed, purged: purge });
    Ok(())
}

/// Removes a cluster that is ours, whole or half made, with all that was made beside it. `false`: there was none.
pub(super) async fn remove(engine: &Engine, provider: &dyn Provider, name: &str) -> Result<bool> {
    let found = provider.find(name).await?;
    if let Some(found) = &found
        && cluster::owner_of(engine, provider, found).await? == Owner::Foreign
    {
        return Err(ClusterError::Foreign { provider: provider.name(), name: name.into() }.into());
    }
    let nodes = async { if found.is_some() { Ok::<_, Error>(provider.delete(name).await?) } else { Ok(()) } };
    let urls = async { Ok::<_, Error>(forward::remove_all(&engine.docker, name).await?) };
    tokio::try_join!(nodes, urls)?;
    Intent::remove(&engine.paths, provider.name(), name)?;
    Ok(found.is_some())
}

async fn purge_all(engine: &Engine) -> Result<()> {
    engine.docker.remove(registry::NAME).await?;
    let options = RemoveVolumeOptionsBuilder::default().force(true).build();
    match engine.docker.api().remove_volume(registry::NAME, Some(options)).await {
        Err(error) if !is_missing(&error) => return Err(refused("remove the registry's volume")(error).into()),
        _ => {}
    }
    Ok(remove_folder(&engine.paths.cache)?)
}

fn remove_folder(path: &Path) -> Result<(), PathsError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(PathsError::Write { path: path.into(), source: error })
        }
        _ => Ok(()),
    }
}
