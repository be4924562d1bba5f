//! What a locked app asks of the host that reads it.

use serde::{Deserialize, Deserializer, Serialize};

/// Schema version: 0 or 1; both are read the same way.
#[derive(Debug, Clone, Copy, Default)]
pub struct LockVersion(u8);

/// The newest schema version that is read.
const NEWEST: u64 = 1;

/// The version says how to read an app, not what the app is: it never makes two apps differ.
impl PartialEq for LockVersion {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
impl Eq for LockVersion {}

impl LockVersion {
    /// The number that was read.
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl<'de> Deserialize<'de> for LockVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            0 => Ok(Self(0)),
            NEWEST => Ok(Self(1)),
            newer => Err(serde::de::Error::custom(format!(
                "it has spin_lock_version {newer}, but the newest known is {NEWEST}"
            ))),
        }
    }
}

/// A field that must not be ignored when it is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MustUnderstand {
    /// `host_requirements` of the app.
    HostRequirements,
    /// `host_requirements` of components.
    ComponentHostRequirements,
    /// Something newer than this program.
    #[serde(untagged)]
    Unknown(String),
}

impl MustUnderstand {
    /// The name of what is not known here.
    pub fn unknown(&self) -> Option<&str> {
        if let Self::Unknown(name) = self { Some(name) } else { None }
    }
}

/// How much an app needs a host feature; Spin writes `"required"` or `"optional"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostRequirement {
    /// The app can't run without it.
    Required,
    /// The app runs without it.
    Optional,
    /// A value of a newer Spin: treated as required.
    #[serde(untagged)]
    Other(serde_json::Value),
}

impl HostRequirement {
    /// Everything but `"optional"` is.
    pub fn is_required(&self) -> bool {
        *self != Self::Optional
    }
}
