//! Where things are on a node.

use std::path::{Path, PathBuf};

/// Everything of this shim that lives until the next boot.
const RUN: &str = "/run/containerd/spin";

/// runc's state root for the containers of a containerd namespace; `configured` is the handler's `Root`.
pub(crate) fn runc_root(configured: &str, namespace: &str) -> PathBuf {
    let base = if configured.is_empty() { Path::new(RUN) } else { Path::new(configured) };
    base.join(namespace)
}

/// The directory for locks, sockets and the engine's key, which is made if it isn't there.
///
/// # Errors
/// `/run` can't be written.
pub(crate) fn run_dir() -> std::io::Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(RUN)?;
    Ok(PathBuf::from(RUN))
}
