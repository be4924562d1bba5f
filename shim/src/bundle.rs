//! A container's bundle: the directory that containerd fills, with config.json and rootfs.

use std::path::{Path, PathBuf};

use containerd_shim::asynchronous::util::mount_rootfs;
use containerd_shim::protos::api::Mount;
use serde_json::{Value, json};

use crate::error::{Error, Result};

/// A config.json is at most this long; CRI's are a few KiB.
const CONFIG_LIMIT: u64 = 8 << 20;

/// Where this binary is in a Spin app's container.
const HOST: &str = "/.spinkube/host";
/// Where the files of its components are.
pub(crate) const FILES: &str = "/.spinkube/files";
/// The one capability a Spin app may keep.
const BIND_LOW_PORTS: &str = "CAP_NET_BIND_SERVICE";

/// The runtime specification of a container. Kept as JSON, so that nothing is lost that this shim doesn't know.
#[derive(Debug, Clone)]
pub(crate) struct Config(pub(crate) Value);

impl Config {
    /// Reads a bundle's config.json.
    pub(crate) fn read(bundle: &Path) -> Result<Self> {
        use std::io::Read as _;
        let path = bundle.join("config.json");
        let doing = || format!("read {}", path.display());
        let file = std::fs::File::open(&path).map_err(Error::io(doing()))?;
        let mut text = Vec::new();
        file.take(CONFIG_LIMIT).read_to_end(&mut text).map_err(Error::io(doing()))?;
        serde_json::from_slice(&text)
            .map(Self)
            .map_err(|e| Error::Invalid(format!("{} is not valid: {e}", path.display())))
    }

    /// An annotation's value.
    pub(crate) fn annotation(&self, name: &str) -> Option<&str> {
        self.0.get("annotations")?.get(name)?.as_str()
    }

    /// Whether the container's first process is the first of a process namespace of its own.
    pub(crate) fn has_own_pid_namespace(&self) -> bool {
        let namespaces = self.0.pointer("/linux/namespaces").and_then(Value::as_array);
        namespaces.into_iter().flatten().any(|namespace| {
            namespace["type"] == "pid" && namespace.get("path").and_then(Value::as_str).is_none_or(str::is_empty)
        })
    }
}

impl Config {
    /// Whether this is the pod's pause container.
    pub(crate) fn is_sandbox(&self) -> bool {
        self.annotation("io.kubernetes.cri.container-type") == Some("sandbox")
    }

    /// The container's memory limit in bytes.
    pub(crate) fn memory_limit(&self) -> Option<u64> {
        let limit = self.0.pointer("/linux/resources/memory/limit")?.as_i64()?;
        u64::try_from(limit).ok().filter(|limit| *limit > 0)
    }

    /// The arguments that the image and the pod give.
    pub(crate) fn args(&self) -> impl Iterator<Item = &str> {
        self.0.pointer("/process/args").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }

    /// Directories in which programs without a path are looked for.
    pub(crate) fn search_path(&self) -> impl Iterator<Item = &str> {
        let environment = self.0.pointer("/process/env").and_then(Value::as_array).into_iter().flatten();
        let path = environment.filter_map(Value::as_str).find_map(|entry| entry.strip_prefix("PATH="));
        path.unwrap_or("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin").split(':')
    }

    /// User and group of the first process.
    pub(crate) fn user(&self) -> (u32, u32) {
        let id = |name: &str| self.0.pointer(&format!("/process/user/{name}")).and_then(Value::as_u64);
        let id = |name| id(name).and_then(|id| u32::try_from(id).ok()).unwrap_or(0);
        (id("uid"), id("gid"))
    }

    /// Makes the container run this binary as `serve`: what CRI asked for stays (namespaces, control
    /// groups, seccomp, environment, mounts, user), capabilities shrink to the one that binds port 80,
    /// if CRI grants it.
    pub(crate) fn become_spin_app(&mut self, host: &Path, files: Option<&Path>) -> Result<()> {
        let config = self.0.as_object_mut().ok_or_else(invalid)?;
        let mounts = config.entry("mounts").or_insert_with(|| json!([])).as_array_mut().ok_or_else(invalid)?;
        let read_only = |source: &Path, destination: &str| {
            json!({
                "type": "bind", "source": source, "destination": destination,
                "options": ["bind", "ro", "nosuid", "nodev"],
            })
        };
        mounts.push(read_only(host, HOST));
        mounts.extend(files.map(|files| read_only(files, FILES)));
        let process = config.get_mut("process").and_then(Value::as_object_mut).ok_or_else(invalid)?;
        process.insert("args".to_owned(), json!([HOST, crate::app::SERVE]));
        process.insert("noNewPrivileges".to_owned(), json!(true));
        let granted = process.get("capabilities").and_then(|sets| sets.get("bounding")).and_then(Value::as_array);
        let kept: Vec<_> = granted.into_iter().flatten().filter(|name| *name == BIND_LOW_PORTS).cloned().collect();
        let sets = ["bounding", "effective", "inheritable", "permitted", "ambient"];
        let sets = sets.into_iter().map(|set| (set.to_owned(), Value::Array(kept.clone())));
        process.insert("capabilities".to_owned(), Value::Object(sets.collect()));
        Ok(())
    }

