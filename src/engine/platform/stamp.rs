//! Which version of the tool set a cluster up: a `ConfigMap` beside the operator.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::json;

use crate::engine::cluster::ClusterError;

const NAME: &str = "spinkube-dev";
const NAMESPACE: &str = "spin-operator";

/// What set the cluster up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The tool's version.
    pub version: String,
    /// SHA-256 of the parts that it carried: equal means that nothing is to be installed.
    pub parts: String,
}

impl Stamp {
    /// This program's.
    #[must_use]
    pub fn of_this_program(parts_digest: &str) -> Self {
        Self { version: env!("CARGO_PKG_VERSION").into(), parts: parts_digest.into() }
    }

    /// Whether it is of a newer version than another one.
    #[must_use]
    pub fn is_newer_than(&self, other: &Self) -> bool {
        match (semver::Version::parse(&self.version), semver::Version::parse(&other.version)) {
            (Ok(this), Ok(other)) => this > other,
            _ => false,
        }
    }
}

/// Reads the stamp; `None` when the cluster was not set up to the end.
pub async fn read(client: &Client) -> Result<Option<Stamp>, ClusterError> {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), NAMESPACE);
    let map = maps.get_opt(NAME).await.map_err(ClusterError::api("read what is installed"))?;
    let mut data: BTreeMap<_, _> = map.and_then(|map| map.data).unwrap_or_default();
    Ok(match (data.remove("version"), data.remove("parts")) {
        (Some(version), Some(parts)) => Some(Stamp { version, parts }),
        _ => None,
    })
}

/// Writes the stamp, once everything is installed.
pub async fn write(client: &Client, stamp: &Stamp) -> Result<(), ClusterError> {
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": NAME, "namespace": NAMESPACE },
        "data": { "version": stamp.version, "parts": stamp.parts },
    });
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), NAMESPACE);
    let params = PatchParams::apply("spinkube-dev").force();
    maps.patch(NAME, &params, &Patch::Apply(map)).await.map_err(ClusterError::api("keep what is installed"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_versions() {
        let stamp = |version: &str| Stamp { version: version.into(), parts: String::new() };
        assert!(stamp("0.10.0").is_newer_than(&stamp("0.9.1")));
        assert!(!stamp("0.1.0").is_newer_than(&stamp("0.1.0")));
        assert!(!stamp("odd").is_newer_than(&stamp("0.1.0")));
    }
}
