//! The Secrets and `ConfigMaps` whose values a runtime config takes.

use std::collections::{BTreeMap, BTreeSet};

use super::{RuntimeConfig, RuntimeConfigError, RuntimeConfigOption};

/// Values of the referenced objects, by object name and key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct References {
    /// `ConfigMap` data.
    pub config_maps: BTreeMap<String, BTreeMap<String, String>>,
    /// Secret data, decoded.
    pub secrets: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
}

impl References {
    /// Names of the `ConfigMaps` that `config` refers to.
    pub fn config_map_names(config: &RuntimeConfig) -> BTreeSet<&str> {
        let sources = config.options().filter_map(|option| option.value_from.as_ref());
        sources.filter_map(|source| source.config_map_key_ref.as_ref()).map(|key| key.name.as_str()).collect()
    }

    /// Names of the Secrets that `config` refers to.
    pub fn secret_names(config: &RuntimeConfig) -> BTreeSet<&str> {
        let sources = config.options().filter_map(|option| option.value_from.as_ref());
        sources.filter_map(|source| source.secret_key_ref.as_ref()).map(|key| key.name.as_str()).collect()
    }

    /// The value of an option: its own, else the `ConfigMap`'s, else the Secret's, else empty. A missing key is empty
    /// too; that a missing object is an error is for the caller who fetches.
    pub(super) fn value(&self, option: &RuntimeConfigOption) -> Result<String, RuntimeConfigError> {
        if !option.value.is_empty() {
            return Ok(option.value.clone());
        }
        let Some(source) = &option.value_from else { return Ok(String::new()) };
        if let Some(key) = &source.config_map_key_ref {
            return Ok(self
                .config_maps
                .get(&key.name)
                .and_then(|data| data.get(&key.key))
                .cloned()
                .unwrap_or_default());
        }
        let Some(key) = &source.secret_key_ref else { return Ok(String::new()) };
        let bytes = self.secrets.get(&key.name).and_then(|data| data.get(&key.key));
        String::from_utf8(bytes.cloned().unwrap_or_default()).map_err(|_| RuntimeConfigError::NotText {
            kind: "Secret",
            name: key.name.clone(),
            key: key.key.clone(),
        })
    }
}
