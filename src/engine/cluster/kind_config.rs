//! The kind config of a cluster: `kind-configs/default.yaml`, what the host needs beside it, and the cluster's own
//! name, nodes and id.
//!
//! What is written is JSON, which is YAML; the files to read and copy are those in `kind-configs/`.

use serde_json::{Value, json};

use super::{ClusterError, ID_LABEL, provider::Spec};
use crate::engine::host::Quirk;

const DEFAULT: &str = include_str!("../../../kind-configs/default.yaml");
const CGROUP_V1: &str = include_str!("../../../kind-configs/quirks/cgroup-v1.yaml");
const NO_SYS_RESOURCE: &str = include_str!("../../../kind-configs/quirks/no-sys-resource.yaml");

/// Lists of patches that a config may have; those of several files are applied one after the other.
const PATCHES: [&str; 2] = ["kubeadmConfigPatches", "containerdConfigPatches"];

/// The config of a cluster, as kind reads it.
pub(super) fn render(spec: &Spec) -> Result<String, ClusterError> {
    let mut config = parse("kind-configs/default.yaml", DEFAULT)?;
    if let Some(path) = &spec.config {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| ClusterError::Config { path: shown.clone(), reason: error.to_string() })?;
        let defaults = config;
        config = parse(&shown, &text)?;
        // Without the runtime handler of our defaults no Spin pod starts.
        append(&mut config, &defaults, &PATCHES[1..]);
    }
    for quirk in &spec.quirks {
        let (name, text) = match quirk {
            Quirk::CgroupV1 => ("kind-configs/quirks/cgroup-v1.yaml", CGROUP_V1),
            Quirk::NoSysResource => ("kind-configs/quirks/no-sys-resource.yaml", NO_SYS_RESOURCE),
        };
        append(&mut config, &parse(name, text)?, &PATCHES);
    }
    let own_nodes = config.get("nodes").and_then(Value::as_array).filter(|nodes| !nodes.is_empty()).cloned();
    let mut nodes = match own_nodes {
        Some(nodes) if spec.workers == 0 => nodes,
        _ => {
            let workers = std::iter::repeat_n(json!({ "role": "worker" }), spec.workers);
            std::iter::once(json!({ "role": "control-plane" })).chain(workers).collect()
        }
    };
    for node in &mut nodes {
        node["labels"][ID_LABEL] = json!(spec.id);
        if node.get("image").is_none() {
            node["image"] = json!(spec.node_image);
        }
    }
    config["nodes"] = Value::Array(nodes);
    config["name"] = json!(spec.name);
    Ok(format!("{config:#}\n"))
}

fn parse(path: &str, text: &str) -> Result<Value, ClusterError> {
    let broken = |reason: String| ClusterError::Config { path: path.into(), reason };
    let config: Value = serde_saphyr::from_str(text).map_err(|error| broken(error.to_string()))?;
    if config.get("kind").and_then(Value::as_str) != Some("Cluster") {
        return Err(broken("it has no `kind: Cluster`".into()));
    }
    Ok(config)
}

fn append(config: &mut Value, more: &Value, lists: &[&str]) {
    for list in lists {
        let Some(added) = more.get(list).and_then(Value::as_array) else { continue };
        match config.get_mut(list).and_then(Value::as_array_mut) {
            Some(present) => present.extend(added.iter().cloned()),
            None => config[*list] = Value::Array(added.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn spec() -> Spec {
        Spec {
            name: "x".into(),
            id: "00ff".into(),
            workers: 2,
            node_image: "node:1".into(),
            config: None,
            quirks: vec![],
        }
    }

    #[test]
    fn each_node_has_the_id_and_the_image() {
        let config: Value = serde_json::from_str(&render(&spec()).unwrap()).unwrap();
        let nodes = config["nodes"].as_array().unwrap();
        let roles: Vec<_> = nodes.iter().map(|node| node["role"].as_str().unwrap()).collect();
        assert_eq!(roles, ["control-plane", "worker", "worker"]);
        assert!(nodes.iter().all(|node| node["labels"][ID_LABEL] == "00ff" && node["image"] == "node:1"));
        assert_eq!(config["name"], "x");
    }

    #[test]
    fn the_spin_handler_is_there_with_a_config_of_the_users_own() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("own.yaml");
        std::fs::write(
            &path,
            "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes:\n- role: control-plane\n  image: mine\n",
        )
        .unwrap();
        let rendered = render(&Spec { config: Some(path), workers: 0, ..spec() }).unwrap();
        let config: Value = serde_json::from_str(&rendered).unwrap();
        assert!(config["containerdConfigPatches"].to_string().contains("io.containerd.spin.v2"), "{rendered}");
        assert_eq!(config["nodes"][0]["image"], "mine");
    }

    #[test]
    fn quirks_add_their_patches() {
        let plain: Value = serde_json::from_str(&render(&spec()).unwrap()).unwrap();
        let quirky = Spec { quirks: vec![Quirk::CgroupV1, Quirk::NoSysResource], ..spec() };
        let quirky: Value = serde_json::from_str(&render(&quirky).unwrap()).unwrap();
        let count =
            |config: &Value| PATCHES.iter().map(|list| config[list].as_array().map_or(0, Vec::len)).sum::<usize>();
        assert!(count(&quirky) > count(&plain));
    }
}
