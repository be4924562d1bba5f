//! Where things are on a node.

use std::path::{Path, PathBuf};

/// Everything of this shim that lives until the next boot.
const RUN: &str = "/run/containerd/spin";

/// runc's state root for the containers of a containerd namespace; `configured` is the handler's `Root`.
pub(crate) fn runc_root(configured: &str, namespace: &str) -> PathBuf {
    let base = if configured.is_empty() { Path::new(RUN) } else { Path::new(configured) };
    base.join(namespace)
}

/// A short-lived directory for files that runc reads once.
pub(crate) fn run_dir() -> PathBuf {
    PathBuf::from(RUN)
}