    /// Writes it back to the bundle.
    pub(crate) fn write(&self, bundle: &Path) -> Result<()> {
        let path = bundle.join("config.json");
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(bundle)?;
            serde_json::to_writer(&mut file, &self.0)?;
            file.persist(&path).map_err(|e| e.error)
        };
        write().map(drop).map_err(Error::io(format!("write {}", path.display())))
    }
}

fn invalid() -> Error {
    Error::Invalid("the container's config.json lacks its process or mounts".to_owned())
}

/// The root filesystem below the bundle.
pub(crate) fn rootfs(bundle: &Path) -> PathBuf {
    bundle.join("rootfs")
}

/// Mounts the root filesystem that containerd prepared.
pub(crate) async fn mount(bundle: &Path, mounts: &[Mount]) -> Result<()> {
    let rootfs = rootfs(bundle);
    if mounts.is_empty() {
        return Ok(());
    }
    tokio::fs::create_dir_all(&rootfs).await.map_err(Error::io(format!("make {}", rootfs.display())))?;
    for mount in mounts {
        mount_rootfs(mount, &rootfs).await?;
    }
    Ok(())
}

/// Unmounts whatever is mounted on the root filesystem. Nothing mounted is no error.
pub(crate) fn unmount(bundle: &Path) {
    use rustix::mount::{UnmountFlags, unmount};
    let rootfs = rootfs(bundle);
    // Mounts may be stacked; the kernel says EINVAL at the bottom and ENOENT where there is no directory.
    while unmount(&rootfs, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW).is_ok() {}
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pid_namespace_without_a_path_is_the_container_s_own() {
        let config = |namespaces| Config(json!({"linux": {"namespaces": namespaces}}));
        assert!(config(json!([{"type": "network"}, {"type": "pid"}])).has_own_pid_namespace());
        assert!(!config(json!([{"type": "pid", "path": "/proc/7/ns/pid"}])).has_own_pid_namespace());
        assert!(!config(json!([{"type": "mount"}])).has_own_pid_namespace());
        assert!(!Config(json!({})).has_own_pid_namespace());
    }

    #[test]
    fn a_spin_app_keeps_what_cri_asked_for_and_loses_its_rights() {
        let mut config = Config(json!({
            "process": {
                "args": ["/"], "cwd": "/", "env": ["A=b"], "user": {"uid": 7, "gid": 8},
                "capabilities": {"bounding": ["CAP_CHOWN", "CAP_NET_BIND_SERVICE"], "permitted": ["CAP_CHOWN"]},
            },
            "root": {"path": "rootfs", "readonly": true},
            "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
            "linux": {"resources": {"memory": {"limit": 1024}}, "seccomp": {"defaultAction": "SCMP_ACT_ERRNO"}},
        }));
        assert_eq!((config.user(), config.memory_limit()), ((7, 8), Some(1024)));
        config.become_spin_app(Path::new("/opt/shim"), Some(Path::new("/work/files"))).unwrap();
        insta::assert_json_snapshot!(config.0);
    }

    #[test]
    fn a_capability_that_cri_does_not_grant_is_not_given() {
        let mut config = Config(json!({"process": {"args": ["/"], "capabilities": {"bounding": []}}}));
        config.become_spin_app(Path::new("/opt/shim"), None).unwrap();
        assert_eq!(config.0["process"]["capabilities"]["ambient"], json!([]));
        assert_eq!(config.0["mounts"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn a_missing_config_is_named() {
        let bundle = tempfile::tempdir().unwrap();
        let error = Config::read(bundle.path()).unwrap_err().to_string();
        assert!(error.contains("config.json"), "{error}");
    }
}
