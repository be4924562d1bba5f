//! The local registry: distribution in its own container, on loopback, kept across clusters.
//!
//! It is known to nodes by certs.d under the same name that the host uses (`localhost:PORT`), and announced to other
//! tools by the `ConfigMap` of KEP-1755. A registry which a cluster announces already is used instead of ours.

use std::{collections::HashMap, net::TcpListener};

use bollard::{
    models::{
        ContainerCreateBody, HostConfig, NetworkConnectRequest, PortBinding, RestartPolicy, RestartPolicyNameEnum,
    },
    query_parameters as query,
};
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde::Deserialize;
use serde_json::json;

use super::{Cluster, ClusterError, provider::Node};
use crate::engine::{
    docker::{
        Docker, DockerError, LABEL,
        files::{Content, Upload},
        image::StaticImage,
        refused,
    },
    parts::Parts,
};

/// The container's and its volume's name.
pub const NAME: &str = "spinkube-registry";
/// The port that it listens on inside.
const PORT: u16 = 5000;
/// The ports of this machine that are tried, in turn.
const HOST_PORTS: std::ops::RangeInclusive<u16> = 5001..=5020;
const KEP_1755: (&str, &str, &str) = ("kube-public", "local-registry-hosting", "localRegistryHosting.v1");

/// A registry that answers on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    /// `localhost:PORT`: where to push to, and the name in images.
    pub address: String,
    /// Whether it is the one made here.
    pub own: bool,
}

/// Makes and starts the registry; what is there is kept.
pub async fn ensure(docker: &Docker, parts: &Parts) -> Result<Registry, ClusterError> {
    let (program, config) = (parts.bytes("registry")?, parts.bytes("registry.yml")?);
    let image = StaticImage {
        name: "spinkube-dev/registry",
        entrypoint: "/registry",
        command: &["serve", "/etc/distribution/config.yml"],
        user: "0:0",
        files: &[("/registry", &program, 0o755), ("/etc/distribution/config.yml", &config, 0o644)],
    };
    let image = image.build()?;
    if let Some(container) = docker.inspect(NAME).await? {
        let running = container.state.and_then(|state| state.running).unwrap_or_default();
        let current = container.config.and_then(|config| config.image).is_some_and(|name| name == image.reference);
        let remembered = container.host_config.as_ref().and_then(host_port);
        if let Some(port) = remembered.filter(|_| current) {
            if running {
                return Ok(own(port));
            }
            match docker.start(NAME).await {
                Ok(()) => return Ok(own(port)),
                Err(DockerError::PortTaken { .. }) => tracing::info!(port, "the registry's port was taken meanwhile"),
                Err(error) => return Err(error.into()),
            }
        }
        // Another version, or a port that is gone: the data are in the volume.
        docker.remove(NAME).await?;
        let reference = docker.ensure_image(image).await?;
        return create(docker, &reference, remembered).await;
    }
    let reference = docker.ensure_image(image).await?;
    create(docker, &reference, None).await
}

/// The address of our registry when its container runs.
pub async fn address(docker: &Docker) -> Result<Option<String>, ClusterError> {
    let container = docker.inspect(NAME).await?;
    let running = container.filter(|it| it.state.as_ref().and_then(|state| state.running) == Some(true));
    let port = running.and_then(|it| it.host_config).as_ref().and_then(host_port);
    Ok(port.map(|port| own(port).address))
}

/// Puts the registry on the network of a cluster's nodes.
pub async fn join(docker: &Docker, network: &str) -> Result<(), ClusterError> {
    let joined = docker.inspect(NAME).await?.and_then(|it| it.network_settings).and_then(|it| it.networks);
    if joined.is_some_and(|networks| networks.contains_key(network)) {
        return Ok(());
    }
    let request = NetworkConnectRequest { container: NAME.into(), ..NetworkConnectRequest::default() };
    let connected = docker.api().connect_network(network, request).await;
    Ok(connected.map_err(refused(format!("connect {NAME} to the network {network}")))?)
}

/// Tells a node's containerd where the registry is. It reads this at each pull: nothing is restarted.
pub async fn introduce(docker: &Docker, node: &Node, registry: &Registry) -> Result<(), ClusterError> {
    let path = format!("/etc/containerd/certs.d/{}/hosts.toml", registry.address);
    let hosts = format!("[host.\"http://{NAME}:{PORT}\"]\n");
    let upload = Upload { path: &path, content: Content::File(hosts.as_bytes(), 0o644) };
    Ok(docker.upload(&node.name, &[upload]).await?)
}

/// Announces the registry to other tools.
pub async fn announce(client: &Client, registry: &Registry) -> Result<(), ClusterError> {
    let (namespace, name, key) = KEP_1755;
    let hosting = format!(
        "host: \"{0}\"\nhostFromContainerRuntime: \"{0}\"\nhostFromClusterNetwork: \"{NAME}:{PORT}\"\nhelp: \"https://kind.sigs.k8s.io/docs/user/local-registry/\"\n",
        registry.address
    );
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": name, "namespace": namespace }, "data": { key: hosting },
    });
    let params = PatchParams::apply("spinkube-dev").force();
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    maps.patch(name, &params, &Patch::Apply(map)).await.map_err(ClusterError::api("announce the registry"))?;
    Ok(())
}

