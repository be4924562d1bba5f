//! The cluster's API server: a client for it, and waiting until it answers.

use std::time::{Duration, Instant};

use kube::{Client, Config, config::KubeConfigOptions};

use super::{
    ClusterError,
    provider::{Found, Provider},
};

/// Between two tries to reach an API server that is starting.
const RETRY: Duration = Duration::from_millis(100);

/// A client for a found cluster, by its own kubeconfig and never by the current context.
pub async fn client_for(provider: &dyn Provider, found: &Found) -> Result<Client, ClusterError> {
    let broken = |reason: String| ClusterError::Kubeconfig { name: found.name.clone(), reason };
    let kubeconfig = provider.kubeconfig(found).await?;
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .map_err(|error| broken(error.to_string()))?;
    // The server is on this machine's loopback: a proxy of the environment can't reach it.
    config.proxy_url = None;
    Client::try_from(config).map_err(|error| broken(error.to_string()))
}

/// Waits until the API server says that it is ready.
pub async fn wait_for_api(client: &Client, cluster: &str, limit: Duration) -> Result<(), ClusterError> {
    let began = Instant::now();
    loop {
        let request = http::Request::get("/readyz").body(Vec::new()).map_err(|error| ClusterError::NoApi {
            name: cluster.into(),
            seconds: 0,
            reason: error.to_string(),
        })?;
        match client.request_text(request).await {
            Ok(_) => return Ok(()),
            Err(error) if began.elapsed() > limit => {
                let (name, seconds) = (cluster.into(), limit.as_secs());
                return Err(ClusterError::NoApi { name, seconds, reason: error.to_string() });
            }
            Err(error) => tracing::debug!(%error, "the API server is not ready yet"),
        }
        // A server that is not there offers nothing to be awaited; asking again is all one can do.
        tokio::time::sleep(RETRY).await;
    }
}
