//! `runtime-config.toml`: what the operator of an application configures behind its labels.
//!
//! Contract: Spin's tables and keys. A key that Spin doesn't know is refused with the nearest known one; a
//! backend that Spin knows and this host doesn't offer is refused by name, never ignored. Options may be
//! given as strings, because Spin's operator writes all of them so.

mod reader;
mod schema;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use thiserror::Error;

use reader::Table;

/// What a runtime configuration says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RuntimeConfig {
    /// Directory of default stores; `Some(None)` switches it off (`state_dir = ""`).
    pub state_dir: Option<Option<PathBuf>>,
    /// Cap of an instance's linear memory in bytes.
    pub max_instance_memory: Option<u64>,
    /// Key-value stores by label.
    pub key_value_stores: BTreeMap<String, KeyValueStore>,
    /// Providers of variables, the first one wins.
    pub variables_providers: Vec<VariablesProvider>,
}

/// Backend of a key-value store.
#[derive(Debug, PartialEq, Eq)]
pub enum KeyValueStore {
    /// `type = "spin"`: a `SQLite` file, or memory without a path.
    Spin {
        /// Relative paths count from the configuration's directory.
        path: Option<PathBuf>,
    },
}

/// Source of variables.
#[derive(Debug, PartialEq, Eq)]
pub enum VariablesProvider {
    /// `type = "static"`.
    Static {
        /// By variable name.
        values: BTreeMap<String, String>,
    },
    /// `type = "env"`.
    Env {
        /// Instead of `SPIN_VARIABLE`.
        prefix: Option<String>,
    },
}

/// A runtime configuration that can't be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RuntimeConfigError {
    /// Not TOML.
    #[error("the runtime configuration is not valid TOML: {0}; correct runtime-config.toml")]
    Toml(String),
    /// A key nobody knows.
    #[error("the runtime configuration has an unknown key `{key}`{}; remove it or correct it", .nearest.as_ref().map(|n| format!(" (did you mean `{n}`?)")).unwrap_or_default())]
    UnknownKey {
        /// With its tables, e.g. `key_value_store.default.pat`.
        key: String,
        /// What may be meant.
        nearest: Option<String>,
    },
    /// A value of the wrong kind.
    #[error("`{key}` in the runtime configuration must be {expected}; correct runtime-config.toml")]
    WrongValue {
        /// With its tables.
        key: String,
        /// What belongs there.
        expected: &'static str,
    },
    /// Something that Spin has and this host doesn't.
    #[error("the runtime configuration uses {what}, which this host doesn't offer yet; {instead}")]
    NotOffered {
        /// What.
        what: String,
        /// The cure.
        instead: &'static str,
    },
}

impl RuntimeConfig {
    /// Reads a configuration whose relative paths count from `dir`.
    pub fn parse(text: &str, dir: &Path) -> Result<Self, RuntimeConfigError> {
        let table: toml::Table =
            text.parse().map_err(|e: toml::de::Error| RuntimeConfigError::Toml(e.to_string().trim_end().to_owned()))?;
        let root = Table::root(&table);
        root.keys_within(&schema::TOP)?;
        let mut config = Self {
            state_dir: root.text("state_dir")?.map(|d| (!d.is_empty()).then(|| dir.join(d))),
            max_instance_memory: root.number("max_instance_memory")?,
            ..Self::default()
        };
        // Guests' output goes to the container's; a directory for it would have no reader.
        root.text("log_dir")?;
        for (label, store) in root.tables("key_value_store")? {
            config.key_value_stores.insert(label, key_value_store(&store, dir)?);
        }
        for name in ["variables_provider", "config_provider"] {
            for provider in root.list(name)? {
                config.variables_providers.push(variables_provider(&provider)?);
            }
        }
        for (_, database) in root.tables("sqlite_database")? {
            let kind = database.kind(&schema::SQLITE)?;
            if kind != "spin" {
                return Err(not_offered(format!("a SQLite database of type \"{kind}\""), "use type \"spin\""));
            }
        }
        schema::check_rest(&root)?;
        Ok(config)
    }
}

fn key_value_store(store: &Table<'_>, dir: &Path) -> Result<KeyValueStore, RuntimeConfigError> {
    match store.kind(&schema::KEY_VALUE)? {
        "spin" => Ok(KeyValueStore::Spin { path: store.text("path")?.map(|p| dir.join(p)) }),
        kind => Err(not_offered(format!("a key-value store of type \"{kind}\""), "use type \"spin\"")),
    }
}

fn variables_provider(provider: &Table<'_>) -> Result<VariablesProvider, RuntimeConfigError> {
    match provider.kind(&schema::VARIABLES)? {
        "static" => Ok(VariablesProvider::Static { values: provider.texts("values")? }),
        "env" => {
            if provider.text("dotenv_path")?.is_some() {
                return Err(not_offered("`dotenv_path`".to_owned(), "set the environment of the container"));
            }
            Ok(VariablesProvider::Env { prefix: provider.text("prefix")?.map(str::to_owned) })
        }
        kind => Err(not_offered(
            format!("a variables provider of type \"{kind}\""),
            "give the values as environment variables from a Secret",
        )),
    }
}

fn not_offered(what: String, instead: &'static str) -> RuntimeConfigError {
    RuntimeConfigError::NotOffered { what, instead }
}

#[cfg(test)]
mod tests;
