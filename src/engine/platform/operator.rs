//! The operator: its image into the nodes, its manifests onto the API server.

use std::time::{Duration, Instant};

use kube::{
    Client, ResourceExt,
    api::DynamicObject,
    runtime::{conditions, wait::await_condition},
};

use tokio::time::{sleep, timeout};

use super::{PlatformError, apply, rolled_out};
use crate::engine::{
    docker::image::{Built, StaticImage},
    parts::Parts,
};

const DEPLOYMENT: &str = "spin-operator-controller-manager";
const NAMESPACE: &str = "spin-operator";

/// What must be there before the rest, in order.
const CRDS: [(&str, &str); 2] = [
    ("operator/config/crd/spinapps.yaml", include_str!("../../../operator/config/crd/spinapps.yaml")),
    ("operator/config/crd/spinappexecutors.yaml", include_str!("../../../operator/config/crd/spinappexecutors.yaml")),
];
const BASE: [(&str, &str); 2] = [
    ("operator/config/namespace.yaml", include_str!("../../../operator/config/namespace.yaml")),
    ("operator/config/runtime-class.yaml", include_str!("../../../operator/config/runtime-class.yaml")),
];
const EXECUTOR: (&str, &str) =
    ("operator/config/executor.yaml", include_str!("../../../operator/config/executor.yaml"));
/// How long one try to reach the webhooks may take.
const ATTEMPT: Duration = Duration::from_secs(1);
/// Between two tries.
const RETRY: Duration = Duration::from_millis(50);
const REST: [(&str, &str); 3] = [
    ("operator/config/rbac.yaml", include_str!("../../../operator/config/rbac.yaml")),
    ("operator/config/operator.yaml", include_str!("../../../operator/config/operator.yaml")),
    ("operator/config/webhooks.yaml", include_str!("../../../operator/config/webhooks.yaml")),
];

/// The operator's image, made from the program that this one carries.
pub fn image(parts: &Parts) -> Result<Built, PlatformError> {
    let program = parts.bytes("operator")?;
    let image = StaticImage {
        // A name that no registry serves: nodes get it from here alone.
        name: "localhost/spin-operator",
        entrypoint: "/manager",
        command: &[],
        user: "65532:65532",
        files: &[("/manager", &program, 0o755)],
    };
    Ok(image.build()?)
}

/// Applies what the other steps stand on: the operator's namespace and the `RuntimeClass`.
pub async fn install_base(client: &Client) -> Result<(), PlatformError> {
    for (name, yaml) in BASE {
        apply::apply(client, &apply::objects(name, yaml)?).await?;
    }
    Ok(())
}

/// Applies CRDs and operator. Waits for neither operator nor webhooks.
pub async fn install(client: &Client, image: &Built) -> Result<(), PlatformError> {
    let mut crds = Vec::new();
    for (name, yaml) in CRDS {
        crds.extend(apply::objects(name, yaml)?);
    }
    apply::apply(client, &crds).await?;
    for crd in &crds {
        established(client, &crd.name_any()).await?;
    }
    for (name, yaml) in REST {
        let mut objects = apply::objects(name, yaml)?;
        for object in &mut objects {
            set_image(object, &image.reference);
        }
        apply::apply(client, &objects).await?;
    }
    Ok(())
}

/// Waits until the operator, in the version that was applied, reconciles and serves its webhooks, and gives the cluster
/// its default executor.
pub async fn wait(client: &Client) -> Result<(), PlatformError> {
    rolled_out(client, NAMESPACE, DEPLOYMENT).await?;
    apply_executor(client).await
}

/// The executor is judged by the operator's webhooks, so that its apply is the proof that the API server reaches them: a
/// ready pod is behind its Service only when kube-proxy has written so, up to a second later, and after a restart of the
/// node the API server may wait for an address of before, so each try is short.
async fn apply_executor(client: &Client) -> Result<(), PlatformError> {
    let (name, yaml) = EXECUTOR;
    let objects = apply::objects(name, yaml)?;
    let began = Instant::now();
    loop {
        match timeout(ATTEMPT, apply::apply(client, &objects)).await {
            Ok(Err(error)) if error.is_unreachable_webhook() && began.elapsed() < super::DEPLOYMENT_LIMIT => {
                tracing::debug!(%error, "the webhooks do not answer yet");
            }
            Err(_) if began.elapsed() < super::DEPLOYMENT_LIMIT => tracing::debug!("the webhooks keep us waiting"),
            Ok(applied) => return applied,
            Err(_) => {
                return Err(PlatformError::NotAvailable {
                    namespace: NAMESPACE.into(),
                    name: "spin-operator-webhook-service".into(),
                    seconds: super::DEPLOYMENT_LIMIT.as_secs(),
                });
            }
        }
        // The API server offers nothing to be awaited here; asking again is all one can do.
        sleep(RETRY).await;
    }
}

async fn established(client: &Client, name: &str) -> Result<(), PlatformError> {
    let crds = kube::Api::all(client.clone());
    let done = await_condition(crds, name, conditions::is_crd_established());
    match timeout(super::DEPLOYMENT_LIMIT, done).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(source)) => Err(PlatformError::Watch { what: name.into(), source: Box::new(source) }),
        Err(_) => Err(PlatformError::NotAvailable {
            namespace: "the CRD".into(),
            name: name.into(),
            seconds: super::DEPLOYMENT_LIMIT.as_secs(),
        }),
    }
}

fn set_image(object: &mut DynamicObject, reference: &str) {
    if object.types.as_ref().is_some_and(|types| types.kind == "Deployment") {
        let containers = object.data.pointer_mut("/spec/template/spec/containers");
        for container in containers.and_then(serde_json::Value::as_array_mut).into_iter().flatten() {
            container["image"] = reference.into();
        }
    }
}
