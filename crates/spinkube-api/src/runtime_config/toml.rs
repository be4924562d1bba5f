//! Writes the runtime config as upstream's TOML library does: literal strings where they can be, sorted keys, one
//! blank line between tables.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{References, RuntimeConfig, RuntimeConfigError, RuntimeConfigOption};
use crate::contract::env::VARIABLE_PREFIX;

type Table = BTreeMap<String, String>;

/// The `runtime-config.toml` of an app, with the referenced values filled in.
pub fn toml(config: &RuntimeConfig, references: &References) -> Result<String, RuntimeConfigError> {
    let mut stores = BTreeMap::new();
    for store in &config.key_value_stores {
        let table = table(&store.type_, &store.options, references)?;
        if stores.insert(store.name.as_str(), table).is_some() {
            return Err(RuntimeConfigError::DuplicateKeyValueStore(store.name.clone()));
        }
    }
    let mut databases = BTreeMap::new();
    for database in &config.sqlite_databases {
        let table = table(&database.type_, &database.options, references)?;
        if databases.insert(database.name.as_str(), table).is_some() {
            return Err(RuntimeConfigError::DuplicateSqliteDatabase(database.name.clone()));
        }
    }

    let mut out = format!("[[config_provider]]\ntype = 'env'\nprefix = '{VARIABLE_PREFIX}'\n");
    write_section(&mut out, "key_value_store", &stores);
    write_section(&mut out, "sqlite_database", &databases);
    if let Some(llm) = &config.llm_compute {
        out.push_str("\n[llm_compute]\n");
        write_entries(&mut out, &table(&llm.type_, &llm.options, references)?);
    }
    Ok(out)
}

/// Options by name: a later option of the same name wins, also over `type`.
fn table(type_: &str, options: &[RuntimeConfigOption], references: &References) -> Result<Table, RuntimeConfigError> {
    let mut table = Table::from([("type".to_owned(), type_.to_owned())]);
    for option in options {
        table.insert(option.name.clone(), references.value(option)?);
    }
    Ok(table)
}

fn write_section(out: &mut String, section: &str, tables: &BTreeMap<&str, Table>) {
    for (index, (name, table)) in tables.iter().enumerate() {
        let header = if index == 0 { format!("[{section}]\n") } else { String::new() };
        let _ = write!(out, "\n{header}[{section}.{}]\n", key(name));
        write_entries(out, table);
    }
}

fn write_entries(out: &mut String, table: &Table) {
    for (name, value) in table {
        let _ = writeln!(out, "{} = {}", key(name), string(value));
    }
}

fn key(name: &str) -> String {
    let bare = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if bare && !name.is_empty() { name.to_owned() } else { string(name) }
}

fn string(value: &str) -> String {
    // A tab is the one control character that a literal string may hold.
    let literal = value.bytes().all(|b| b != b'\'' && (b == b'\t' || !b.is_ascii_control()));
    if literal { format!("'{value}'") } else { quoted(value) }
}

