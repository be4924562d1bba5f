//! Spin application formats: `spin.toml`, the locked app, the OCI artifact in and out. No wasm engine.

pub mod archive;
pub mod artifact;
mod build;
mod download;
pub mod layout;
mod lock;
pub mod locked;
pub mod manifest;
pub mod registry;

pub use build::{BuildStep, build_steps};
pub use download::{DownloadError, download};
pub use lock::{LockError, lock};
