//! Spin application formats: `spin.toml`, the locked app, the OCI artifact in and out. No wasm engine.

pub mod locked;
pub mod manifest;
