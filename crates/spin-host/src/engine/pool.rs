//! Sizes of the instance pool: Spin's environment variables, and a default that fits the container.

use std::collections::HashMap;

use thiserror::Error;
use wasmtime::{Enabled, PoolingAllocationConfig};

/// Spin's own default for `SPIN_MAX_INSTANCE_COUNT`.
const DEFAULT_INSTANCES: u32 = 1000;
const FEWEST_INSTANCES: u32 = 64;
/// What one small instance keeps resident while it runs, in bytes; divides the memory limit.
const BYTES_PER_INSTANCE: u64 = 128 * 1024;
/// Slots that keep their pages after use. More would be faster after a burst, and would keep its memory.
const WARM_SLOTS: u32 = 16;

/// Sizes of the instance pool. Contract: Spin's engine configuration variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolSizes {
    /// Instances that can live at once (`SPIN_MAX_INSTANCE_COUNT`).
    pub instances: u32,
    /// Whether to fail rather than do without a pool (`SPIN_WASMTIME_POOLING=1`).
    pub required: bool,
    overrides: HashMap<&'static str, u64>,
}

/// A pool setting in the environment is wrong.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("environment variable {name} is `{value}`, which is not {expected}; correct it or remove it")]
pub struct PoolError {
    name: &'static str,
    value: String,
    expected: &'static str,
}

const COUNT: &str = "SPIN_MAX_INSTANCE_COUNT";
const POOLING: &str = "SPIN_WASMTIME_POOLING";

const COMPONENT_INSTANCES: &str = "SPIN_WASMTIME_INSTANCE_COUNT";
const MEMORIES: &str = "SPIN_WASMTIME_TOTAL_MEMORIES";
const TABLES: &str = "SPIN_WASMTIME_TOTAL_TABLES";
const STACKS: &str = "SPIN_WASMTIME_TOTAL_STACKS";
const CORE_INSTANCES: &str = "SPIN_WASMTIME_TOTAL_CORE_INSTANCES";
const TABLE_ELEMENTS: &str = "SPIN_WASMTIME_INSTANCE_TABLE_ELEMENTS";
const COMPONENT_SIZE: &str = "SPIN_WASMTIME_INSTANCE_SIZE";
const CORE_SIZE: &str = "SPIN_WASMTIME_CORE_INSTANCE_SIZE";
const CORES_PER_COMPONENT: &str = "SPIN_WASMTIME_CORE_INSTANCE_COUNT";
const TABLES_PER_COMPONENT: &str = "SPIN_WASMTIME_INSTANCE_TABLES";
const MEMORIES_PER_COMPONENT: &str = "SPIN_WASMTIME_INSTANCE_MEMORIES";
const TABLES_PER_MODULE: &str = "SPIN_WASMTIME_MAX_TABLES_PER_MODULE";
const MEMORIES_PER_MODULE: &str = "SPIN_WASMTIME_MAX_MEMORIES_PER_MODULE";
const MEMORY_RESIDENT: &str = "SPIN_WASMTIME_LINEAR_MEMORY_KEEP_RESIDENT";
const TABLE_RESIDENT: &str = "SPIN_WASMTIME_TABLE_KEEP_RESIDENT";

const SIZES: [&str; 15] = [
    COMPONENT_INSTANCES,
    MEMORIES,
    TABLES,
    STACKS,
    CORE_INSTANCES,
    TABLE_ELEMENTS,
    COMPONENT_SIZE,
    CORE_SIZE,
    CORES_PER_COMPONENT,
    TABLES_PER_COMPONENT,
    MEMORIES_PER_COMPONENT,
    TABLES_PER_MODULE,
    MEMORIES_PER_MODULE,
    MEMORY_RESIDENT,
    TABLE_RESIDENT,
];

