//! What a manifest says, after normalisation.

use std::{collections::BTreeMap, ops::Range};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::locked::LockedMap;

/// A value with its place in the file, in bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Range<usize>,
}

impl<T> std::ops::Deref for Located<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// `[application]`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Application {
    /// Required.
    pub name: String,
    /// Usually a semantic version; not checked.
    pub version: String,
    /// For people.
    pub description: String,
    /// `name <mail>`.
    pub authors: Vec<String>,
    /// `[application.trigger.X]`: configuration for all triggers of a type.
    pub trigger_configs: BTreeMap<String, Map<String, Value>>,
}

/// `[[trigger.X]]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Trigger {
    /// Given or generated, unique.
    pub id: String,
    /// `http`, `redis`, ...
    pub trigger_type: String,
    /// Id of the component it starts.
    pub component: Option<String>,
    /// Role to ids of further components.
    pub components: BTreeMap<String, Vec<String>>,
    /// Roles filled by dependencies (middleware).
    pub dependencies: Vec<Located<String>>,
    /// The type's own keys, as they are.
    pub config: Map<String, Value>,
}

/// `[component.X]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Component {
    /// Kebab-case.
    pub id: String,
    /// Where the code is.
    pub source: Located<Source>,
    /// For people.
    pub description: String,
    /// What the guest reads: templates over the application's variables.
    pub variables: LockedMap<String>,
    /// Environment of the guest.
    pub environment: LockedMap<String>,
    /// Files the guest sees.
    pub files: Vec<Located<FileMount>>,
    /// Patterns of files it does not see, on paths relative to the app's root.
    pub exclude_files: Vec<Located<String>>,
    /// Where it may connect to, `allowed_http_hosts` converted and included.
    pub allowed_outbound_hosts: Vec<String>,
    /// Labels of key-value stores.
    pub key_value_stores: Vec<String>,
    /// Labels of `SQLite` databases.
    pub sqlite_databases: Vec<String>,
    /// Names of models.
    pub ai_models: Vec<String>,
    /// How it is built.
    pub build: Option<Build>,
    /// Imports that other components satisfy.
    pub dependencies: Vec<Located<String>>,
}

/// Where the code of a component is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file, relative to the manifest.
    Local(String),
    /// A download.
    Remote {
        /// `https://...`
        url: String,
        /// `sha256:<64 hex>`.
        digest: String,
    },
    /// A package of a component registry.
    Registry {
        /// Host, or the default registry.
        registry: Option<String>,
        /// `namespace:name`.
        package: String,
        /// Exact version.
        version: String,
    },
}

/// An entry of `files`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileMount {
    /// A file, a folder or a glob, seen at its own path.
    Pattern(String),
    /// A file or folder, seen somewhere else.
    Placement {
        /// Relative to the manifest.
        source: String,
        /// The guest's path.
        destination: String,
    },
}

/// `[component.X.build]`. Serialises as Spin's lock metadata has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Build {
    /// Run in order.
    #[serde(serialize_with = "one_or_many")]
    pub command: Vec<String>,
    /// Relative to the manifest; its folder if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workdir: Option<String>,
    /// Globs, relative to `workdir`, of files that the build depends on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub watch: Vec<String>,
}

fn one_or_many<S: serde::Serializer>(commands: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    match commands {
        [one] => one.serialize(serializer),
        many => many.serialize(serializer),
    }
}
