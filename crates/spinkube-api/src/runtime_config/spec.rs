//! The `runtimeConfig` part of a `SpinApp`.

use k8s_openapi::api::core::v1::{ConfigMapKeySelector, SecretKeySelector};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Stores, databases and models that Spin offers to the app.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuntimeConfig {
    /// Secret with a ready `runtime-config.toml`; everything else here is then ignored.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub load_from_secret: String,
    /// `SQLite` databases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sqlite_databases: Vec<SqliteDatabase>,
    /// Key-value stores.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key_value_stores: Vec<KeyValueStore>,
    /// Where large language models run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub llm_compute: Option<LlmCompute>,
}

/// A `SQLite` database by its label.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct SqliteDatabase {
    /// Label that the app uses.
    pub name: String,
    /// Backend, for example `libsql`.
    #[serde(rename = "type")]
    pub type_: String,
    /// Options of the backend.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<RuntimeConfigOption>,
}

/// A key-value store by its label.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct KeyValueStore {
    /// Label that the app uses.
    pub name: String,
    /// Backend, for example `redis`.
    #[serde(rename = "type")]
    pub type_: String,
    /// Options of the backend.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<RuntimeConfigOption>,
}

/// Where large language models run.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct LlmCompute {
    /// Backend, for example `remote_http`.
    #[serde(rename = "type")]
    pub type_: String,
    /// Options of the backend.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<RuntimeConfigOption>,
}

/// One option: a value, or the key that holds it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuntimeConfigOption {
    /// Name of the option.
    pub name: String,
    /// The value itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// The key that holds the value; used when `value` is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_from: Option<RuntimeConfigVarSource>,
}

/// A key in a `ConfigMap` or a Secret of the app's namespace; the `ConfigMap` wins when both are given.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuntimeConfigVarSource {
    /// A key of a `ConfigMap`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_key_ref: Option<ConfigMapKeySelector>,
    /// A key of a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<SecretKeySelector>,
}

impl RuntimeConfig {
    /// Whether nothing is configured, so that the generated file holds the variables provider alone.
    pub fn is_empty(&self) -> bool {
        self.load_from_secret.is_empty()
            && self.sqlite_databases.is_empty()
            && self.key_value_stores.is_empty()
            && self.llm_compute.is_none()
    }

    /// Every option of every section; none when the file is loaded from a Secret.
    pub fn options(&self) -> impl Iterator<Item = &RuntimeConfigOption> {
        let generated = self.load_from_secret.is_empty();
        let stores = self.key_value_stores.iter().flat_map(|store| &store.options);
        let databases = self.sqlite_databases.iter().flat_map(|database| &database.options);
        let llm = self.llm_compute.iter().flat_map(|llm| &llm.options);
        stores.chain(databases).chain(llm).filter(move |_| generated)
    }
}
