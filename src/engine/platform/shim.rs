//! The shim in a node: a file for each version, and a link that says which one new pods get.
//!
//! Pods that run keep the file they were started from, so that an upgrade restarts none of them.

use sha2::{Digest, Sha256};

use super::PlatformError;
use crate::engine::{
    cluster::provider::Node,
    docker::{
        Docker,
        files::{Content, Upload},
    },
};

/// What containerd looks up on its `PATH` for the runtime type `io.containerd.spin.v2`.
const LINK: &str = "/usr/local/bin/containerd-shim-spin-v2";
/// Holds a folder for each version.
const VERSIONS: &str = "/opt/spinkube/shim";

/// Puts the shim into a node, unless it is there. Returns whether it was put there now.
pub async fn install(docker: &Docker, node: &Node, shim: &[u8]) -> Result<bool, PlatformError> {
    let file = format!("{VERSIONS}/{}/containerd-shim-spin-v2", version(shim));
    let present = docker.read_link(&node.name, LINK).await?;
    if present.as_deref() == Some(&file) {
        return Ok(false);
    }
    let content = Upload { path: &file, content: Content::File(shim, 0o755) };
    if present.is_none() {
        docker.upload(&node.name, &[content, Upload { path: LINK, content: Content::Link(&file) }]).await?;
    } else {
        docker.upload(&node.name, &[content]).await?;
        // Renaming over the link is atomic: at no moment does a starting pod find no shim.
        let swap = format!("ln -s {file} {LINK}.new && mv -T {LINK}.new {LINK}");
        docker.exec(&node.name, &["sh", "-c", &format!("rm -f {LINK}.new; {swap}")]).await?;
    }
    Ok(true)
}

/// Version of the shim in a node: 12 hex digits of its SHA-256.
pub async fn installed(docker: &Docker, node: &Node) -> Result<Option<String>, PlatformError> {
    let link = docker.read_link(&node.name, LINK).await?;
    let version = link.as_deref().and_then(|link| link.strip_prefix(VERSIONS)?.split('/').nth(1)).map(str::to_owned);
    Ok(version)
}

fn version(shim: &[u8]) -> String {
    hex::encode(&Sha256::digest(shim)[..6])
}
