//! The loosely typed parts of a locked app, typed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What the app is called, and configuration that holds for all triggers of a type.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AppMetadata {
    /// Name as in spin.toml.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Version as in spin.toml.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Description as in spin.toml.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Authors as in spin.toml.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authors: Vec<String>,
    /// Trigger type to its application-wide table (`[application.trigger.X]`).
    #[serde(default)]
    pub triggers: BTreeMap<String, Map<String, Value>>,
    /// The same with `type` in it, when the app has one trigger type: for old hosts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Map<String, Value>>,
    /// Where the app was loaded from: a file URL or a reference; never pushed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// What newer Spins add.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl AppMetadata {
    /// Nothing is set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The application-wide table of a trigger type, also of apps locked before `triggers` existed.
    pub fn trigger_wide(&self, trigger_type: &str) -> Option<&Map<String, Value>> {
        self.triggers
            .get(trigger_type)
            .or_else(|| self.trigger.as_ref().filter(|t| t.get("type").and_then(Value::as_str) == Some(trigger_type)))
    }
}

/// What a component is allowed, and how it was built.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ComponentMetadata {
    /// Description as in spin.toml.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Where it may connect to; entries may be templates over variables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_outbound_hosts: Vec<String>,
    /// Labels of key-value stores it may open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key_value_stores: Vec<String>,
    /// Labels of `SQLite` databases it may open (`sqlite_databases` in spin.toml).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub databases: Vec<String>,
    /// Models it may use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ai_models: Vec<String>,
    /// The `build` table of spin.toml.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<Value>,
    /// What newer Spins add.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl ComponentMetadata {
    /// Nothing is set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
