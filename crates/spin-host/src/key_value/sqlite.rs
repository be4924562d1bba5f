//! Key-value stores in `SQLite`. Contract: the table and file are Spin's, so stores survive a change of
//! hosts.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::OptionalExtension;

/// How long to wait for another process that writes to the same file.
const PATIENCE: Duration = Duration::from_secs(5);

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS spin_key_value (
    store TEXT NOT NULL,
    key   TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (store, key)
)";

/// Where a database is.
pub(super) enum Place {
    Memory,
    File(PathBuf),
    /// A file where its directory can be written, else memory (a read-only root filesystem).
    FileOrMemory(PathBuf),
}

/// A database that opens on first use.
pub(super) struct Database {
    place: Place,
    connection: Mutex<Option<Connection>>,
}

/// An open database.
pub(super) struct Connection(rusqlite::Connection);

impl Database {
    pub(super) fn new(place: Place) -> Self {
        Self { place, connection: Mutex::new(None) }
    }

    /// Runs `work` alone on the connection.
    pub(super) fn with<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        // A panic in `work` leaves SQLite's own state intact.
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = match &mut *connection {
            Some(open) => open,
            closed => closed.insert(self.place.open()?),
        };
        work(connection)
    }
}

impl Place {
    fn open(&self) -> rusqlite::Result<Connection> {
        match self {
            Self::Memory => Connection::prepare(rusqlite::Connection::open_in_memory()?),
            Self::File(path) => Connection::prepare(rusqlite::Connection::open(path)?),
            Self::FileOrMemory(path) => {
                let file = || {
                    // Where this fails, opening the file says why.
                    let _ = path.parent().map(std::fs::create_dir_all);
                    Self::File(path.clone()).open()
                };
                file().or_else(|error| {
                    tracing::warn!("{} can't be written, so its values are kept in memory: {error}", path.display());
                    Self::Memory.open()
                })
            }
        }
    }
}

impl Connection {
    fn prepare(connection: rusqlite::Connection) -> rusqlite::Result<Self> {
        connection.busy_timeout(PATIENCE)?;
        // Readers and the writer of the file don't wait for each other. (Answers with the mode.)
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.execute(SCHEMA, [])?;
        Ok(Self(connection))
    }

    pub(super) fn get(&self, store: &str, key: &str) -> rusqlite::Result<Option<Vec<u8>>> {
        self.0
            .prepare_cached("SELECT value FROM spin_key_value WHERE store = ?1 AND key = ?2")?
            .query_row((store, key), |row| row.get(0))
            .optional()
    }

    pub(super) fn set(&self, store: &str, key: &str, value: &[u8]) -> rusqlite::Result<()> {
        self.0
            .prepare_cached(
                "INSERT INTO spin_key_value (store, key, value) VALUES (?1, ?2, ?3)
                 ON CONFLICT (store, key) DO UPDATE SET value = excluded.value",
            )?
            .execute((store, key, value))
            .map(drop)
    }

    pub(super) fn delete(&self, store: &str, key: &str) -> rusqlite::Result<()> {
        self.0
            .prepare_cached("DELETE FROM spin_key_value WHERE store = ?1 AND key = ?2")?
            .execute((store, key))
            .map(drop)
    }

    pub(super) fn exists(&self, store: &str, key: &str) -> rusqlite::Result<bool> {
        self.0.prepare_cached("SELECT 1 FROM spin_key_value WHERE store = ?1 AND key = ?2")?.exists((store, key))
    }

    pub(super) fn keys(&self, store: &str) -> rusqlite::Result<Vec<String>> {
        self.0
            .prepare_cached("SELECT key FROM spin_key_value WHERE store = ?1")?
            .query_map([store], |row| row.get(0))?
            .collect()
    }
}
