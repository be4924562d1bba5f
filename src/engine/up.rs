//! `up`: from whatever is there to a cluster that works, with an app that answers.
//!
//! Actors of a fresh start, all owned by [`create`]: the provider, which makes the nodes; the node work, which waits
//! for their containers and puts shim, registry address and operator image into them while kubeadm still runs; and the
//! app's build. What comes after needs an API server and runs side by side again: operator, probe, DNS.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use futures::future::try_join_all;

use super::{
    Engine, Error, Result,
    app::{self, DeployOptions, Prepared, Source},
    cluster::{
        self, Cluster, ClusterError, client_for,
        intent::{Intent, Owner},
        nodes,
        provider::{Found, Node, Provider, Spec},
        registry::{self, Registry},
        wait_for_api,
    },
    down,
    event::{AppSummary, Event},
    host, node_image,
    parts::Parts,
    platform::{self, Stamp},
};

/// How long an API server may take to answer after its node has started.
const API_LIMIT: Duration = Duration::from_mins(2);

/// What `up` is to do.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The cluster's name.
    pub name: String,
    /// Worker nodes beside the control plane, for a cluster that is made now.
    pub workers: usize,
    /// The user's own provider config.
    pub config: Option<PathBuf>,
    /// The user's own node image.
    pub node_image: Option<String>,
    /// The app to deploy.
    pub app: AppChoice,
    /// How to deploy it.
    pub options: DeployOptions,
}

/// Which app `up` deploys.
#[derive(Debug, Clone, Default)]
pub enum AppChoice {
    /// The one that this program carries.
    #[default]
    Demo,
    /// One of the user's.
    Source(Source),
    /// None.
    None,
}

/// Brings everything up and says so with [`Event::UpFinished`].
pub async fn up(engine: &Engine, request: &Request) -> Result<()> {
    let began = Instant::now();
    let events = &engine.events;
    cluster::check_name(&request.name)?;
    let parts = engine.parts().await?;
    let provider = cluster::provider(engine, parts.clone());
    let source = match &request.app {
        AppChoice::Demo => Some(Source::prebuilt(parts.path("demo")?)?),
        AppChoice::Source(source) => Some(source.clone()),
        AppChoice::None => None,
    };
    let situation = events.step("look at what is there", situation(engine, provider.as_ref(), &request.name)).await?;
    let ready = match situation {
        Situation::Whole(found) => reuse(engine, provider.as_ref(), &parts, found, source.as_ref(), request).await?,
        Situation::Nothing => create(engine, provider.as_ref(), &parts, source.as_ref(), request).await?,
        Situation::Broken(why) => {
            events.notice(format!("{why}: making the cluster {} anew", request.name));
            events.step("remove what is left", down::remove(engine, provider.as_ref(), &request.name)).await?;
            create(engine, provider.as_ref(), &parts, source.as_ref(), request).await?
        }
    };
    let apps = finish(engine, &parts, &ready, request).await?;
    events.emit(Event::UpFinished {
        seconds: began.elapsed().as_secs_f64(),
        cluster: ready.cluster.name.clone(),
        context: ready.cluster.context.clone(),
        reused: ready.reused,
        steps: events.step_times(),
        apps,
    });
    Ok(())
}

