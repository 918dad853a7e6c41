//! A store of one's own: the registrations in a row of an `SQLite` database.

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

/// Keeps registrations in a table that has one row: the text, and a version that each write counts
/// up. Between processes it needs no lock, since this crate claims the store by what it writes.
pub(crate) struct SqliteStore {
    connection: Arc<Mutex<Connection>>,
    name: String,
}

impl SqliteStore {
    /// Opens the database; makes it, for its owner alone, where it is missing.
    pub(crate) fn open(path: &Path) -> Result<Self, Box<dyn Error>> {
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        // Secrets are in it. SQLite gives its journal the same mode.
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

    /// Runs what blocks where it does not hold up the runtime.
    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> StoreFuture<'_, T> {
        let connection = Arc::clone(&self.connection);
        let work = move || work(&connection.lock().unwrap_or_else(PoisonError::into_inner));
        Box::pin(async move {
            match tokio::task::spawn_blocking(work).await {
                Ok(Ok(value)) => Ok(value),
                // What SQLite says of an error has no value of the row in it.
                Ok(Err(error)) => Err(StoreError::new(format!("failed: {error}"))),
                Err(_) => Err(StoreError::new("was left: the runtime is shutting down")),
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
        // Wiped when it is dropped, as the text that was read is.
        let text = Versioned::new(text.to_owned(), "");
        let version = expected.map(|stored| stored.version().to_owned());
        self.run(move |connection| {
            // One statement compares and writes, and has reached the disk when it returns.
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
