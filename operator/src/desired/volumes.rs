//! Volumes of an app's pod and where they are mounted: runtime config, the app's own, CA certificates.

use k8s_openapi::api::core::v1::{KeyToPath, SecretVolumeSource, Volume, VolumeMount};
use spinkube_api::SpinApp;
use spinkube_api::contract::{
    CA_KEY, CA_PATH, CA_VOLUME, RUNTIME_CONFIG_KEY, RUNTIME_CONFIG_PATH, RUNTIME_CONFIG_VOLUME,
};

/// Names of the Secrets that an app's pods mount.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MountedSecrets<'a> {
    /// The generated or the user's own runtime config.
    pub(crate) runtime_config: Option<&'a str>,
    /// CA certificates.
    pub(crate) ca: Option<&'a str>,
}

pub(super) fn volumes(app: &SpinApp, secrets: MountedSecrets<'_>) -> (Vec<Volume>, Vec<VolumeMount>) {
    let runtime_config = secrets
        .runtime_config
        .map(|secret| file(RUNTIME_CONFIG_VOLUME, secret, RUNTIME_CONFIG_KEY, RUNTIME_CONFIG_PATH));
    let ca = secrets.ca.map(|secret| file(CA_VOLUME, secret, CA_KEY, CA_PATH));
    let (mut volumes, mut mounts): (Vec<_>, Vec<_>) = runtime_config.into_iter().unzip();
    volumes.extend(app.spec.volumes.iter().cloned());
    mounts.extend(app.spec.volume_mounts.iter().cloned());
    if let Some((volume, mount)) = ca {
        volumes.push(volume);
        mounts.push(mount);
    }
    (volumes, mounts)
}

/// One key of a Secret as a file. Optional, so that a pod starts without it.
fn file(volume: &str, secret: &str, key: &str, path: &str) -> (Volume, VolumeMount) {
    let source = SecretVolumeSource {
        secret_name: Some(secret.to_owned()),
        optional: Some(true),
        items: Some(vec![KeyToPath { key: key.to_owned(), path: key.to_owned(), mode: None }]),
        default_mode: None,
    };
    (
        Volume { name: volume.to_owned(), secret: Some(source), ..Volume::default() },
        VolumeMount {
            name: volume.to_owned(),
            mount_path: path.to_owned(),
            sub_path: Some(key.to_owned()),
            read_only: Some(true),
            ..VolumeMount::default()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::app;
    use super::*;
    use serde_json::json;

    #[test]
    fn order_and_presence() {
        let own = json!({
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "claim"}}],
            "volumeMounts": [{"name": "data", "mountPath": "/mnt/data"}],
        });
        for (spec, runtime_config, ca, names) in [
            (&json!({}), None, None, vec![]),
            (&json!({}), Some("rc"), None, vec!["spin-runtime-config"]),
            (&json!({}), None, Some("certs"), vec!["spin-ca"]),
            (&own, Some("rc"), Some("certs"), vec!["spin-runtime-config", "data", "spin-ca"]),
        ] {
            let (volumes, mounts) = volumes(&app(spec), MountedSecrets { runtime_config, ca });
            assert_eq!(volumes.iter().map(|volume| volume.name.as_str()).collect::<Vec<_>>(), names);
            assert_eq!(mounts.iter().map(|mount| mount.name.as_str()).collect::<Vec<_>>(), names);
        }
    }
}
