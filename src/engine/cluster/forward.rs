//! Ports of this machine that lead to apps: one small container an app, on the cluster's Docker network.
//!
//! Its published port outlives the command, works where node addresses can't be reached from the host, and
//! keeps an app at its root path. All that there is to know about it stands in its labels, also while it is stopped.

use std::collections::{BTreeSet, HashMap};

use bollard::{
    models::{
        ContainerCreateBody, ContainerSummary, ContainerSummaryStateEnum, HostConfig, PortBinding, RestartPolicy,
        RestartPolicyNameEnum,
    },
    query_parameters as query,
};

use super::ClusterError;
use crate::engine::{
    docker::{Docker, DockerError, LABEL, image::StaticImage, refused},
    parts::Parts,
};

/// The port that it listens on inside.
const PORT: u16 = 8080;
/// The ports of this machine that are tried, in turn.
const HOST_PORTS: std::ops::RangeInclusive<u16> = 8081..=8980;
const KIND: &str = "url";
const CLUSTER: &str = "dev.spinkube.cluster";
const NAMESPACE: &str = "dev.spinkube.namespace";
const APP: &str = "dev.spinkube.app";
const HOST_PORT: &str = "dev.spinkube.port";
const TARGET: &str = "dev.spinkube.target";

/// A port of this machine that leads to an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forwarder {
    /// The container's name.
    pub container: String,
    /// The cluster's name.
    pub cluster: String,
    /// The app's namespace.
    pub namespace: String,
    /// The app's name.
    pub app: String,
    /// The port of this machine.
    pub port: u16,
    /// `NODE:PORT`, resolved by Docker for each connection.
    pub target: String,
    /// The image it was made of.
    pub image: String,
    /// Whether it runs.
    pub running: bool,
}

/// The forwarder that is needed.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// The cluster's name.
    pub cluster: &'a str,
    /// The Docker network that its nodes are on.
    pub network: &'a str,
    /// The app's namespace.
    pub namespace: &'a str,
    /// The app's name.
    pub app: &'a str,
    /// `NODE:PORT`.
    pub target: String,
}

impl Forwarder {
    /// Where the app answers.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    fn from(container: ContainerSummary) -> Option<Self> {
        let labels = container.labels?;
        let label = |key| labels.get(key).cloned();
        Some(Self {
            container: container.names?.first()?.trim_start_matches('/').to_owned(),
            cluster: label(CLUSTER)?,
            namespace: label(NAMESPACE)?,
            app: label(APP)?,
            port: label(HOST_PORT)?.parse().ok()?,
            target: label(TARGET)?,
            image: container.image?,
            running: container.state == Some(ContainerSummaryStateEnum::RUNNING),
        })
    }
}

/// The forwarders of a cluster.
pub async fn list(docker: &Docker, cluster: &str) -> Result<Vec<Forwarder>, ClusterError> {
    let mut all = every(docker).await?;
    all.retain(|it| it.cluster == cluster);
    Ok(all)
}

/// Makes the forwarder of an app, or keeps the one that is there; its port stays the same as long as it is free.
pub async fn ensure(docker: &Docker, parts: &Parts, wanted: &Wanted<'_>) -> Result<Forwarder, ClusterError> {
    let program = parts.bytes("port-forwarder")?;
    let image = StaticImage {
        name: "spinkube-dev/port-forwarder",
        entrypoint: "/port-forwarder",
        command: &[],
        user: "65534:65534",
        files: &[("/port-forwarder", &program, 0o755)],
    };
    let image = image.build()?;
    let (mine, others): (Vec<_>, Vec<_>) = every(docker).await?.into_iter().partition(|it| {
        (it.cluster.as_str(), it.namespace.as_str(), it.app.as_str()) == (wanted.cluster, wanted.namespace, wanted.app)
    });
    let mine = mine.into_iter().next();
    if let Some(kept) = mine.as_ref().filter(|it| it.image == image.reference && it.target == wanted.target) {
        if kept.running {
            return Ok(kept.clone());
        }
        match docker.start(&kept.container).await {
            Ok(()) => return Ok(Forwarder { running: true, ..kept.clone() }),
            Err(DockerError::PortTaken { .. }) => tracing::info!(port = kept.port, "an app's port was taken meanwhile"),
            Err(error) => return Err(error.into()),
        }
    }
    let reference = docker.ensure_image(image).await?;
    if let Some(old) = &mine {
        docker.remove(&old.container).await?;
    }
    let taken: BTreeSet<u16> = others.iter().map(|it| it.port).collect();
    for port in candidates(mine.map(|it| it.port), &taken).filter(|port| is_free(*port)) {
        if let Some(made) = create(docker, &reference, wanted, port).await? {
            return Ok(made);
        }
    }
    Err(ClusterError::NoPort { from: *HOST_PORTS.start(), to: *HOST_PORTS.end(), purpose: "the app's URL" })
}

/// Starts the forwarders of a cluster that are stopped. One whose port was taken meanwhile stays as it is: the next
/// deploy of its app finds another.
pub async fn start_all(docker: &Docker, cluster: &str) -> Result<(), ClusterError> {
    for stopped in list(docker, cluster).await?.iter().filter(|it| !it.running) {
        match docker.start(&stopped.container).await {
            Err(DockerError::PortTaken { .. }) => {
                tracing::info!(port = stopped.port, app = stopped.app, "the port was taken");
            }
            started => started?,
        }
    }
    Ok(())
}

