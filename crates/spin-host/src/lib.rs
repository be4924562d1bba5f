//! The Spin host: runs a locked Spin application on wasmtime.
//!
//! [`Host::load`] takes the application and the code of its components, [`Host::bind`] links every
//! import and opens the listener, [`Bound::serve`] answers until it is told to stop. Nothing here knows
//! about containers: the shim (or `spinkube-dev run`) brings code, files and settings.
//!
//! - [`engine`]: the wasmtime configuration, shared by compiler and host, and the epoch ticker
//! - [`native`]: from wasm bytes to native code and back; the trust rule and the one `unsafe` call
//! - [`host`], [`settings`]: what callers use
//! - `app`: components ready to instantiate, with templates and permissions resolved
//! - `trigger`: one module for each trigger type
//! - `interface`: one module for each family of imports that guests may call
//! - `variables`, `key_value`, `outbound`: what stands behind the interfaces
//! - [`runtime_config`] reads `runtime-config.toml`

mod app;
mod interface;
mod key_value;
mod limits;
mod nearest;
mod outbound;
mod output;
mod tasks;
mod trigger;
mod variables;

pub mod engine;
pub mod host;
pub mod native;
pub mod runtime_config;
pub mod settings;

pub use host::{BindError, Bound, Host, LoadError};
pub use native::{CompileError, ComponentCode, NativeCode};
pub use settings::{Phase, Settings, Sink};
