//! [`SqliteStore`], which keeps the registrations in one row of an `SQLite` database.

use std::{
    error::Error,
    fs::OpenOptions,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use poggio::{
    RegistrationStore, StoreError,
    store::{StoreFuture, Versioned, WriteResult},
};
use rusqlite::{Connection, OptionalExtension};

/// A store in a table with one row: the document, and a version that each write increments.
/// Processes need no lock, because `register_once` coordinates them through the document.
pub(crate) struct SqliteStore {
    connection: Arc<Mutex<Connection>>,
    name: String,
}

impl SqliteStore {
    /// Opens the database. A missing one is created, readable only by its owner.
    pub(crate) fn open(path: &Path) -> Result<Self, Box<dyn Error>> {
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        // The database contains secrets. SQLite gives its journal the same mode.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path)?;
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS poggio (
                 id INTEGER PRIMARY KEY CHECK (id = 1),
                 version INTEGER NOT NULL,
                 text TEXT NOT NULL
             )",
        )?;
        Ok(Self { connection: Arc::new(Mutex::new(connection)), name: path.display().to_string() })
    }

    /// Runs a statement on a thread for blocking work.
    fn run<T: Send + 'static>(
        &self,
        statement: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> StoreFuture<'_, T> {
        let connection = Arc::clone(&self.connection);
        let run = move || statement(&connection.lock().unwrap_or_else(PoisonError::into_inner));
        Box::pin(async move {
            match tokio::task::spawn_blocking(run).await {
                Ok(Ok(value)) => Ok(value),
                // SQLite's messages contain no value of the row.
                Ok(Err(error)) => Err(StoreError::new(format!("failed: {error}"))),
                Err(_) => {
                    Err(StoreError::new("was interrupted, because the runtime is shutting down"))
                }
            }
        })
    }
}

impl RegistrationStore for SqliteStore {
    fn read(&self) -> StoreFuture<'_, Option<Versioned>> {
        self.run(|connection| {
            connection
                .query_row("SELECT text, version FROM poggio", [], |row| {
                    Ok(Versioned::new(row.get(0)?, row.get::<_, i64>(1)?.to_string()))
                })
                .optional()
        })
    }

    fn write<'a>(
        &'a self,
        text: &'a str,
        expected: Option<&'a Versioned>,
    ) -> StoreFuture<'a, WriteResult> {
        // `Versioned` wipes its text from memory when it is dropped.
        let text = Versioned::new(text.to_owned(), "");
        let version = expected.map(|stored| stored.version().to_owned());
        self.run(move |connection| {
            // One statement compares and writes; its result is on the disk when it returns.
            let rows = match version {
                None => connection.execute(
                    "INSERT INTO poggio VALUES (1, 1, ?1) ON CONFLICT DO NOTHING",
                    [text.expose()],
                ),
                Some(version) => connection.execute(
                    "UPDATE poggio SET text = ?1, version = version + 1 WHERE version = ?2",
                    [text.expose(), &version],
                ),
            }?;
            Ok(if rows == 1 { WriteResult::Written } else { WriteResult::Conflict })
        })
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}