/// The registry that a cluster announces, when it is not ours.
pub async fn announced(client: &Client) -> Result<Option<Registry>, ClusterError> {
    Ok(hosting(client).await?.as_deref().and_then(announcement).filter(|registry| !registry.own))
}

/// The registry of a cluster that runs: the one that it announces; when that is ours, it is started where it was
/// stopped, and announced anew where its port had to change.
pub async fn of_cluster(docker: &Docker, parts: &Parts, cluster: &Cluster) -> Result<Registry, ClusterError> {
    let announced = hosting(&cluster.client).await?.as_deref().and_then(announcement);
    match announced {
        Some(registry) if !registry.own || address(docker).await?.as_ref() == Some(&registry.address) => Ok(registry),
        _ => {
            let registry = ensure(docker, parts).await?;
            join(docker, &cluster.network).await?;
            try_join_all(cluster.nodes.iter().map(|node| introduce(docker, node, &registry))).await?;
            announce(&cluster.client, &registry).await?;
            Ok(registry)
        }
    }
}

async fn hosting(client: &Client) -> Result<Option<String>, ClusterError> {
    let (namespace, name, key) = KEP_1755;
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let map = maps.get_opt(name).await.map_err(ClusterError::api("read which registry it has"))?;
    Ok(map.and_then(|map| map.data).and_then(|mut data| data.remove(key)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hosting {
    host: String,
    host_from_cluster_network: Option<String>,
}

fn announcement(hosting: &str) -> Option<Registry> {
    let hosting: Hosting = serde_saphyr::from_str(hosting).ok()?;
    let own = hosting.host_from_cluster_network.is_some_and(|host| host.starts_with(NAME));
    Some(Registry { address: hosting.host, own })
}

async fn create(docker: &Docker, image: &str, remembered: Option<u16>) -> Result<Registry, ClusterError> {
    let ports = remembered.into_iter().chain(HOST_PORTS);
    for port in ports.filter(|port| is_free(*port)) {
        let action = format!("create {NAME}");
        let options = query::CreateContainerOptionsBuilder::default().name(NAME).build();
        docker.api().create_container(Some(options), body(image, port)).await.map_err(refused(action))?;
        match docker.start(NAME).await {
            Ok(()) => return Ok(own(port)),
            // Somebody took it between the look and the start.
            Err(DockerError::PortTaken { .. }) => docker.remove(NAME).await?,
            Err(error) => return Err(error.into()),
        };
    }
    Err(ClusterError::NoPort { from: *HOST_PORTS.start(), to: *HOST_PORTS.end(), purpose: "the registry" })
}

fn body(image: &str, port: u16) -> ContainerCreateBody {
    let inside = format!("{PORT}/tcp");
    let binding = PortBinding { host_ip: Some("127.0.0.1".into()), host_port: Some(port.to_string()) };
    ContainerCreateBody {
        image: Some(image.into()),
        labels: Some(HashMap::from([(LABEL.to_owned(), "registry".to_owned())])),
        exposed_ports: Some(vec![inside.clone()]),
        host_config: Some(HostConfig {
            binds: Some(vec![format!("{NAME}:/var/lib/registry")]),
            port_bindings: Some(HashMap::from([(inside, Some(vec![binding]))])),
            restart_policy: Some(RestartPolicy {
                name: Some(RestartPolicyNameEnum::UNLESS_STOPPED),
                maximum_retry_count: None,
            }),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    }
}

fn host_port(config: &HostConfig) -> Option<u16> {
    let bindings = config.port_bindings.as_ref()?.get(&format!("{PORT}/tcp"))?.as_ref()?;
    bindings.first()?.host_port.as_deref()?.parse().ok()
}

fn own(port: u16) -> Registry {
    Registry { address: format!("localhost:{port}"), own: true }
}

/// Whether nothing listens on a port of this machine's loopback.
#[must_use]
pub fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_announcement_tells_whose_registry_it_is() {
        let theirs = announcement("host: \"localhost:5555\"\nhelp: \"x\"\n");
        assert_eq!(theirs, Some(Registry { address: "localhost:5555".into(), own: false }));
        let ours = announcement("host: \"localhost:5001\"\nhostFromClusterNetwork: \"spinkube-registry:5000\"\n");
        assert_eq!(ours, Some(Registry { address: "localhost:5001".into(), own: true }));
        assert_eq!(announcement("no: yaml: at all"), None);
    }

    #[test]
    fn the_port_is_remembered_in_the_container() {
        let body = body("image", 5007);
        assert_eq!(host_port(&body.host_config.unwrap()), Some(5007));
    }
}