/// What is there under the cluster's name.
enum Situation {
    Nothing,
    Whole(Found),
    /// Ours but beyond repair, and why.
    Broken(&'static str),
}

/// A cluster whose API server answers.
struct Ready {
    cluster: Cluster,
    registry: Registry,
    reused: bool,
    /// Nodes that got their shim just now, and are not proven yet.
    unproven: Vec<Node>,
    /// Whether operator and executor are to be installed.
    install: bool,
    /// The app, built and packed.
    app: Option<Prepared>,
}

async fn situation(engine: &Engine, provider: &dyn Provider, name: &str) -> Result<Situation> {
    let Some(found) = provider.find(name).await? else { return Ok(Situation::Nothing) };
    let owner = cluster::owner_of(engine, provider, &found).await?;
    let intent = Intent::read(&engine.paths, provider.name(), name)?;
    Ok(match owner {
        Owner::Foreign => return Err(ClusterError::Foreign { provider: provider.name(), name: name.into() }.into()),
        Owner::Begun => Situation::Broken("an earlier `up` was interrupted"),
        Owner::Ours if !found.nodes.iter().any(Node::is_control_plane) => {
            Situation::Broken("its control plane was removed")
        }
        Owner::Ours => {
            let missing = intent.map_or(0, |intent| intent.nodes.saturating_sub(found.nodes.len()));
            if missing > 0 {
                engine.events.warn(
                    format!("{missing} node(s) of {name} were removed by hand; the others are used"),
                    "`spinkube-dev down`, then `up`, makes the cluster whole again",
                );
            }
            Situation::Whole(found)
        }
    })
}

async fn create(
    engine: &Engine,
    provider: &dyn Provider,
    parts: &Parts,
    source: Option<&Source>,
    request: &Request,
) -> Result<Ready> {
    let events = &engine.events;
    let count = request.workers + 1;
    let quirks = host::check(&engine.docker.info().await?, count, events)?;
    let node_image = match &request.node_image {
        Some(image) => image.clone(),
        None => events.step("choose the node image", node_image::choose(engine, parts)).await?,
    };
    let mut intent = Intent::new(count);
    intent.write(&engine.paths, provider.name(), &request.name)?;
    let spec = Spec {
        name: request.name.clone(),
        id: intent.id.clone(),
        workers: request.workers,
        node_image,
        config: request.config.clone(),
        quirks,
    };
    let registry = events.step("start the registry", registry::ensure(&engine.docker, parts)).await?;
    let creation = events.step("create the cluster", async { Ok::<_, Error>(provider.create(&spec, events).await?) });
    let node_work = events.step("install the shim", async {
        let found = nodes::started(provider, &request.name, count).await?;
        registry::join(&engine.docker, &found.network).await?;
        prepare_nodes(engine, parts, &found.nodes, &registry).await?;
        Ok::<_, Error>(found)
    });
    let ((), found, app) = tokio::try_join!(creation, node_work, prepare_app(engine, source, request))?;
    intent.created = true;
    intent.write(&engine.paths, provider.name(), &request.name)?;
    let client = client_for(provider, &found).await?;
    wait_for_api(&client, &found.name, API_LIMIT).await?;
    let unproven = found.nodes.clone();
    Ok(Ready { cluster: Cluster::new(found, client), registry, reused: false, unproven, install: true, app })
}

async fn reuse(
    engine: &Engine,
    provider: &dyn Provider,
    parts: &Parts,
    found: Found,
    source: Option<&Source>,
    request: &Request,
) -> Result<Ready> {
    let events = &engine.events;
    let workers = found.nodes.iter().filter(|node| !node.is_control_plane()).count();
    if request.workers > 0 && request.workers != workers {
        events.warn(
            format!("{} is there already, with {workers} worker(s): nodes stay as they were made", found.name),
            "`spinkube-dev down`, then `up`, makes them anew",
        );
    }
    if found.nodes.iter().any(|node| !node.running) {
        let start = try_join_all(found.nodes.iter().map(|node| engine.docker.start(&node.name)));
        events.step("start the nodes", start).await?;
    }
    let client = client_for(provider, &found).await?;
    events.step("reach the API server", wait_for_api(&client, &found.name, API_LIMIT)).await?;
    nodes::forget_removed(&client, &found.nodes).await?;
    provider.export_kubeconfig(&found).await?;
    let (ours, stamp) = (Stamp::of_this_program(parts.digest()), platform::read_stamp(&client).await?);
    if let Some(theirs) = stamp.as_ref().filter(|theirs| theirs.is_newer_than(&ours)) {
        let (name, theirs) = (found.name, theirs.version.clone());
        return Err(ClusterError::Newer { name, theirs, ours: ours.version }.into());
    }
    let registry = if let Some(theirs) = registry::announced(&client).await? {
        theirs
    } else {
        let registry = events.step("start the registry", registry::ensure(&engine.docker, parts)).await?;
        registry::join(&engine.docker, &found.network).await?;
        registry
    };
    let (unproven, app) = tokio::try_join!(
        events.step("install the shim", prepare_nodes(engine, parts, &found.nodes, &registry)),
        prepare_app(engine, source, request),
    )?;
    let install = stamp.as_ref() != Some(&ours);
    // Without a stamp an earlier `up` ended before its proof.
    let unproven = if stamp.is_none() { found.nodes.clone() } else { unproven };
    Ok(Ready { cluster: Cluster::new(found, client), registry, reused: true, unproven, install, app })
}

/// Puts into each node what it needs, and returns those whose shim is new.
async fn prepare_nodes(engine: &Engine, parts: &Parts, nodes: &[Node], registry: &Registry) -> Result<Vec<Node>> {
    let shim = parts.bytes("shim")?;
    let each = nodes.iter().map(|node| async {
        if registry.own {
            registry::introduce(&engine.docker, node, registry).await?;
        }
        let new = platform::install_shim(&engine.docker, node, &shim).await?;
        Ok::<_, Error>(new.then(|| node.clone()))
    });
    let unproven: Vec<Node> = try_join_all(each).await?.into_iter().flatten().collect();
    if !unproven.is_empty() {
        nodes::import(&engine.docker, nodes, &platform::operator_image(parts)?).await?;
    }
    Ok(unproven)
}

async fn prepare_app(engine: &Engine, source: Option<&Source>, request: &Request) -> Result<Option<Prepared>> {
    match source {
        Some(source) => Ok(Some(app::prepare(engine, source, &request.options).await?)),
        None => Ok(None),
    }
}

/// What needs an API server: operator, executor, proof of the shim, DNS, the app.
async fn finish(engine: &Engine, parts: &Parts, ready: &Ready, request: &Request) -> Result<Vec<AppSummary>> {
    let events = &engine.events;
    let (cluster, client) = (&ready.cluster, &ready.cluster.client);
    if ready.registry.own {
        registry::announce(client, &ready.registry).await?;
    }
    if ready.install {
        platform::install_base(client).await?;
    }
    let install = async {
        if ready.install {
            let image = platform::operator_image(parts)?;
            nodes::import(&engine.docker, &cluster.nodes, &image).await?;
            platform::install_operator(client, &image).await?;
        }
        Ok::<_, Error>(platform::wait_for_operator(client).await?)
    };
    let operator = events.step("install the operator", install);
    let proof = async {
        if ready.unproven.is_empty() {
            return Ok(());
        }
        let probe = Source::prebuilt(parts.path("demo")?)?;
        let verify = async {
            let image = app::push_for_nodes(engine, &ready.registry.address, &probe).await?;
            Ok::<_, Error>(platform::verify_shim(client, &ready.unproven, &image).await?)
        };
        events.step("verify the shim", verify).await
    };
    let app = async {
        operator.await?;
        let Some(app) = &ready.app else { return Ok(Vec::new()) };
        let deploy = app::deploy_prepared(engine, cluster, &ready.registry.address, app, &request.options);
        Ok::<_, Error>(vec![deploy.await?])
    };
    let dns = events.step("wait for DNS", async { Ok::<_, Error>(platform::wait_for_dns(client).await?) });
    let (apps, (), ()) = tokio::try_join!(app, proof, dns)?;
    if ready.install {
        platform::write_stamp(client, &Stamp::of_this_program(parts.digest())).await?;
    }
    Ok(apps)
}
