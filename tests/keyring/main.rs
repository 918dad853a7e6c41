//! A file store whose secrets are in a keyring (feature `keyring`): what it keeps where, what
//! happens when one of the two fails, and the real keyring of Linux.

mod failing;
mod kept;
#[cfg(target_os = "linux")]
mod real;
#[cfg(target_os = "linux")]
#[path = "../it/support/require.rs"]
mod require;
mod scripted;

use std::{error::Error as _, fmt::Write as _, fs, path::PathBuf, sync::Arc};

use poggio::{
    ClientInformation, ClientMetadata, Error, FileStore, store::KeyringStore, testing::Server,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::scripted::Keyring;

/// A server, a file and a keyring.
struct Case {
    folder: TempDir,
    server: Server,
    keyring: Arc<Keyring>,
}

impl Case {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder, server: Server::start().await, keyring: Keyring::new() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("client.json")
    }

    fn file(&self) -> FileStore {
        FileStore::new(self.path()).unwrap()
    }

    /// A handle of its own, as another process would have.
    fn store(&self) -> KeyringStore {
        KeyringStore::with_keyring(self.file(), self.keyring.store())
    }

    async fn once(&self) -> Result<ClientInformation, Error> {
        self.server.client().register_once(&metadata(), &self.store()).await
    }

    /// How many clients were registered.
    fn registered(&self) -> usize {
        self.server.registrations().len()
    }

    fn raw(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.raw()).unwrap()
    }

    /// The name of the one entry.
    fn entry(&self) -> String {
        let entries = self.keyring.entries();
        assert_eq!(entries.len(), 1, "{:?}", entries.keys());
        entries.into_keys().next().unwrap()
    }
}

fn metadata() -> ClientMetadata {
    ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback")
}

fn entered(client_id: &str, secret: &str) -> ClientInformation {
    let json = serde_json::json!({"client_id": client_id, "client_secret": secret});
    ClientInformation::from_json(&json.to_string()).unwrap()
}

fn secret(client: &ClientInformation) -> String {
    client.client_secret.as_ref().unwrap().expose().to_owned()
}

/// What of an error can end up in a log.
fn all_shown(error: &Error) -> String {
    let mut shown = format!("{error}\n{error:?}\n{error:#?}");
    let mut source = error.source();
    while let Some(cause) = source {
        write!(shown, "\n{cause}\n{cause:?}\n{cause:#?}").unwrap();
        source = cause.source();
    }
    shown
}

/// The error of a store, and what it says.
fn store_error(error: Error) -> (poggio::StoreError, String) {
    let said = error.to_string();
    match error {
        Error::Store(error) => (error, said),
        other => panic!("{other}"),
    }
}
