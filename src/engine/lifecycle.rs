//! `stop` and `start`: the node containers, with everything in them.

use std::time::{Duration, Instant};

use futures::future::try_join_all;

use super::{
    Engine, Error, Result, app,
    cluster::{
        self, Cluster, ClusterError, client_for, forward,
        intent::Owner,
        provider::{Found, Provider},
        registry, wait_for_api,
    },
    event::Event,
    platform,
};

/// How long a node may take to shut down in order before it is killed, in seconds.
const STOP_GRACE: i32 = 4;
/// How long the API server may take to answer after its node has started.
const API_LIMIT: Duration = Duration::from_mins(2);

/// Stops the nodes of the cluster `name` and says so with [`Event::StopFinished`].
pub async fn stop(engine: &Engine, name: &str) -> Result<()> {
    let began = Instant::now();
    let (_, found) = find_ours(engine, name).await?;
    let stop = async {
        let nodes = found.nodes.iter().filter(|node| node.running);
        try_join_all(nodes.map(|node| engine.docker.stop(&node.name, STOP_GRACE))).await?;
        Ok::<_, Error>(())
    };
    engine.events.step("stop the nodes", stop).await?;
    engine.events.emit(Event::StopFinished { seconds: began.elapsed().as_secs_f64(), cluster: name.into() });
    Ok(())
}

/// Starts the cluster `name` and what stands beside it, waits until its apps answer, and says so with
/// [`Event::StartFinished`].
pub async fn start(engine: &Engine, name: &str) -> Result<()> {
    let began = Instant::now();
    let events = &engine.events;
    let (provider, found) = find_ours(engine, name).await?;
    let nodes = async {
        let parts = engine.parts().await?;
        registry::ensure(&engine.docker, &parts).await?;
        try_join_all(found.nodes.iter().map(|node| engine.docker.start(&node.name))).await?;
        forward::start_all(&engine.docker, name).await?;
        Ok::<_, Error>(())
    };
    events.step("start the nodes", nodes).await?;
    let client = client_for(provider.as_ref(), &found).await?;
    events.step("reach the API server", wait_for_api(&client, name, API_LIMIT)).await?;
    let cluster = Cluster::new(found, client);
    registry::of_cluster(&engine.docker, &engine.parts().await?, &cluster).await?;
    let operator = async { Ok::<_, Error>(platform::wait_for_operator(&cluster.client).await?) };
    let apps = async { Ok::<_, Error>(app::wait_for_all(engine, &cluster).await?) };
    let ((), apps) =
        tokio::try_join!(events.step("reach the operator", operator), events.step("reach the apps", apps))?;
    events.emit(Event::StartFinished { seconds: began.elapsed().as_secs_f64(), cluster: name.into(), apps });
    Ok(())
}

async fn find_ours(engine: &Engine, name: &str) -> Result<(Box<dyn Provider>, Found)> {
    let provider = cluster::provider(engine, engine.parts().await?);
    let Some(found) = provider.find(name).await? else { return Err(ClusterError::Absent { name: name.into() }.into()) };
    match cluster::owner_of(engine, provider.as_ref(), &found).await? {
        Owner::Ours => Ok((provider, found)),
        Owner::Begun => Err(ClusterError::HalfMade { name: name.into() }.into()),
        Owner::Foreign => Err(ClusterError::Foreign { provider: provider.name(), name: name.into() }.into()),
    }
}
