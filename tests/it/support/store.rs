//! Stores for tests: a file store with a server, a store in memory, and what tests compare of clients
//! and errors. `tests/keyring` includes this file too.

use std::{
    fs,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use poggio::{
    Client, ClientInformation, ClientMetadata, Error, FileStore, RegistrationStore,
    RegistrationStoreExt, StoreError,
    store::{RetiredReason, StoreFuture, Versioned, WriteResult},
    testing::Server,
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::sleep;

/// A loopback server, and a file store alone in its folder.
pub(crate) struct Fixture {
    pub(crate) server: Server,
    pub(crate) poggio: Client,
    pub(crate) store: FileStore,
    /// Holds the store's folder.
    pub(crate) root: TempDir,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let server = Server::start().await;
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("store");
        fs::create_dir(&folder).unwrap();
        let store = FileStore::new(folder.join("client.json")).unwrap();
        Self { poggio: server.client(), server, store, root }
    }

    pub(crate) async fn register_once(
        &self,
        metadata: &ClientMetadata,
    ) -> Result<ClientInformation, Error> {
        self.poggio.register_once(metadata, &self.store).await
    }

    pub(crate) fn request_count(&self) -> usize {
        self.server.requests().len()
    }

    pub(crate) fn path(&self) -> &Path {
        self.store.path()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.path().parent().unwrap()
    }

    /// Returns the names of all files in the store's folder, in order.
    pub(crate) fn file_names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder()).unwrap();
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<_> = entries.map(|e| name(e).into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) fn text(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text()).unwrap()
    }

    /// Writes the store's file, which only its owner can use.
    pub(crate) fn write(&self, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(), bytes).unwrap();
        set_mode(self.path(), 0o600);
    }

    /// Returns each client's ID, and why it is retired.
    pub(crate) async fn history(&self) -> Vec<(String, Option<RetiredReason>)> {
        let registrations = self.store.list().await.unwrap();
        registrations
            .iter()
            .map(|r| (r.client().client_id.clone(), r.retired().map(|retired| retired.reason)))
            .collect()
    }
}

/// Sets a file's mode on Unix; does nothing elsewhere.
pub(crate) fn set_mode(path: &Path, mode: u32) {
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    #[cfg(not(unix))]
    let _ = (path, mode);
}

pub(crate) fn secret(client: &ClientInformation) -> &str {
    client.client_secret.as_ref().unwrap().expose()
}

/// Returns a client as if read from JSON that a user entered.
pub(crate) fn client_from(json: &Value) -> ClientInformation {
    ClientInformation::from_json(&json.to_string()).unwrap()
}

#[track_caller]
pub(crate) fn store_error(error: &Error) -> &StoreError {
    let Error::Store(error) = error else { panic!("{error}") };
    error
}

/// Returns whether the write of a text fails.
type Refuses = Box<dyn FnMut(&str) -> bool + Send>;

/// A store in memory, without a lock.
#[derive(Default)]
pub(crate) struct MemoryStore {
    text: Mutex<Option<String>>,
    accesses: AtomicUsize,
    /// The index of the first read or write that fails; all later ones fail, too.
    fails_from: Option<usize>,
    refuses: Mutex<Option<Refuses>>,
    /// How long each read and write takes.
    latency: Duration,
    preflight_latency: Duration,
}

impl MemoryStore {
    pub(crate) fn with_text(text: impl Into<String>) -> Self {
        Self { text: Mutex::new(Some(text.into())), ..Self::default() }
    }

    pub(crate) fn failing_from(access: usize) -> Self {
        Self { fails_from: Some(access), ..Self::default() }
    }

    /// Returns a store whose write of a text fails if `refuses` returns true.
    pub(crate) fn refusing(refuses: impl FnMut(&str) -> bool + Send + 'static) -> Self {
        Self { refuses: Mutex::new(Some(Box::new(refuses))), ..Self::default() }
    }

    pub(crate) fn slow(latency: Duration, preflight_latency: Duration) -> Self {
        Self { latency, preflight_latency, ..Self::default() }
    }

    pub(crate) fn text(&self) -> Option<String> {
        self.text.lock().unwrap().clone()
    }

    async fn access(&self) -> Result<(), StoreError> {
        if !self.latency.is_zero() {
            sleep(self.latency).await;
        }
        let index = self.accesses.fetch_add(1, Ordering::SeqCst);
        if self.fails_from.is_some_and(|from| index >= from) {
            return Err(StoreError::new("cannot be reached").with_source("connection refused"));
        }
        Ok(())
    }
}

impl RegistrationStore for MemoryStore {
    fn read(&self) -> StoreFuture<'_, Option<Versioned>> {
        Box::pin(async {
            self.access().await?;
            Ok(self.text().map(|text| Versioned::new(text, "")))
        })
    }

    fn write<'a>(
        &'a self,
        text: &'a str,
        expected: Option<&'a Versioned>,
    ) -> StoreFuture<'a, WriteResult> {
        Box::pin(async move {
            self.access().await?;
            if self.refuses.lock().unwrap().as_mut().is_some_and(|refuses| refuses(text)) {
                return Err(StoreError::new("cannot be written"));
            }
            let mut current = self.text.lock().unwrap();
            if current.as_deref() != expected.map(Versioned::expose) {
                return Ok(WriteResult::Conflict);
            }
            *current = Some(text.to_owned());
            Ok(WriteResult::Written)
        })
    }

    fn preflight(&self, _: Duration) -> StoreFuture<'_, ()> {
        Box::pin(async {
            sleep(self.preflight_latency).await;
            Ok(())
        })
    }

    fn name(&self) -> String {
        "vault secret/acme".to_owned()
    }
}
