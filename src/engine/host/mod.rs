//! What this machine can't do, found before anything is made: handled where it can be, else named with its cure.

use std::{fs, path::Path};

use bollard::models::SystemInfo;
use miette::Diagnostic;
use nix::sys::statvfs::statvfs;
use thiserror::Error;

use super::bus::Events;

/// Below this a cluster dies of its own images: the kubelet evicts pods, then the engine fails.
const DISK_NEEDED: u64 = 3 << 30;
/// inotify instances that a node takes, roughly: systemd, kubelet, containerd and every pod have theirs.
const INOTIFY_INSTANCES_A_NODE: u64 = 120;
/// Bit of `CAP_SYS_RESOURCE` in a capability set (capability.h).
const CAP_SYS_RESOURCE: u64 = 1 << 24;

/// What a host needs of the cluster's config beyond the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quirk {
    /// cgroup v1: from Kubernetes 1.35 on the kubelet refuses it unless told not to.
    CgroupV1,
    /// No `CAP_SYS_RESOURCE`: containerd can't lower an OOM score.
    NoSysResource,
}

/// This machine can't hold a cluster.
#[derive(Debug, Error, Diagnostic)]
pub enum HostError {
    /// Too little disk.
    #[error("only {free_gib:.1} GiB are free in {path}, and a cluster needs {needed_gib}")]
    #[diagnostic(help(
        "free some: `docker system df` shows what the engine keeps, `docker system prune` removes what is unused"
    ))]
    NoSpace {
        /// The engine's data folder.
        path: String,
        /// Free there.
        free_gib: f64,
        /// Needed there.
        needed_gib: u64,
    },
    /// The engine runs Windows containers or the like.
    #[error("the Docker engine runs {os} containers, and a node is a Linux container")]
    #[diagnostic(help("switch the engine to Linux containers"))]
    NotLinux {
        /// What it runs.
        os: String,
    },
}

/// Looks at the machine before a cluster of `nodes` nodes is made.
pub fn check(info: &SystemInfo, nodes: usize, events: &Events) -> Result<Vec<Quirk>, HostError> {
    if let Some(os) = info.os_type.as_deref().filter(|os| *os != "linux") {
        return Err(HostError::NotLinux { os: os.into() });
    }
    let root = info.docker_root_dir.as_deref().unwrap_or_default();
    // An engine in a VM or elsewhere keeps its data where this process can't look.
    if Path::new(root).is_dir() {
        check_disk(root)?;
        check_inotify(nodes, events);
    }
    Ok(quirks(info, &fs::read_to_string("/proc/self/status").unwrap_or_default()))
}

fn check_disk(root: &str) -> Result<(), HostError> {
    let Ok(stat) = statvfs(root) else { return Ok(()) };
    let free = stat.blocks_available() * stat.fragment_size();
    if free >= DISK_NEEDED {
        return Ok(());
    }
    #[allow(clippy::cast_precision_loss)] // shown with one digit
    let free_gib = free as f64 / f64::from(1 << 30);
    Err(HostError::NoSpace { path: root.into(), free_gib, needed_gib: DISK_NEEDED >> 30 })
}

fn check_inotify(nodes: usize, events: &Events) {
    let path = "/proc/sys/fs/inotify/max_user_instances";
    let Some(limit) = fs::read_to_string(path).ok().and_then(|text| text.trim().parse::<u64>().ok()) else { return };
    let needed = INOTIFY_INSTANCES_A_NODE * nodes as u64;
    if limit < needed {
        events.warn(
            format!("this machine allows {limit} inotify instances, and {nodes} node(s) may need {needed}"),
            format!(
                "if pods fail with \"too many open files\": sysctl fs.inotify.max_user_instances={}",
                needed.max(512)
            ),
        );
    }
}

fn quirks(info: &SystemInfo, own_status: &str) -> Vec<Quirk> {
    let mut quirks = Vec::new();
    if info.cgroup_version.is_some_and(|version| version.to_string() == "1") {
        quirks.push(Quirk::CgroupV1);
    }
    let bounding = own_status.lines().find_map(|line| line.strip_prefix("CapBnd:"));
    let bounding = bounding.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
    if bounding.is_some_and(|set| set & CAP_SYS_RESOURCE == 0) {
        quirks.push(Quirk::NoSysResource);
    }
    quirks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quirks_are_read_from_engine_and_process() {
        use bollard::models::SystemInfoCgroupVersionEnum::{_1, _2};
        let info = |version| SystemInfo { cgroup_version: Some(version), ..SystemInfo::default() };
        assert_eq!(quirks(&info(_2), "CapBnd:\t000001ffffffffff\n"), []);
        assert_eq!(quirks(&info(_1), "CapBnd:\t000001fffeffffff\n"), [Quirk::CgroupV1, Quirk::NoSysResource]);
    }
}