impl PoolSizes {
    /// Reads Spin's variables; `None` when `SPIN_WASMTIME_POOLING=0` switches the pool off.
    /// Without `SPIN_MAX_INSTANCE_COUNT` the count follows the memory limit (bytes), at most Spin's 1000.
    pub fn from_environment(
        environment: &HashMap<String, String>,
        memory_limit: Option<u64>,
    ) -> Result<Option<Self>, PoolError> {
        let required = match environment.get(POOLING).map(String::as_str) {
            Some("0") => return Ok(None),
            Some("1") => true,
            None => false,
            Some(other) => {
                return Err(PoolError { name: POOLING, value: other.to_owned(), expected: "0 or 1" });
            }
        };
        let fitting = memory_limit.map_or(DEFAULT_INSTANCES, |bytes| {
            u32::try_from(bytes / BYTES_PER_INSTANCE)
                .unwrap_or(DEFAULT_INSTANCES)
                .clamp(FEWEST_INSTANCES, DEFAULT_INSTANCES)
        });
        let instances = number(environment, COUNT)?.map_or(fitting, |n| u32::try_from(n).unwrap_or(u32::MAX));
        let mut overrides = HashMap::new();
        for name in SIZES {
            if let Some(value) = number(environment, name)? {
                overrides.insert(name, value);
            }
        }
        Ok(Some(Self { instances, required, overrides }))
    }

    fn count(&self, name: &str, default: u32) -> u32 {
        self.overrides.get(name).map_or(default, |&n| u32::try_from(n).unwrap_or(u32::MAX))
    }

    fn bytes(&self, name: &str, default: usize) -> usize {
        self.overrides.get(name).map_or(default, |&n| usize::try_from(n).unwrap_or(usize::MAX))
    }

    pub(super) fn to_wasmtime(&self) -> PoolingAllocationConfig {
        let n = self.instances;
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(self.count(COMPONENT_INSTANCES, n))
            .total_memories(self.count(MEMORIES, n))
            .total_tables(self.count(TABLES, n.saturating_mul(2)))
            .total_stacks(self.count(STACKS, n))
            .total_core_instances(self.count(CORE_INSTANCES, n.saturating_mul(4)))
            .table_elements(self.bytes(TABLE_ELEMENTS, 100_000))
            .max_component_instance_size(self.bytes(COMPONENT_SIZE, 10_000_000))
            .max_core_instance_size(self.bytes(CORE_SIZE, 10_000_000))
            .max_core_instances_per_component(self.count(CORES_PER_COMPONENT, 200))
            .max_tables_per_component(self.count(TABLES_PER_COMPONENT, 64))
            .max_memories_per_component(self.count(MEMORIES_PER_COMPONENT, 32))
            .max_tables_per_module(self.count(TABLES_PER_MODULE, 2))
            .max_memories_per_module(self.count(MEMORIES_PER_MODULE, 2))
            .max_memory_size(1 << 32)
            .linear_memory_keep_resident(self.bytes(MEMORY_RESIDENT, 512 * 1024))
            .table_keep_resident(self.bytes(TABLE_RESIDENT, 64 * 1024))
            .max_unused_warm_slots(WARM_SLOTS)
            .pagemap_scan(Enabled::Auto);
        pool
    }
}

fn number(environment: &HashMap<String, String>, name: &'static str) -> Result<Option<u64>, PoolError> {
    let Some(value) = environment.get(name) else { return Ok(None) };
    match value.parse::<u64>() {
        Ok(n) if n > 0 => Ok(Some(n)),
        _ => Err(PoolError { name, value: value.clone(), expected: "a positive number" }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn sizes(pairs: &[(&str, &str)], limit: Option<u64>) -> Result<Option<PoolSizes>, PoolError> {
        let environment = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        PoolSizes::from_environment(&environment, limit)
    }

    #[test]
    fn count_follows_the_memory_limit_up_to_spins_default() {
        assert_eq!(sizes(&[], None).unwrap().unwrap().instances, 1000);
        assert_eq!(sizes(&[], Some(128 << 20)).unwrap().unwrap().instances, 1000);
        assert_eq!(sizes(&[], Some(32 << 20)).unwrap().unwrap().instances, 256);
        assert_eq!(sizes(&[], Some(1 << 20)).unwrap().unwrap().instances, 64);
        assert_eq!(sizes(&[(COUNT, "7")], Some(1 << 20)).unwrap().unwrap().instances, 7);
    }

    #[test]
    fn pooling_can_be_switched_off_or_demanded() {
        assert_eq!(sizes(&[(POOLING, "0")], None).unwrap(), None);
        assert!(sizes(&[(POOLING, "1")], None).unwrap().unwrap().required);
    }

    #[test]
    fn wrong_values_are_named() {
        let error = sizes(&[(STACKS, "many")], None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "environment variable SPIN_WASMTIME_TOTAL_STACKS is `many`, which is not a positive number; correct it or remove it"
        );
        assert!(sizes(&[(COUNT, "0")], None).is_err());
    }
}
