//! A container's figures, in the messages that containerd's CRI reads.

use std::collections::HashMap;
use std::path::Path;

use containerd_shim::protos::cgroups::metrics as v1;
use containerd_shim::protos::cgroups_v2::metrics as v2;
use containerd_shim::protos::protobuf::well_known_types::any::Any;
use containerd_shim::util::convert_to_any;

use crate::cgroup::Cgroup;
use crate::error::Result;

/// What the group shows now. A group that is gone shows zeros, as the kernel's files are read one by one.
pub(crate) fn collect(cgroup: &Cgroup) -> Result<Any> {
    Ok(match cgroup {
        Cgroup::V1 { memory, cpu, pids } => convert_to_any(Box::new(collect_v1(memory, cpu, pids)))?,
        Cgroup::V2(directory) => convert_to_any(Box::new(collect_v2(directory)))?,
    })
}

fn collect_v1(memory: &Path, cpu: &Path, pids: &Path) -> v1::Metrics {
    let mut metrics = v1::Metrics::new();

    let mut usage = v1::CPUUsage::new();
    usage.set_total(number(&cpu.join("cpuacct.usage")));
    usage.set_user(number(&cpu.join("cpuacct.usage_user")));
    usage.set_kernel(number(&cpu.join("cpuacct.usage_sys")));
    let stat = keyed(&cpu.join("cpu.stat"));
    let mut throttle = v1::Throttle::new();
    throttle.set_periods(stat.get("nr_periods"));
    throttle.set_throttled_periods(stat.get("nr_throttled"));
    throttle.set_throttled_time(stat.get("throttled_time"));
    let mut cpu_stat = v1::CPUStat::new();
    cpu_stat.set_usage(usage);
    cpu_stat.set_throttling(throttle);
    metrics.set_cpu(cpu_stat);

    let stat = keyed(&memory.join("memory.stat"));
    let mut memory_stat = v1::MemoryStat::new();
    memory_stat.set_usage(entry(memory, "memory"));
    memory_stat.set_swap(entry(memory, "memory.memsw"));
    memory_stat.set_kernel(entry(memory, "memory.kmem"));
    memory_stat.set_cache(stat.get("cache"));
    memory_stat.set_rss(stat.get("rss"));
    memory_stat.set_mapped_file(stat.get("mapped_file"));
    memory_stat.set_pg_fault(stat.get("pgfault"));
    memory_stat.set_pg_maj_fault(stat.get("pgmajfault"));
    memory_stat.set_inactive_file(stat.get("inactive_file"));
    memory_stat.set_active_file(stat.get("active_file"));
    memory_stat.set_total_cache(stat.get("total_cache"));
    memory_stat.set_total_rss(stat.get("total_rss"));
    memory_stat.set_total_pg_fault(stat.get("total_pgfault"));
    memory_stat.set_total_pg_maj_fault(stat.get("total_pgmajfault"));
    memory_stat.set_total_inactive_file(stat.get("total_inactive_file"));
    memory_stat.set_total_active_file(stat.get("total_active_file"));
    metrics.set_memory(memory_stat);

    let control = keyed(&memory.join("memory.oom_control"));
    let mut oom = v1::MemoryOomControl::new();
    oom.set_oom_kill_disable(control.get("oom_kill_disable"));
    oom.set_under_oom(control.get("under_oom"));
    oom.set_oom_kill(control.get("oom_kill"));
    metrics.set_memory_oom_control(oom);

    let mut stat = v1::PidsStat::new();
    stat.set_current(number(&pids.join("pids.current")));
    stat.set_limit(number(&pids.join("pids.max")));
    metrics.set_pids(stat);
    metrics
}

fn entry(directory: &Path, prefix: &str) -> v1::MemoryEntry {
    let file = |name: &str| number(&directory.join(format!("{prefix}.{name}")));
    let mut entry = v1::MemoryEntry::new();
    entry.set_usage(file("usage_in_bytes"));
    entry.set_limit(file("limit_in_bytes"));
    entry.set_max(file("max_usage_in_bytes"));
    entry.set_failcnt(file("failcnt"));
    entry
}