fn quoted(value: &str) -> String {
    let mut out = String::from('"');
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_ascii_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{KeyValueStore, LlmCompute, RuntimeConfigVarSource, SqliteDatabase, secret_name};
    use super::*;
    use k8s_openapi::api::core::v1::{ConfigMapKeySelector, SecretKeySelector};
    use proptest::prelude::*;

    fn option(name: &str, value: &str) -> RuntimeConfigOption {
        RuntimeConfigOption { name: name.into(), value: value.into(), value_from: None }
    }

    fn store(name: &str, type_: &str, options: Vec<RuntimeConfigOption>) -> KeyValueStore {
        KeyValueStore { name: name.into(), type_: type_.into(), options }
    }

    fn stores(key_value_stores: Vec<KeyValueStore>) -> RuntimeConfig {
        RuntimeConfig { key_value_stores, ..RuntimeConfig::default() }
    }

    fn from_secret(name: &str, secret: &str, key: &str) -> RuntimeConfigOption {
        let selector = SecretKeySelector { name: secret.into(), key: key.into(), optional: None };
        let source = RuntimeConfigVarSource { secret_key_ref: Some(selector), config_map_key_ref: None };
        RuntimeConfigOption { value_from: Some(source), ..option(name, "") }
    }

    fn from_config_map(name: &str, config_map: &str, key: &str) -> RuntimeConfigOption {
        let selector = ConfigMapKeySelector { name: config_map.into(), key: key.into(), optional: None };
        let source = RuntimeConfigVarSource { config_map_key_ref: Some(selector), secret_key_ref: None };
        RuntimeConfigOption { value_from: Some(source), ..option(name, "") }
    }

    #[test]
    fn names_are_those_of_upstream() {
        let redis = stores(vec![store("default", "redis", vec![option("url", "redis://localhost:9000")])]);
        let two = stores(vec![
            store("zeta store", "redis", vec![option("url", "a"), option("b-c", "2")]),
            store("alpha", "spin", vec![]),
        ]);
        let missing_key = stores(vec![store("a", "x", vec![from_secret("u", "s", "absent")])]);
        for (config, hash) in
            [(RuntimeConfig::default(), "760b133c"), (redis, "533932d0"), (two, "aa5d3cbb"), (missing_key, "24a92654")]
        {
            let toml = toml(&config, &References::default()).unwrap();
            assert_eq!(secret_name("app", &toml), format!("app-{hash}"), "{toml}");
        }
    }

    #[test]
    fn all_sections_in_their_order() {
        let config = RuntimeConfig {
            key_value_stores: vec![store("default", "redis", vec![from_secret("url", "my-super-secret", "redis")])],
            sqlite_databases: vec![SqliteDatabase {
                name: "default".into(),
                type_: "libsql".into(),
                options: vec![from_config_map("url", "places", "turso"), option("token", "it's\na \"t\"\u{1}")],
            }],
            llm_compute: Some(LlmCompute { type_: "remote_http".into(), options: vec![option("url", "https://llm")] }),
            ..RuntimeConfig::default()
        };
        let references = References {
            secrets: [("my-super-secret".into(), [("redis".into(), b"redis://r".to_vec())].into())].into(),
            config_maps: [("places".into(), [("turso".into(), "https://t".into())].into())].into(),
        };
        insta::assert_snapshot!(toml(&config, &references).unwrap(), @r#"
        [[config_provider]]
        type = 'env'
        prefix = 'SPIN_VARIABLE_'

        [key_value_store]
        [key_value_store.default]
        type = 'redis'
        url = 'redis://r'

        [sqlite_database]
        [sqlite_database.default]
        token = "it's\na \"t\"\u0001"
        type = 'libsql'
        url = 'https://t'

        [llm_compute]
        type = 'remote_http'
        url = 'https://llm'
        "#);
    }

    #[test]
    fn what_cannot_be_made_is_named() {
        let twice = stores(vec![store("a", "x", vec![]), store("a", "y", vec![])]);
        assert_eq!(toml(&twice, &References::default()), Err(RuntimeConfigError::DuplicateKeyValueStore("a".into())));
        let binary =
            References { secrets: [("s".into(), [("k".into(), vec![0xff])].into())].into(), ..References::default() };
        let error = toml(&stores(vec![store("a", "x", vec![from_secret("o", "s", "k")])]), &binary).unwrap_err();
        assert_eq!(
            error.to_string(),
            "key \"k\" of Secret \"s\" is not UTF-8 text; store the value that spec.runtimeConfig refers to as text"
        );
    }

    proptest! {
        #[test]
        fn any_config_parses_back(
            entries in proptest::collection::btree_map(any::<String>(), (any::<String>(), any::<String>()), 0..5),
            llm in any::<String>(),
        ) {
            let key_value_stores = entries
                .iter()
                .map(|(name, (option_name, value))| store(name, "t", vec![option(option_name, value)]))
                .collect();
            let llm_compute = Some(LlmCompute { type_: llm.clone(), options: vec![] });
            let config = RuntimeConfig { key_value_stores, llm_compute, ..RuntimeConfig::default() };
            let written = toml(&config, &References::default()).unwrap();
            let read: ::toml::Table = ::toml::from_str(&written).unwrap();
            prop_assert_eq!(read["llm_compute"]["type"].as_str(), Some(llm.as_str()));
            for (name, (option_name, value)) in &entries {
                prop_assert_eq!(read["key_value_store"][name][option_name].as_str(), Some(value.as_str()));
            }
        }
    }
}
