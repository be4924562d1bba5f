//! What the shim tells the app's process to run.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::os::fd::{OwnedFd, RawFd};
use std::path::PathBuf;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use serde::{Deserialize, Serialize};

/// The face of the binary that serves an app.
pub(crate) const SERVE: &str = "serve";

/// The channel to the shim.
pub(crate) const CONTROL: RawFd = 3;
/// The sealed [`Spec`].
pub(crate) const SPEC: RawFd = 4;
/// The native code of the first component; the others follow.
pub(crate) const FIRST_CODE: RawFd = 5;

/// Everything about an app that its process doesn't find in its container. Shim and app are one binary,
/// so this is no stable format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spec {
    /// The locked app as JSON.
    pub(crate) app: serde_json::Value,
    /// Ids of the components with code, in the order of their descriptors.
    pub(crate) code: Vec<String>,
    /// Directory of a component's files, in the container.
    pub(crate) files: BTreeMap<String, PathBuf>,
    /// The container's memory limit in bytes.
    pub(crate) memory_limit: Option<u64>,
    /// How long to go on accepting after SIGTERM, in milliseconds.
    pub(crate) lame_duck_ms: u64,
}

impl Spec {
    /// Puts it into memory that nobody can change any more.
    pub(crate) fn seal(&self) -> std::io::Result<OwnedFd> {
        let memory = memfd_create("spin-app", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        let mut file = File::from(memory);
        serde_json::to_writer(&mut file, self)?;
        file.flush()?;
        file.rewind()?;
        fcntl_add_seals(&file, SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE)?;
        Ok(file.into())
    }

    /// Reads what was sealed.
    pub(crate) fn read(memory: OwnedFd) -> std::io::Result<Self> {
        Ok(serde_json::from_reader(std::io::BufReader::new(File::from(memory)))?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_sealed_can_be_read_and_not_changed() {
        let spec = Spec {
            app: serde_json::json!({"components": []}),
            code: vec!["a".to_owned()],
            files: BTreeMap::from([("a".to_owned(), PathBuf::from("/f/a"))]),
            memory_limit: Some(1),
            lame_duck_ms: 2000,
        };
        let sealed = spec.seal().unwrap();
        assert!(File::from(sealed.try_clone().unwrap()).write_all(b"x").is_err());
        assert_eq!(Spec::read(sealed).unwrap(), spec);
    }
}
