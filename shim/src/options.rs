//! The handler's options: the TOML table `runtimes.spin.options` of containerd's configuration.

use std::path::Path;

use containerd_shim::protos::protobuf::{Message, well_known_types::any::Any};
use containerd_shim::protos::shim::oci;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The options of a container, in its bundle.
const FILE: &str = "spin-options.json";

/// What the handler's configuration may set. Names are those of runc's handler, so that one
/// block of configuration serves both.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Options {
    /// Containers get systemd scopes; must equal the kubelet's `cgroupDriver: systemd`.
    pub(crate) systemd_cgroup: bool,
    /// The runc binary; empty: `runc` on PATH.
    pub(crate) binary_name: String,
    /// runc's state root; empty: `/run/containerd/spin`.
    pub(crate) root: String,
    /// Do not pivot into the root filesystem (needed on a ramdisk).
    pub(crate) no_pivot_root: bool,
    /// Do not make a session keyring.
    pub(crate) no_new_keyring: bool,
}

impl Options {
    /// Decodes what containerd attaches to Create: runc's own message, or the generic one, whose
    /// body is the TOML table as it stands in the configuration.
    pub(crate) fn from_any(any: Option<&Any>) -> Result<Self> {
        let Some(any) = any else { return Ok(Self::default()) };
        match any.type_url.rsplit('/').next() {
            Some("containerd.runc.v1.Options") => {
                let runc = oci::Options::parse_from_bytes(&any.value)
                    .map_err(|e| Error::Invalid(format!("cannot read the handler's runc options: {e}")))?;
                Ok(Self {
                    systemd_cgroup: runc.systemd_cgroup,
                    binary_name: runc.binary_name,
                    root: runc.root,
                    no_pivot_root: runc.no_pivot_root,
                    no_new_keyring: runc.no_new_keyring,
                })
            }
            Some("runtimeoptions.v1.Options") => Self::from_toml(&generic_body(&any.value)?),
            _ => Ok(Self::default()),
        }
    }

    /// Keeps them in the bundle, for the `delete` action, which isn't given them.
    pub(crate) fn write(&self, bundle: &Path) -> Result<()> {
        let path = bundle.join(FILE);
        let text = serde_json::to_vec(self).map_err(|e| Error::Invalid(e.to_string()))?;
        std::fs::write(&path, text).map_err(Error::io(format!("write {}", path.display())))
    }

    /// Reads what Create kept; the defaults where it kept nothing.
    pub(crate) fn read(bundle: &Path) -> Self {
        let text = std::fs::read(bundle.join(FILE)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    fn from_toml(body: &str) -> Result<Self> {
        toml::from_str(body).map_err(|e| {
            Error::Invalid(format!("the options of the containerd runtime handler are not valid: {}", e.message()))
        })
    }
}

/// The TOML of a `runtimeoptions.v1.Options` message: field 3 (`config_body`, bytes), else the file
/// named by field 2 (`config_path`). Decoded by hand, as the protos crate does not carry the message.
fn generic_body(message: &[u8]) -> Result<String> {
    let invalid = |e| Error::Invalid(format!("cannot read the handler's options: {e}"));
    let mut input = containerd_shim::protos::protobuf::CodedInputStream::from_bytes(message);
    let (mut path, mut body) = (String::new(), Vec::new());
    while let Some(tag) = input.read_raw_tag_or_eof().map_err(invalid)? {
        match tag {
            0x12 => path = input.read_string().map_err(invalid)?,
            0x1a => body = input.read_bytes().map_err(invalid)?,
            0x0a => drop(input.read_string().map_err(invalid)?),
            _ => break,
        }
    }
    if body.is_empty() && !path.is_empty() {
        return std::fs::read_to_string(&path).map_err(Error::io(format!("read the handler's options in {path}")));
    }
    String::from_utf8(body).map_err(|_| Error::Invalid("the handler's options are not UTF-8 text".to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn any(type_url: &str, value: Vec<u8>) -> Any {
        Any { type_url: type_url.to_owned(), value, ..Any::default() }
    }

    #[test]
    fn reads_the_toml_body_that_cri_sends() {
        let body = b"SystemdCgroup = true\nRoot = \"/run/x\"\n";
        let mut message = vec![0x1a, u8::try_from(body.len()).unwrap()];
        message.extend_from_slice(body);
        let options = Options::from_any(Some(&any("runtimeoptions.v1.Options", message))).unwrap();
        assert_eq!(options, Options { systemd_cgroup: true, root: "/run/x".to_owned(), ..Options::default() });
    }

    #[test]
    fn reads_runc_options() {
        let runc = oci::Options { systemd_cgroup: true, ..oci::Options::default() };
        let options =
            Options::from_any(Some(&any("containerd.runc.v1.Options", runc.write_to_bytes().unwrap()))).unwrap();
        assert!(options.systemd_cgroup);
    }

    #[test]
    fn what_create_kept_is_read_again() {
        let bundle = tempfile::tempdir().unwrap();
        assert_eq!(Options::read(bundle.path()), Options::default());
        let options = Options { root: "/run/x".to_owned(), systemd_cgroup: true, ..Options::default() };
        options.write(bundle.path()).unwrap();
        assert_eq!(Options::read(bundle.path()), options);
    }

    #[test]
    fn no_options_are_the_defaults() {
        assert_eq!(Options::from_any(None).unwrap(), Options::default());
    }

    #[test]
    fn a_wrong_type_is_named() {
        let error = Options::from_toml("SystemdCgroup = 3").unwrap_err().to_string();
        assert!(error.contains("runtime handler"), "{error}");
    }

    proptest::proptest! {
        #[test]
        fn hostile_messages_are_refused_and_never_crash(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64)) {
            for type_url in ["runtimeoptions.v1.Options", "containerd.runc.v1.Options"] {
                // Either outcome is right; what counts is that there is one.
                let _ = Options::from_any(Some(&any(type_url, bytes.clone())));
            }
        }
    }
}
