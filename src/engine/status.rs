//! `status`: what is there, as the containers and the API server show it. Never fails for what it reports.

use std::time::Duration;

use super::{
    Engine, Result, app,
    cluster::{
        self, Cluster, ClusterError, client_for,
        intent::Owner,
        provider::{Found, Provider},
        registry,
    },
    event::{Event, NodeStatus, Status},
    platform,
};

/// How long an API server that hangs may hold the answer up.
const API_LIMIT: Duration = Duration::from_secs(5);

/// Looks at the cluster `name` and says what it saw with [`Event::Status`].
pub async fn status(engine: &Engine, name: &str) -> Result<()> {
    let provider = cluster::provider(engine, engine.parts().await?);
    let mut status = Status {
        cluster: name.into(),
        context: format!("{}-{name}", provider.name()),
        state: "absent".into(),
        kubernetes: None,
        nodes: Vec::new(),
        operator: None,
        registry: registry::address(&engine.docker).await?,
        apps: Vec::new(),
        log_file: engine.paths.log_file().display().to_string(),
    };
    if let Some(found) = provider.find(name).await? {
        state_of(engine, provider.as_ref(), &found, &mut status).await?;
    }
    engine.events.emit(Event::Status(Box::new(status)));
    Ok(())
}

async fn state_of(engine: &Engine, provider: &dyn Provider, found: &Found, status: &mut Status) -> Result<()> {
    if cluster::owner_of(engine, provider, found).await? == Owner::Foreign {
        return Err(ClusterError::Foreign { provider: provider.name(), name: found.name.clone() }.into());
    }
    for node in &found.nodes {
        status.nodes.push(NodeStatus {
            name: node.name.clone(),
            role: node.role.clone(),
            running: node.running,
            shim: platform::installed_shim(&engine.docker, node).await?,
        });
    }
    let running = found.nodes.iter().filter(|node| node.running).count();
    let half_made = cluster::owner_of(engine, provider, found).await? == Owner::Begun;
    status.state = match running {
        _ if half_made => "half made",
        0 => "stopped",
        all if all == found.nodes.len() => "running",
        _ => "partly running",
    }
    .into();
    if running == 0 || half_made {
        return Ok(());
    }
    let client = client_for(provider, found).await?;
    let cluster = Cluster::new(found.clone(), client);
    match tokio::time::timeout(API_LIMIT, ask(engine, &cluster, status)).await {
        Ok(answered) => answered?,
        Err(_) => engine.events.warn(
            format!("the API server of {} does not answer", found.name),
            "`spinkube-dev start` waits until it does",
        ),
    }
    Ok(())
}

async fn ask(engine: &Engine, cluster: &Cluster, status: &mut Status) -> Result<()> {
    let version = cluster.client.apiserver_version().await.map_err(ClusterError::api("tell its version"))?;
    status.kubernetes = Some(version.git_version);
    status.operator = platform::read_stamp(&cluster.client).await?.map(|stamp| stamp.version);
    status.apps = app::list(engine, cluster, None).await?;
    Ok(())
}
