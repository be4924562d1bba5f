//! Where a container's control groups are, on hosts with cgroup v1 and v2.

use std::path::{Path, PathBuf};

use rustix::process::Pid;

use crate::error::{Error, Result};

/// The directories of one container's control groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cgroup {
    /// One directory for all controllers.
    V2(PathBuf),
    /// One directory a controller.
    V1 {
        /// `memory.*`
        memory: PathBuf,
        /// `cpuacct.*`
        cpu: PathBuf,
        /// `pids.*`
        pids: PathBuf,
    },
}

impl Cgroup {
    /// The groups a process is in.
    pub(crate) fn of(pid: Pid) -> Result<Self> {
        let read = |path: &str| std::fs::read_to_string(path).map_err(Error::io(format!("read {path}")));
        let membership = read(&format!("/proc/{}/cgroup", pid.as_raw_nonzero()))?;
        let mounts = read("/proc/self/mountinfo")?;
        Self::locate(&membership, &mounts).ok_or_else(|| {
            Error::State("cannot find the container's control groups: is /sys/fs/cgroup mounted?".to_owned())
        })
    }

    fn locate(membership: &str, mounts: &str) -> Option<Self> {
        // A hybrid host has both; the controllers are then v1's.
        let v1 = |controller| {
            let path = membership.lines().find_map(|line| {
                let (_, rest) = line.split_once(':')?;
                let (controllers, path) = rest.split_once(':')?;
                controllers.split(',').any(|name| name == controller).then_some(path)
            })?;
            Mount::find(mounts, |mount| {
                mount.kind == "cgroup" && mount.options.split(',').any(|name| name == controller)
            })
            .map(|mount| mount.directory(path))
        };
        if let (Some(memory), Some(cpu), Some(pids)) = (v1("memory"), v1("cpuacct"), v1("pids")) {
            return Some(Self::V1 { memory, cpu, pids });
        }
        let path = membership.lines().find_map(|line| line.strip_prefix("0::"))?;
        Mount::find(mounts, |mount| mount.kind == "cgroup2").map(|mount| Self::V2(mount.directory(path)))
    }

    /// The file that lists the container's processes.
    pub(crate) fn processes(&self) -> PathBuf {
        match self {
            Self::V2(directory) | Self::V1 { pids: directory, .. } => directory.join("cgroup.procs"),
        }
    }
}

/// One line of mountinfo.
struct Mount<'a> {
    root: &'a str,
    point: &'a str,
    kind: &'a str,
    options: &'a str,
}

impl<'a> Mount<'a> {
    fn find(mounts: &'a str, wanted: impl Fn(&Self) -> bool) -> Option<Self> {
        mounts.lines().filter_map(Self::parse).find(wanted)
    }

    fn parse(line: &'a str) -> Option<Self> {
        let (left, right) = line.split_once(" - ")?;
        let mut left = left.split(' ').skip(3);
        let (root, point) = (left.next()?, left.next()?);
        let mut right = right.split(' ');
        let (kind, _source, options) = (right.next()?, right.next()?, right.next()?);
        Some(Self { root, point, kind, options })
    }

    /// The directory of a group. Its path counts from the hierarchy's root; the mount may begin below that.
    fn directory(&self, path: &str) -> PathBuf {
        let below = Path::new(path).strip_prefix(self.root).unwrap_or(Path::new(path));
        Path::new(self.point).join(below.strip_prefix("/").unwrap_or(below))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn finds_v1_groups_below_a_container_s_mount() {
        let membership = "9:pids:/docker/n/kubelet/pod1/c1\n4:cpu,cpuacct:/docker/n/kubelet/pod1/c1\n3:memory:/docker/n/kubelet/pod1/c1\n0::/x\n";
        let mounts = "31 29 0:27 /docker/n /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n\
                      32 29 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
                      33 29 0:29 /docker/n /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n";
        assert_eq!(
            Cgroup::locate(membership, mounts).unwrap(),
            Cgroup::V1 {
                memory: "/sys/fs/cgroup/memory/kubelet/pod1/c1".into(),
                cpu: "/sys/fs/cgroup/cpu,cpuacct/docker/n/kubelet/pod1/c1".into(),
                pids: "/sys/fs/cgroup/pids/kubelet/pod1/c1".into(),
            }
        );
    }

    #[test]
    fn finds_the_v2_group() {
        let mounts = "31 29 0:27 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n";
        assert_eq!(
            Cgroup::locate("0::/kubepods.slice/c.scope\n", mounts).unwrap(),
            Cgroup::V2("/sys/fs/cgroup/kubepods.slice/c.scope".into())
        );
    }

    #[test]
    fn nothing_mounted_is_nothing_found() {
        assert_eq!(Cgroup::locate("0::/x\n", ""), None);
    }

    proptest::proptest! {
        #[test]
        fn a_group_found_is_below_its_mount(path in "(/[a-z.]{1,8}){1,4}", root in "(/[a-z.]{1,8}){0,2}") {
            let root = if root.is_empty() { "/" } else { &root };
            let mounts = format!("31 29 0:27 {root} /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
            let found = Cgroup::locate(&format!("0::{path}\n"), &mounts);
            proptest::prop_assert!(matches!(found, Some(Cgroup::V2(directory)) if directory.starts_with("/sys/fs/cgroup")));
        }

        #[test]
        fn rubbish_never_crashes(membership in ".{0,80}", mounts in "[ -~\n]{0,120}") {
            let _ = Cgroup::locate(&membership, &mounts);
        }
    }
}
