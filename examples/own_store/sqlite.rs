//! [`SqliteStore`], which keeps the registrations in one row of an `SQLite` database.

use std::{error::Error, fs::OpenOptions, path::PathBuf, time::Duration};

use poggio::{
    RegistrationStore, StoreError,
    store::{StoreFuture, Versioned, WriteResult},
};
use rusqlite::{Connection, OptionalExtension, Result};

/// One row: the document, and a version that each write increments. Processes need no lock, because
/// `register_once` coordinates them through the document.
pub(crate) struct SqliteStore(pub(crate) PathBuf);

const TABLE: &str = "CREATE TABLE IF NOT EXISTS poggio (
    id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL, text TEXT NOT NULL)";
const INSERT: &str = "INSERT INTO poggio VALUES (1, 1, ?1) ON CONFLICT DO NOTHING";
const UPDATE: &str = "UPDATE poggio SET text = ?1, version = version + 1 WHERE version = ?2";

impl SqliteStore {
    /// Runs a statement on a thread for blocking work.
    fn run<T: Send + 'static>(
        &self,
        statement: impl FnOnce(Connection) -> Result<T> + Send + 'static,
    ) -> StoreFuture<'_, T> {
        let path = self.0.clone();
        let work = move || -> Result<T, Box<dyn Error + Send + Sync>> {
            let mut options = OpenOptions::new();
            // The database contains secrets. SQLite gives its journal the same mode.
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            options.create(true).truncate(false).write(true).open(&path)?;
            let connection = Connection::open(&path)?;
            connection.busy_timeout(Duration::from_secs(10))?;
            connection.execute_batch(TABLE)?;
            Ok(statement(connection)?)
        };
        Box::pin(async {
            let result = tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| Err(e.into()));
            result.map_err(|error| StoreError::new(format!("failed: {error}")))
        })
    }
}

impl RegistrationStore for SqliteStore {
    fn read(&self) -> StoreFuture<'_, Option<Versioned>> {
        self.run(|connection| {
            let row = connection.query_row("SELECT text, version FROM poggio", [], |row| {
                Ok(Versioned::new(row.get(0)?, row.get::<_, i64>(1)?.to_string()))
            });
            row.optional()
        })
    }

    fn write<'a>(
        &'a self,
        text: &'a str,
        expected: Option<&'a Versioned>,
    ) -> StoreFuture<'a, WriteResult> {
        // `Versioned` wipes its text from memory when it is dropped.
        let new = Versioned::new(text.to_owned(), "");
        let version = expected.map(|stored| stored.version().to_owned());
        self.run(move |connection| {
            // One statement compares and writes, and its result is on the disk when it returns.
            let rows = match version {
                None => connection.execute(INSERT, [new.expose()]),
                Some(version) => connection.execute(UPDATE, [new.expose(), &version]),
            };
            Ok(if rows? == 1 { WriteResult::Written } else { WriteResult::Conflict })
        })
    }

    fn name(&self) -> String {
        self.0.display().to_string()
    }
}
