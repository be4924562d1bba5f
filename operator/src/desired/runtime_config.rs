//! The Secret that holds the generated runtime config.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use spinkube_api::SpinApp;
use spinkube_api::contract::RUNTIME_CONFIG_KEY;
use spinkube_api::executor::DeploymentConfig;
use spinkube_api::runtime_config::{References, RuntimeConfig, RuntimeConfigError, secret_name, toml};

/// The app's runtime config, where the operator has to write it: not when the app brings its own Secret, nor when the
/// executor wants minimal pods and nothing is configured.
pub(crate) fn to_generate(app: &SpinApp, config: &DeploymentConfig) -> Option<RuntimeConfig> {
    let runtime_config = app.spec.runtime_config.clone().unwrap_or_default();
    let wanted = runtime_config.load_from_secret.is_empty() && !(config.minimal_pods && runtime_config.is_empty());
    wanted.then_some(runtime_config)
}

/// The Secret with the file made of `runtime_config`. Its name follows from its content, so it never changes.
pub(crate) fn secret(
    app: &SpinApp,
    runtime_config: &RuntimeConfig,
    references: &References,
) -> Result<Secret, RuntimeConfigError> {
    let toml = toml(runtime_config, references)?;
    let name = secret_name(&app.name_any(), &toml);
    Ok(Secret {
        metadata: super::child_metadata(app, name, super::owner_of(app)),
        data: Some(BTreeMap::from([(RUNTIME_CONFIG_KEY.to_owned(), ByteString(toml.into_bytes()))])),
        ..Secret::default()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixtures::{app, config, shim_config};
    use super::*;
    use serde_json::json;

    #[test]
    fn is_upstreams() {
        let app = app(&json!({}));
        let secret = secret(&app, &RuntimeConfig::default(), &References::default()).unwrap();
        insta::assert_json_snapshot!(secret.metadata, @r#"
        {
          "labels": {
            "core.spinkube.dev/app-name": "simple-spinapp"
          },
          "name": "simple-spinapp-760b133c",
          "namespace": "default",
          "ownerReferences": [
            {
              "apiVersion": "core.spinkube.dev/v1alpha1",
              "kind": "SpinApp",
              "name": "simple-spinapp",
              "uid": "app-uid"
            }
          ]
        }
        "#);
        assert_eq!(
            secret.data.unwrap()["runtime-config.toml"].0,
            b"[[config_provider]]\ntype = 'env'\nprefix = 'SPIN_VARIABLE_'\n"
        );
    }

    #[test]
    fn generated_unless_there_is_no_need() {
        let minimal = config(&json!({"runtimeClassName": "wasmtime-spin-v2", "minimalPods": true}));
        let empty = json!({});
        let configured = json!({"runtimeConfig": {"keyValueStores": [{"name": "default", "type": "spin"}]}});
        let own_secret = json!({"runtimeConfig": {"loadFromSecret": "mine"}});
        for (spec, deployment_config, generated) in [
            (&empty, shim_config(), true),
            (&configured, shim_config(), true),
            (&own_secret, shim_config(), false),
            (&empty, minimal.clone(), false),
            (&configured, minimal.clone(), true),
            (&own_secret, minimal, false),
        ] {
            assert_eq!(
                to_generate(&app(spec), &deployment_config).is_some(),
                generated,
                "{spec} {deployment_config:?}"
            );
        }
    }
}