/// Removes the forwarder of an app; `false` when there was none.
pub async fn remove(docker: &Docker, cluster: &str, namespace: &str, app: &str) -> Result<bool, ClusterError> {
    Ok(docker.remove(&name(cluster, namespace, app)).await?)
}

/// Removes all forwarders of a cluster.
pub async fn remove_all(docker: &Docker, cluster: &str) -> Result<(), ClusterError> {
    let containers = list(docker, cluster).await?;
    futures::future::try_join_all(containers.iter().map(|it| docker.remove(&it.container))).await?;
    Ok(())
}

/// The container's name. Dots can't be in the names of apps and namespaces.
#[must_use]
pub fn name(cluster: &str, namespace: &str, app: &str) -> String {
    format!("spinkube-url.{cluster}.{namespace}.{app}")
}

/// The ports to try: the remembered one, then upward, without those that other apps have, running or not.
fn candidates(remembered: Option<u16>, taken: &BTreeSet<u16>) -> impl Iterator<Item = u16> {
    let upward = HOST_PORTS.filter(move |port| Some(*port) != remembered && !taken.contains(port));
    remembered.into_iter().chain(upward)
}

/// Whether nothing listens on a port of this machine's loopback, in either family: a name like `localhost` means
/// both.
fn is_free(port: u16) -> bool {
    let in_use = |address: &str| {
        let bound = std::net::TcpListener::bind((address, port));
        bound.is_err_and(|error| error.kind() == std::io::ErrorKind::AddrInUse)
    };
    !in_use("127.0.0.1") && !in_use("::1")
}

async fn every(docker: &Docker) -> Result<Vec<Forwarder>, ClusterError> {
    let containers = docker.labelled(&format!("{LABEL}={KIND}")).await?;
    Ok(containers.into_iter().filter_map(Forwarder::from).collect())
}

/// `None` when somebody took the port between the look and the start.
async fn create(
    docker: &Docker,
    image: &str,
    wanted: &Wanted<'_>,
    port: u16,
) -> Result<Option<Forwarder>, ClusterError> {
    let container = name(wanted.cluster, wanted.namespace, wanted.app);
    let options = query::CreateContainerOptionsBuilder::default().name(&container).build();
    let created = docker.api().create_container(Some(options), body(image, wanted, port)).await;
    created.map_err(refused(format!("create {container}")))?;
    match docker.start(&container).await {
        Ok(()) => Ok(Some(Forwarder {
            container,
            cluster: wanted.cluster.into(),
            namespace: wanted.namespace.into(),
            app: wanted.app.into(),
            port,
            target: wanted.target.clone(),
            image: image.into(),
            running: true,
        })),
        Err(error) => {
            docker.remove(&container).await?;
            if matches!(error, DockerError::PortTaken { .. }) { Ok(None) } else { Err(error.into()) }
        }
    }
}

fn body(image: &str, wanted: &Wanted<'_>, port: u16) -> ContainerCreateBody {
    let inside = format!("{PORT}/tcp");
    let binding = PortBinding { host_ip: Some("127.0.0.1".into()), host_port: Some(port.to_string()) };
    let labels = [
        (LABEL, KIND),
        (CLUSTER, wanted.cluster),
        (NAMESPACE, wanted.namespace),
        (APP, wanted.app),
        (HOST_PORT, &port.to_string()),
        (TARGET, &wanted.target),
    ];
    ContainerCreateBody {
        image: Some(image.into()),
        cmd: Some(vec![format!("0.0.0.0:{PORT}"), wanted.target.clone()]),
        labels: Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
        exposed_ports: Some(vec![inside.clone()]),
        host_config: Some(HostConfig {
            network_mode: Some(wanted.network.into()),
            port_bindings: Some(HashMap::from([(inside, Some(vec![binding]))])),
            restart_policy: Some(RestartPolicy {
                name: Some(RestartPolicyNameEnum::UNLESS_STOPPED),
                maximum_retry_count: None,
            }),
            cap_drop: Some(vec!["ALL".into()]),
            readonly_rootfs: Some(true),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_remembered_port_comes_first_and_others_ports_are_left_alone() {
        let taken = BTreeSet::from([8081, 8083]);
        assert_eq!(candidates(None, &taken).take(3).collect::<Vec<_>>(), [8082, 8084, 8085]);
        assert_eq!(candidates(Some(8084), &taken).take(3).collect::<Vec<_>>(), [8084, 8082, 8085]);
        assert_eq!(candidates(Some(8084), &taken).filter(|port| *port == 8084).count(), 1);
    }

    #[test]
    fn a_port_in_use_on_either_loopback_is_not_free() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(!is_free(port));
        drop(listener);
        assert!(is_free(port));
        // Machines without IPv6 have nothing to test here.
        if let Ok(listener) = std::net::TcpListener::bind("[::1]:0") {
            assert!(!is_free(listener.local_addr().unwrap().port()));
        }
    }

    #[test]
    fn labels_tell_all_of_a_stopped_container() {
        let wanted =
            Wanted { cluster: "c", network: "kind", namespace: "n", app: "a", target: "c-control-plane:30080".into() };
        let body = body("image", &wanted, 8085);
        let summary = ContainerSummary {
            names: Some(vec![format!("/{}", name("c", "n", "a"))]),
            labels: body.labels,
            image: body.image,
            state: Some(ContainerSummaryStateEnum::EXITED),
            ..ContainerSummary::default()
        };
        let forwarder = Forwarder::from(summary).unwrap();
        assert_eq!((forwarder.url().as_str(), forwarder.running), ("http://localhost:8085", false));
        assert_eq!(forwarder.target, wanted.target);
    }
}
