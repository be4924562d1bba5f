//! The locked app: what a Spin host runs, as JSON (`spin.lock`, and the first-class layer of an OCI artifact).
//!
//! Field names and semantics are Spin's (lock versions 0 and 1). Unknown fields are ignored; what a host must not
//! ignore is listed in `must_understand`, and an unknown entry there refuses the app.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

mod content;
mod metadata;
mod version;

pub use content::{ContentPath, ContentRef, LockedComponentSource, WASM_CONTENT_TYPE};
pub use metadata::{AppMetadata, ComponentMetadata};
pub use version::{HostRequirement, LockVersion, MustUnderstand};

/// Host requirement: components reach each other through `*.spin.internal`.
pub const SERVICE_CHAINING: &str = "local_service_chaining";
/// Host requirement: triggers may put middleware in front of a component.
pub const MIDDLEWARE: &str = "middleware";

/// Name to value, written in the order of the names.
pub type LockedMap<T> = BTreeMap<String, T>;

/// Why bytes are no locked app that this host may run.
#[derive(Debug, thiserror::Error)]
pub enum LockedError {
    /// The bytes are no locked app of a known version.
    #[error("the locked app can't be read: {0}; push the app again with a current spin or spinkube-dev")]
    Json(#[from] serde_json::Error),
    /// The app was locked with features that this host does not know.
    #[error("the app needs what this host does not offer: {}; use a newer spinkube-dev, or leave the feature out of the app", .0.join(", "))]
    Unsupported(Vec<String>),
}

/// A resolved Spin application.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct LockedApp {
    /// Schema version as read; what is written is chosen by content (see [`LockedApp::to_json`]).
    pub spin_lock_version: LockVersion,
    /// Fields that a host must process if they are present.
    #[serde(default)]
    pub must_understand: Vec<MustUnderstand>,
    /// Name, version, trigger-wide configuration.
    #[serde(default)]
    pub metadata: AppMetadata,
    /// What the whole app needs from a host.
    #[serde(default)]
    pub host_requirements: LockedMap<HostRequirement>,
    /// Application variables by name.
    #[serde(default)]
    pub variables: LockedMap<Variable>,
    /// What starts components.
    pub triggers: Vec<LockedTrigger>,
    /// Code and its configuration.
    pub components: Vec<LockedComponent>,
}

/// A value that the operator of an app gives at deploy time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variable {
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Value when none is given; `None` makes it required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Its value is never shown or logged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
}

/// What starts a component, e.g. an HTTP route.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LockedTrigger {
    /// Unique within the app.
    pub id: String,
    /// `http`, `redis`, ...
    pub trigger_type: String,
    /// The trigger type's own table; `component` names the component.
    #[serde(default)]
    pub trigger_config: Value,
    /// Role (e.g. `middleware`) to what fills it, outermost first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub trigger_dependencies: LockedMap<Vec<LockedDependency>>,
}

/// A WebAssembly component, or core module, and what it is given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LockedComponent {
    /// Unique within the app, kebab-case.
    pub id: String,
    /// Permissions and description.
    #[serde(default, skip_serializing_if = "ComponentMetadata::is_empty")]
    pub metadata: ComponentMetadata,
    /// The code.
    pub source: LockedComponentSource,
    /// Environment variables of the guest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: LockedMap<String>,
    /// Files the guest sees.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<ContentPath>,
    /// Variables of the guest: templates over the application's variables.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub config: LockedMap<String>,
    /// Import to what satisfies it, in an app pushed without composing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dependencies: LockedMap<LockedDependency>,
    /// Middleware of this component's trigger, in an app pushed without composing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub trigger_dependencies: LockedMap<Vec<LockedDependency>>,
    /// What this component needs from a host.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub host_requirements: LockedMap<HostRequirement>,
}

/// A component that satisfies another's import.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LockedDependency {
    /// The code.
    pub source: LockedComponentSource,
    /// The export to use, if it is not the import's own name.
    #[serde(default)]
    pub export: Option<String>,
    /// Which permissions of its parent it has.
    #[serde(default, skip_serializing_if = "InheritConfiguration::is_none")]
    pub inherit: InheritConfiguration,
}

