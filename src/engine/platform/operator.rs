//! The operator: its image into the nodes, its manifests onto the API server.

use kube::{
    Client, ResourceExt,
    api::DynamicObject,
    runtime::{conditions, wait::await_condition},
};

use super::{PlatformError, apply, available};
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
/// The executor comes before the webhooks that would judge it: nothing serves them yet.
const REST: [(&str, &str); 4] = [
    ("operator/config/executor.yaml", include_str!("../../../operator/config/executor.yaml")),
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

/// Applies CRDs, executor and operator. Does not wait for the operator.
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
        objects.iter_mut().for_each(|object| set_image(object, &image.reference));
        apply::apply(client, &objects).await?;
    }
    Ok(())
}

/// Waits until the operator, in the version that was applied, reconciles and serves its webhooks.
pub async fn wait(client: &Client) -> Result<(), PlatformError> {
    available(client, NAMESPACE, DEPLOYMENT).await
}

async fn established(client: &Client, name: &str) -> Result<(), PlatformError> {
    let crds = kube::Api::all(client.clone());
    let done = await_condition(crds, name, conditions::is_crd_established());
    match tokio::time::timeout(super::DEPLOYMENT_LIMIT, done).await {
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
