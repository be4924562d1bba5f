//! Spin's runtime config: what a `SpinApp` says ([`RuntimeConfig`]), the file made of it ([`toml()`]) and the name
//! of the Secret that holds the file ([`secret_name`]).
//!
//! The file is byte for byte what upstream's operator writes, because the Secret's name is its checksum and the
//! name stands in the pod template: other bytes would restart every pod when one operator takes over from the other.

mod references;
mod spec;
mod toml;

pub use references::References;
pub use spec::{KeyValueStore, LlmCompute, RuntimeConfig, RuntimeConfigOption, RuntimeConfigVarSource, SqliteDatabase};
pub use toml::toml;

/// Why a runtime config can't be made. Each text names the part of the `SpinApp` to change.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RuntimeConfigError {
    /// Two stores of one name.
    #[error(
        "duplicate definition for key value store with name: {0}; rename or remove one in spec.runtimeConfig.keyValueStores"
    )]
    DuplicateKeyValueStore(String),
    /// Two databases of one name.
    #[error(
        "duplicate definition for sqlite database with name: {0}; rename or remove one in spec.runtimeConfig.sqliteDatabases"
    )]
    DuplicateSqliteDatabase(String),
    /// A referenced value isn't text, so TOML can't hold it.
    #[error(
        "key {key:?} of {kind} {name:?} is not UTF-8 text; store the value that spec.runtimeConfig refers to as text"
    )]
    NotText {
        /// `Secret` or `ConfigMap`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The key in it.
        key: String,
    },
}

/// Name of the Secret that holds `toml` for `app`: `<app>-<adler32 of the bytes in lower-case hex>`.
pub fn secret_name(app: &str, toml: &str) -> String {
    format!("{app}-{:x}", adler2::adler32_slice(toml.as_bytes()))
}

/// Whether `name` has the form of [`secret_name`] for `app`.
pub fn is_secret_name(app: &str, name: &str) -> bool {
    name.strip_prefix(app).and_then(|rest| rest.strip_prefix('-')).is_some_and(|hash| {
        (1..=8).contains(&hash.len()) && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}
