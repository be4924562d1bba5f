//! The one container of an app's pod: the app itself for the shim, or Spin in a container.

use k8s_openapi::api::core::v1::{Container, ContainerPort, ResourceRequirements, VolumeMount};
use kube::ResourceExt;
use spinkube_api::contract::{HTTP_PORT, HTTP_PORT_NAME, RUNTIME_CONFIG_PATH};
use spinkube_api::executor::DeploymentConfig;
use spinkube_api::{Resources, SpinApp};

use super::DesiredError;
use super::env::{env, listen_address};
use super::probe::probe;

pub(super) fn container(
    app: &SpinApp,
    config: &DeploymentConfig,
    mounts: Vec<VolumeMount>,
) -> Result<Container, DesiredError> {
    let checks = app.spec.checks.clone().unwrap_or_default();
    let common = Container {
        name: app.name_any(),
        ports: Some(vec![ContainerPort {
            name: Some(HTTP_PORT_NAME.to_owned()),
            container_port: HTTP_PORT,
            ..ContainerPort::default()
        }]),
        env: Some(env(app, config)?),
        volume_mounts: Some(mounts).filter(|mounts| !mounts.is_empty()),
        resources: app.spec.resources.as_ref().map(resources),
        readiness_probe: probe("readiness", checks.readiness.as_ref())?,
        liveness_probe: probe("liveness", checks.liveness.as_ref())?,
        ..Container::default()
    };
    if config.runtime_class_name.is_some() {
        // The shim ignores the command, but containerd wants one and the image has none.
        let command = Some(vec!["/".to_owned()]);
        return Ok(Container { image: Some(app.spec.image.clone()), command, ..common });
    }
    let image = config.spin_image.clone().ok_or(DesiredError::NoRuntime)?;
    Ok(Container { image: Some(image), args: Some(spin_up_args(app)), ..common })
}

fn spin_up_args(app: &SpinApp) -> Vec<String> {
    let listen = listen_address();
    let mut args = vec!["up", "--listen", &listen, "-f", &app.spec.image, "--runtime-config-file", RUNTIME_CONFIG_PATH];
    for component in app.spec.components.iter().flatten() {
        args.extend(["--component-id", component]);
    }
    args.into_iter().map(str::to_owned).collect()
}

fn resources(resources: &Resources) -> ResourceRequirements {
    ResourceRequirements {
        limits: Some(resources.limits.clone()).filter(|limits| !limits.is_empty()),
        requests: Some(resources.requests.clone()).filter(|requests| !requests.is_empty()),
        claims: None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixtures::{app, config, shim_config};
    use super::*;
    use serde_json::json;

    #[test]
    fn spin_in_a_container_gets_the_image_as_argument() {
        let config = config(&json!({"spinImage": "spin:2.7"}));
        let container = container(&app(&json!({"components": ["a", "b"]})), &config, vec![]).unwrap();
        assert_eq!(container.image.as_deref(), Some("spin:2.7"));
        assert_eq!(container.command, None);
        assert_eq!(
            container.args.unwrap().join(" "),
            "up --listen 0.0.0.0:80 -f registry/hello:1 --runtime-config-file /runtime-config.toml \
             --component-id a --component-id b"
        );
    }

    #[test]
    fn the_shim_wins_over_the_container() {
        let both = config(&json!({"runtimeClassName": "wasmtime-spin-v2", "spinImage": "spin:2.7"}));
        let container = container(&app(&json!({})), &both, vec![]).unwrap();
        assert_eq!((container.image.as_deref(), container.args), (Some("registry/hello:1"), None));
        assert_eq!(container.command, Some(vec!["/".into()]));
    }

    #[test]
    fn neither_is_refused() {
        let neither = DeploymentConfig::default();
        assert_eq!(container(&app(&json!({})), &neither, vec![]), Err(DesiredError::NoRuntime));
    }

    #[test]
    fn resources_pass_through() {
        let given = json!({"limits": {"cpu": "500m", "memory": "500Mi"}, "requests": {"cpu": 1}});
        let container = container(&app(&json!({"resources": given})), &shim_config(), vec![]).unwrap();
        assert_eq!(
            serde_json::to_value(container.resources).unwrap(),
            json!({"limits": {"cpu": "500m", "memory": "500Mi"}, "requests": {"cpu": "1"}})
        );
    }
}
