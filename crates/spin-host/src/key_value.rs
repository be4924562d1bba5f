//! Key-value stores behind the interfaces.

mod sqlite;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use thiserror::Error;

use crate::runtime_config::KeyValueStore;
use sqlite::{Database, Place};

/// The store that every application has.
pub(crate) const DEFAULT: &str = "default";
/// File of the default store in the state directory. Contract: Spin's name for it.
const DEFAULT_FILE: &str = "sqlite_key_value.db";

/// A store could not answer.
#[derive(Debug, Error)]
pub(crate) enum StoreError {
    /// The database failed.
    #[error("the key-value store `{label}` failed: {source}")]
    Database {
        /// The store.
        label: String,
        /// Why.
        source: rusqlite::Error,
    },
    /// The host is shutting down.
    #[error("the key-value store `{0}` is closing")]
    Closing(String),
}

/// All stores of the host by label.
pub(crate) struct Stores(BTreeMap<String, Store>);

/// One store.
#[allow(unreachable_pub)] // generated bindings, which are `pub`, re-export it
#[derive(Clone)]
pub struct Store {
    label: Arc<str>,
    database: Arc<Database>,
}

impl Stores {
    /// The stores of the runtime configuration, and `default` if that doesn't define it. Nothing is
    /// opened before a guest opens it.
    pub(crate) fn new(configured: &BTreeMap<String, KeyValueStore>, state_dir: Option<&Path>) -> Self {
        let mut stores: BTreeMap<String, Store> = configured
            .iter()
            .map(|(label, KeyValueStore::Spin { path })| {
                let place = path.clone().map_or(Place::Memory, Place::File);
                (label.clone(), Store::new(label, place))
            })
            .collect();
        stores.entry(DEFAULT.to_owned()).or_insert_with(|| {
            let file = state_dir.map(|dir| dir.join(DEFAULT_FILE));
            Store::new(DEFAULT, file.map_or(Place::Memory, Place::FileOrMemory))
        });
        Self(stores)
    }

    pub(crate) fn has(&self, label: &str) -> bool {
        self.0.contains_key(label)
    }

    pub(crate) fn get(&self, label: &str) -> Option<Store> {
        self.0.get(label).cloned()
    }
}

impl Store {
    fn new(label: &str, place: Place) -> Self {
        Self { label: label.into(), database: Arc::new(Database::new(place)) }
    }

    /// Makes sure that the store can be used.
    pub(crate) async fn open(&self) -> Result<(), StoreError> {
        self.run(|_, _| Ok(())).await
    }

    pub(crate) async fn get(&self, key: String) -> Result<Option<Vec<u8>>, StoreError> {
        self.run(move |db, label| db.get(label, &key)).await
    }

    pub(crate) async fn set(&self, key: String, value: Vec<u8>) -> Result<(), StoreError> {
        self.run(move |db, label| db.set(label, &key, &value)).await
    }

    pub(crate) async fn delete(&self, key: String) -> Result<(), StoreError> {
        self.run(move |db, label| db.delete(label, &key)).await
    }

    pub(crate) async fn exists(&self, key: String) -> Result<bool, StoreError> {
        self.run(move |db, label| db.exists(label, &key)).await
    }

    pub(crate) async fn keys(&self) -> Result<Vec<String>, StoreError> {
        self.run(sqlite::Connection::keys).await
    }

    /// Runs on a thread that may block: a database file may be on a slow volume.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&sqlite::Connection, &str) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (database, label) = (Arc::clone(&self.database), Arc::clone(&self.label));
        tokio::task::spawn_blocking(move || database.with(|connection| work(connection, &label)))
            .await
            .map_err(|_| StoreError::Closing(self.label.to_string()))?
            .map_err(|source| StoreError::Database { label: self.label.to_string(), source })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    async fn exercise(store: &Store) {
        assert_eq!(store.get("a".to_owned()).await.unwrap(), None);
        store.set("a".to_owned(), b"1".to_vec()).await.unwrap();
        store.set("a".to_owned(), b"2".to_vec()).await.unwrap();
        store.set("b".to_owned(), Vec::new()).await.unwrap();
        assert_eq!(store.get("a".to_owned()).await.unwrap(), Some(b"2".to_vec()));
        assert!(store.exists("b".to_owned()).await.unwrap());
        let mut keys = store.keys().await.unwrap();
        keys.sort();
        assert_eq!(keys, ["a", "b"]);
        store.delete("b".to_owned()).await.unwrap();
        store.delete("b".to_owned()).await.unwrap();
        assert!(!store.exists("b".to_owned()).await.unwrap());
    }

    #[tokio::test]
    async fn memory_and_file_behave_the_same_and_files_last() {
        let dir = tempfile::tempdir().unwrap();
        let open = |state_dir| Stores::new(&BTreeMap::new(), state_dir).get(DEFAULT).unwrap();
        exercise(&open(None)).await;
        exercise(&open(Some(dir.path()))).await;
        let again = open(Some(dir.path()));
        assert_eq!(again.get("a".to_owned()).await.unwrap(), Some(b"2".to_vec()));
        assert!(dir.path().join("sqlite_key_value.db").exists());
    }

    #[tokio::test]
    async fn a_state_directory_that_cant_be_written_leaves_memory() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let below_a_file = file.path().join("state");
        exercise(&Stores::new(&BTreeMap::new(), Some(&below_a_file)).get(DEFAULT).unwrap()).await;
    }

    #[tokio::test]
    async fn stores_in_one_file_are_apart() {
        let dir = tempfile::tempdir().unwrap();
        let spin = || KeyValueStore::Spin { path: Some(dir.path().join("kv.db")) };
        let stores = Stores::new(&[("x".to_owned(), spin()), ("y".to_owned(), spin())].into(), None);
        let (x, y) = (stores.get("x").unwrap(), stores.get("y").unwrap());
        x.set("a".to_owned(), b"x".to_vec()).await.unwrap();
        assert_eq!(y.get("a".to_owned()).await.unwrap(), None);
        assert!(!stores.has("z"));
    }
}
