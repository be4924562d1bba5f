//! The answer to `-info`: the shim's version and what runc can do.

use std::process::Command;

use containerd_shim::protos::protobuf::MessageField;
use containerd_shim::protos::protobuf::well_known_types::any::Any;
use containerd_shim::protos::types::introspection::{RuntimeInfo, RuntimeVersion};
use containerd_shim::{Error, Result};

use crate::options::Options;

/// The type under which containerd expects `runc features` (JSON of the runtime specification).
const FEATURES: &str = "types.opencontainers.org/opencontainers/runtime-spec/1/features/Features";

/// Containers are runc's, so its features are ours: CRI asks for them before it allows user
/// namespaces or recursive read-only mounts.
pub(crate) fn runtime_info(runtime: &str, options: Option<&Any>) -> Result<RuntimeInfo> {
    let given = Options::from_any(options).map_err(|e| Error::Other(e.to_string()))?;
    let binary = if given.binary_name.is_empty() { "runc" } else { &given.binary_name };
    // A runc too old to know `features` has none to announce.
    let features = Command::new(binary).arg("features").output().ok().filter(|output| output.status.success());
    Ok(RuntimeInfo {
        name: runtime.to_owned(),
        version: MessageField::some(RuntimeVersion {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..RuntimeVersion::default()
        }),
        options: options.cloned().into(),
        features: features
            .map(|output| Any { type_url: FEATURES.to_owned(), value: output.stdout, ..Any::default() })
            .into(),
        ..RuntimeInfo::default()
    })
}
