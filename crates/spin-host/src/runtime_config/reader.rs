//! Reads TOML tables with errors that name the whole path of a key.

use std::collections::BTreeMap;

use toml::Value;

use super::RuntimeConfigError;
use super::schema::Kinds;
use crate::nearest::nearest;

type Result<T> = std::result::Result<T, RuntimeConfigError>;

/// A table and where it is.
pub(super) struct Table<'a> {
    path: String,
    table: &'a toml::Table,
}

impl<'a> Table<'a> {
    pub(super) fn root(table: &'a toml::Table) -> Self {
        Self { path: String::new(), table }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Refuses keys outside `known`.
    pub(super) fn keys_within(&self, known: &[&str]) -> Result<()> {
        match self.table.keys().find(|key| !known.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) => Err(RuntimeConfigError::UnknownKey {
                key: self.path_of(key),
                nearest: nearest(key, known.iter().copied()).map(str::to_owned),
            }),
        }
    }

    /// The table's `type`, with the keys of that type checked.
    pub(super) fn kind(&self, kinds: &Kinds) -> Result<&'a str> {
        let kind = self.text("type")?.ok_or_else(|| self.wrong("type", "given: it chooses the backend"))?;
        let Some((_, keys)) = kinds.iter().find(|(name, _)| *name == kind) else {
            return Err(RuntimeConfigError::UnknownKey {
                key: format!("{} = \"{kind}\"", self.path_of("type")),
                nearest: nearest(kind, kinds.iter().map(|(name, _)| *name)).map(str::to_owned),
            });
        };
        let mut known = vec!["type"];
        known.extend(*keys);
        self.keys_within(&known)?;
        Ok(kind)
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>> {
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(key, "a string")),
        }
    }

    /// A number, or a string that holds one.
    pub(super) fn number(&self, key: &str) -> Result<Option<u64>> {
        let number = match self.table.get(key) {
            None => return Ok(None),
            Some(Value::Integer(number)) => u64::try_from(*number).ok(),
            Some(Value::String(text)) => text.parse().ok(),
            Some(_) => None,
        };
        number.map(Some).ok_or_else(|| self.wrong(key, "a number that is not negative"))
    }

    /// A table of strings; numbers and booleans are taken as they are written.
    pub(super) fn texts(&self, key: &str) -> Result<BTreeMap<String, String>> {
        let Some(table) = self.table(key)? else { return Ok(BTreeMap::new()) };
        let text = |name: &String, value: &Value| match value {
            Value::String(text) => Ok(text.clone()),
            Value::Integer(_) | Value::Float(_) | Value::Boolean(_) => Ok(value.to_string()),
            _ => Err(table.wrong(name, "a string")),
        };
        table.table.iter().map(|(name, value)| Ok((name.clone(), text(name, value)?))).collect()
    }

    pub(super) fn table(&self, key: &str) -> Result<Option<Table<'a>>> {
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::Table(table)) => Ok(Some(Table { path: self.path_of(key), table })),
            Some(_) => Err(self.wrong(key, "a table")),
        }
    }

    /// The tables of a table of tables, by name.
    pub(super) fn tables(&self, key: &str) -> Result<Vec<(String, Table<'a>)>> {
        let Some(table) = self.table(key)? else { return Ok(Vec::new()) };
        let entry = |name: &String| Ok((name.clone(), table.table(name)?.ok_or_else(|| table.wrong(name, "a table"))?));
        table.table.keys().map(entry).collect()
    }

    /// The tables of an array of tables; a single table counts as one.
    pub(super) fn list(&self, key: &str) -> Result<Vec<Table<'a>>> {
        match self.table.get(key) {
            None => Ok(Vec::new()),
            Some(Value::Table(table)) => Ok(vec![Table { path: self.path_of(key), table }]),
            Some(Value::Array(entries)) => entries
                .iter()
                .enumerate()
                .map(|(index, entry)| match entry {
                    Value::Table(table) => Ok(Table { path: format!("{}[{index}]", self.path_of(key)), table }),
                    _ => Err(self.wrong(key, "an array of tables")),
                })
                .collect(),
            Some(_) => Err(self.wrong(key, "an array of tables")),
        }
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn wrong(&self, key: &str, expected: &'static str) -> RuntimeConfigError {
        RuntimeConfigError::WrongValue { key: self.path_of(key), expected }
    }
}
