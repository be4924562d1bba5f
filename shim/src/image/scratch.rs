//! A container image `FROM scratch` with a spin.toml and the wasm it names.

use std::path::Path;

use crate::bundle::Config;

use super::{Error, Found, Manifest};

/// `None`: the image has no spin.toml, or a program that it wants to run.
pub(super) fn load(_config: &Config, _rootfs: &Path, _manifest: &Manifest) -> Result<Option<Found>, Error> {
    Ok(None)
}