fn collect_v2(directory: &Path) -> v2::Metrics {
    let mut metrics = v2::Metrics::new();

    let stat = keyed(&directory.join("cpu.stat"));
    let mut cpu = v2::CPUStat::new();
    cpu.set_usage_usec(stat.get("usage_usec"));
    cpu.set_user_usec(stat.get("user_usec"));
    cpu.set_system_usec(stat.get("system_usec"));
    cpu.set_nr_periods(stat.get("nr_periods"));
    cpu.set_nr_throttled(stat.get("nr_throttled"));
    cpu.set_throttled_usec(stat.get("throttled_usec"));
    metrics.set_cpu(cpu);

    let stat = keyed(&directory.join("memory.stat"));
    let mut memory = v2::MemoryStat::new();
    memory.set_usage(number(&directory.join("memory.current")));
    memory.set_usage_limit(number(&directory.join("memory.max")));
    memory.set_max_usage(number(&directory.join("memory.peak")));
    memory.set_swap_usage(number(&directory.join("memory.swap.current")));
    memory.set_swap_limit(number(&directory.join("memory.swap.max")));
    memory.set_anon(stat.get("anon"));
    memory.set_file(stat.get("file"));
    memory.set_kernel_stack(stat.get("kernel_stack"));
    memory.set_slab(stat.get("slab"));
    memory.set_sock(stat.get("sock"));
    memory.set_shmem(stat.get("shmem"));
    memory.set_file_mapped(stat.get("file_mapped"));
    memory.set_file_dirty(stat.get("file_dirty"));
    memory.set_inactive_anon(stat.get("inactive_anon"));
    memory.set_active_anon(stat.get("active_anon"));
    memory.set_inactive_file(stat.get("inactive_file"));
    memory.set_active_file(stat.get("active_file"));
    memory.set_unevictable(stat.get("unevictable"));
    memory.set_pgfault(stat.get("pgfault"));
    memory.set_pgmajfault(stat.get("pgmajfault"));
    metrics.set_memory(memory);

    let stat = keyed(&directory.join("memory.events"));
    let mut events = v2::MemoryEvents::new();
    events.set_low(stat.get("low"));
    events.set_high(stat.get("high"));
    events.set_max(stat.get("max"));
    events.set_oom(stat.get("oom"));
    events.set_oom_kill(stat.get("oom_kill"));
    metrics.set_memory_events(events);

    let mut pids = v2::PidsStat::new();
    pids.set_current(number(&directory.join("pids.current")));
    pids.set_limit(number(&directory.join("pids.max")));
    metrics.set_pids(pids);
    metrics
}

/// A file that holds one number; `max` is the largest there is, as containerd reads it.
fn number(path: &Path) -> u64 {
    match std::fs::read_to_string(path).unwrap_or_default().trim() {
        "max" => u64::MAX,
        text => text.parse().unwrap_or(0),
    }
}

/// A file of `key value` lines.
pub(crate) struct Keyed(HashMap<String, u64>);

impl Keyed {
    /// The value, 0 where the kernel has none.
    pub(crate) fn get(&self, key: &str) -> u64 {
        self.0.get(key).copied().unwrap_or(0)
    }
}

/// Reads a file of `key value` lines; empty where it can't be read.
pub(crate) fn keyed(path: &Path) -> Keyed {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    Keyed(
        text.lines()
            .filter_map(|line| {
                line.split_once(' ').and_then(|(key, value)| Some((key.to_owned(), value.trim().parse().ok()?)))
            })
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use containerd_shim::protos::protobuf::Message as _;

    fn group(files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        directory
    }

    #[test]
    fn v1_figures_are_those_that_cri_reads() {
        let group = group(&[
            ("cpuacct.usage", "1234567\n"),
            ("memory.usage_in_bytes", "4096\n"),
            ("memory.stat", "total_inactive_file 1024\ntotal_rss 2048\n"),
            ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"),
        ]);
        let path = group.path().to_owned();
        let any = collect(&Cgroup::V1 { memory: path.clone(), cpu: path.clone(), pids: path }).unwrap();
        assert_eq!(any.type_url, "io.containerd.cgroups.v1.Metrics");
        let metrics = v1::Metrics::parse_from_bytes(&any.value).unwrap();
        assert_eq!(metrics.cpu().usage().total(), 1_234_567);
        assert_eq!(metrics.memory().usage().usage(), 4096);
        assert_eq!(metrics.memory().total_inactive_file(), 1024);
        assert_eq!(metrics.memory_oom_control().oom_kill(), 2);
    }

    #[test]
    fn v2_limits_without_a_limit_are_the_largest_number() {
        let group = group(&[("memory.current", "10\n"), ("memory.max", "max\n"), ("cpu.stat", "usage_usec 7\n")]);
        let any = collect(&Cgroup::V2(group.path().to_owned())).unwrap();
        assert_eq!(any.type_url, "io.containerd.cgroups.v2.Metrics");
        let metrics = v2::Metrics::parse_from_bytes(&any.value).unwrap();
        assert_eq!(
            (metrics.memory().usage(), metrics.memory().usage_limit(), metrics.cpu().usage_usec()),
            (10, u64::MAX, 7)
        );
    }
}
