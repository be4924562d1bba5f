//! The wasmtime engine: one configuration for the compiler and for the host.
//!
//! Everything that enters the compatibility hash (memory reservation, epochs, component-model async)
//! is fixed here; only the allocator differs between compiling and running, and that doesn't enter it.

mod pool;
mod ticker;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::OnceLock;

use thiserror::Error;
use wasmtime::{Engine, InstanceAllocationStrategy};

pub use pool::{PoolError, PoolSizes};
pub(crate) use ticker::{Busy, Ticker};

/// Changes when this crate turns the same wasm into different native code for a reason wasmtime's own
/// hash does not see (another adapter, another componentizer).
const NATIVE_FORMAT: u32 = 1;

/// The wasmtime release this crate is pinned to; part of the key because wasmtime checks it on load.
const WASMTIME: &str = "48.0.8";

/// How an engine allocates instances.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Sizes of the instance pool; `None` allocates each instance on its own (compilers never
    /// instantiate).
    pub pool: Option<PoolSizes>,
}

/// An engine could not be made.
#[derive(Debug, Error)]
pub enum EngineError {
    /// A pool size in the environment makes no sense.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// wasmtime refused the configuration.
    #[error("the wasm engine can't start on this machine: {0:#}; report this with the machine's CPU and kernel")]
    Engine(wasmtime::Error),
}

impl Config {
    /// For a process that only compiles.
    pub fn compiler() -> Self {
        Self::default()
    }

    /// For a process that runs guests: pool sizes from the environment (`SPIN_WASMTIME_POOLING`,
    /// `SPIN_MAX_INSTANCE_COUNT`, `SPIN_WASMTIME_*`) and the memory limit in bytes.
    pub fn host(environment: &HashMap<String, String>, memory_limit: Option<u64>) -> Result<Self, EngineError> {
        let pool = PoolSizes::from_environment(environment, memory_limit)?;
        Ok(Self { pool })
    }
}

/// Makes an engine. Where the address space is too small for the pool (39-bit ARM boards, `ulimit -v`)
/// it falls back to allocating each instance on its own.
pub fn new(config: &Config) -> Result<Engine, EngineError> {
    if let Some(sizes) = &config.pool {
        let mut pooled = base();
        pooled.allocation_strategy(InstanceAllocationStrategy::Pooling(sizes.to_wasmtime()));
        match Engine::new(&pooled) {
            Ok(engine) => return Ok(engine),
            Err(error) if sizes.required => return Err(EngineError::Engine(error)),
            Err(error) => tracing::debug!("no instance pool: {error:#}"),
        }
    }
    Engine::new(&base()).map_err(EngineError::Engine)
}

/// Names the native code that [`crate::native::compile`] makes: code compiled under one key loads in
/// every host of the same key, and in no other. Use it as the cache key.
pub fn compatibility_key() -> String {
    static KEY: OnceLock<String> = OnceLock::new();
    KEY.get_or_init(|| {
        let mut hasher = DefaultHasher::new();
        match compiler() {
            Ok(engine) => engine.precompile_compatibility_hash().hash(&mut hasher),
            // Nothing can be compiled on such a machine, so no code will ever carry this key.
            Err(error) => error.to_string().hash(&mut hasher),
        }
        format!("spinkube-{}-{NATIVE_FORMAT}-wasmtime-{WASMTIME}-{:016x}", env!("CARGO_PKG_VERSION"), hasher.finish())
    })
    .clone()
}

/// The process's compiler engine, made on first use.
pub(crate) fn compiler() -> Result<&'static Engine, EngineError> {
    static COMPILER: OnceLock<Engine> = OnceLock::new();
    if let Some(engine) = COMPILER.get() {
        return Ok(engine);
    }
    let engine = new(&Config::compiler())?;
    Ok(COMPILER.get_or_init(|| engine))
}

/// What compiler and host share.
fn base() -> wasmtime::Config {
    let mut config = wasmtime::Config::new();
    config
        .epoch_interruption(true)
        .wasm_component_model_async(true)
        .parallel_compilation(true)
        // wasmtime walks guest frames by itself; system unwind tables would only cost size and start time.
        .native_unwind_info(false)
        .wasm_backtrace_details(wasmtime::WasmBacktraceDetails::Disable);
    config
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn hash(config: &Config) -> u64 {
        let mut hasher = DefaultHasher::new();
        new(config).unwrap().precompile_compatibility_hash().hash(&mut hasher);
        hasher.finish()
    }

    #[test]
    fn pool_sizes_do_not_enter_the_key() {
        let environment = HashMap::from([("SPIN_MAX_INSTANCE_COUNT".to_owned(), "10".to_owned())]);
        let small = Config::host(&environment, None).unwrap();
        assert!(small.pool.is_some());
        assert_eq!(hash(&small), hash(&Config::compiler()));
    }

    #[test]
    fn key_names_the_version_and_is_stable() {
        let key = compatibility_key();
        assert_eq!(key, compatibility_key());
        assert!(key.starts_with(concat!("spinkube-", env!("CARGO_PKG_VERSION"), "-1-wasmtime-48.0.8-")), "{key}");
    }
}
