//! What makes a cluster a `SpinKube`: the shim in its nodes, the operator in it, the default executor.
//!
//! Everything here can be repeated: what is there already, in the right version, is left alone.

mod apply;
mod error;
mod operator;
mod probe;
mod shim;
mod stamp;

pub use error::PlatformError;
pub use operator::{image as operator_image, install as install_operator, install_base, wait as wait_for_operator};
pub use probe::verify as verify_shim;
pub use shim::{install as install_shim, installed as installed_shim};
pub use stamp::{Stamp, read as read_stamp, write as write_stamp};

use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use kube::{
    Api, Client,
    runtime::{
        conditions,
        wait::{Condition, await_condition},
    },
};

/// How long a Deployment of the platform may take to become available.
const DEPLOYMENT_LIMIT: Duration = Duration::from_mins(2);

/// Waits until the cluster's own DNS answers. One of its pods is enough for that.
pub async fn wait_for_dns(client: &Client) -> Result<(), PlatformError> {
    wait_for(client, "kube-system", "coredns", |it: Option<&Deployment>| it.is_some_and(is_available)).await
}

/// What `kubectl get deployment` calls AVAILABLE: no more pods are missing than a rollout may take away.
fn is_available(deployment: &Deployment) -> bool {
    let conditions = deployment.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|it| it.type_ == "Available" && it.status == "True")
}

/// Waits until a Deployment has rolled out to the last pod.
async fn rolled_out(client: &Client, namespace: &str, name: &str) -> Result<(), PlatformError> {
    wait_for(client, namespace, name, conditions::is_deployment_completed()).await
}

async fn wait_for(
    client: &Client,
    namespace: &str,
    name: &str,
    condition: impl Condition<Deployment>,
) -> Result<(), PlatformError> {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    let done = await_condition(deployments, name, condition);
    match tokio::time::timeout(DEPLOYMENT_LIMIT, done).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(source)) => Err(PlatformError::Watch { what: format!("{namespace}/{name}"), source: Box::new(source) }),
        Err(_) => Err(PlatformError::NotAvailable {
            namespace: namespace.into(),
            name: name.into(),
            seconds: DEPLOYMENT_LIMIT.as_secs(),
        }),
    }
}