/// Which of its parent's permissions a dependency has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum InheritConfiguration {
    /// All of them.
    All,
    /// The named ones; an empty list is none.
    Some(Vec<String>),
}

impl Default for InheritConfiguration {
    fn default() -> Self {
        Self::Some(Vec::new())
    }
}

impl InheritConfiguration {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl LockedApp {
    /// Reads and checks a locked app: version at most 1, nothing in `must_understand` that is unknown here.
    pub fn from_json(bytes: &[u8]) -> Result<Self, LockedError> {
        let app: Self = serde_json::from_slice(bytes)?;
        let unknown: Vec<String> = app.must_understand.iter().filter_map(|m| m.unknown().map(str::to_owned)).collect();
        if unknown.is_empty() { Ok(app) } else { Err(LockedError::Unsupported(unknown)) }
    }

    /// Compact JSON, equal for equal apps. Version 1 is written only when a field needs it, so that old hosts run what they can.
    #[allow(clippy::missing_panics_doc)] // it can't
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("string keys and plain values always serialise")
    }

    /// Refuses requirements outside `supported`, of the app and of the components that `trigger_type` triggers name.
    pub fn check_host_requirements(&self, trigger_type: &str, supported: &[&str]) -> Result<(), LockedError> {
        let wanted: Vec<&str> = self.triggers_of(trigger_type).filter_map(LockedTrigger::component).collect();
        let components = self.components.iter().filter(|c| wanted.contains(&c.id.as_str()));
        let mut unmet: Vec<String> = std::iter::once(&self.host_requirements)
            .chain(components.map(|c| &c.host_requirements))
            .flatten()
            .filter(|(key, need)| need.is_required() && !supported.contains(&key.as_str()))
            .map(|(key, _)| key.clone())
            .collect();
        unmet.sort();
        unmet.dedup();
        if unmet.is_empty() { Ok(()) } else { Err(LockedError::Unsupported(unmet)) }
    }

    /// Triggers of one type, in the order of the manifest.
    pub fn triggers_of<'a>(&'a self, trigger_type: &'a str) -> impl Iterator<Item = &'a LockedTrigger> {
        self.triggers.iter().filter(move |t| t.trigger_type == trigger_type)
    }

    /// The component of that id.
    pub fn component(&self, id: &str) -> Option<&LockedComponent> {
        self.components.iter().find(|c| c.id == id)
    }

    /// Names of variables that have no default: each must be given at deploy time.
    pub fn required_variables(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().filter(|(_, v)| v.default.is_none()).map(|(name, _)| name.as_str())
    }
}

impl LockedTrigger {
    /// The component it starts; `None` for triggers that answer by themselves (static responses).
    pub fn component(&self) -> Option<&str> {
        self.trigger_config.get("component").and_then(Value::as_str)
    }
}

impl Serialize for LockedApp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Written<'a> {
            spin_lock_version: u8,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            must_understand: &'a [MustUnderstand],
            #[serde(skip_serializing_if = "AppMetadata::is_empty")]
            metadata: &'a AppMetadata,
            #[serde(skip_serializing_if = "BTreeMap::is_empty")]
            host_requirements: &'a LockedMap<HostRequirement>,
            #[serde(skip_serializing_if = "BTreeMap::is_empty")]
            variables: &'a LockedMap<Variable>,
            triggers: &'a [LockedTrigger],
            components: &'a [LockedComponent],
        }
        Written {
            spin_lock_version: u8::from(!self.must_understand.is_empty() || !self.host_requirements.is_empty()),
            must_understand: &self.must_understand,
            metadata: &self.metadata,
            host_requirements: &self.host_requirements,
            variables: &self.variables,
            triggers: &self.triggers,
            components: &self.components,
        }
        .serialize(serializer)
    }
}

#[cfg(test)]
mod tests;
