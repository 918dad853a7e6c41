//! `KeyringStore` (feature `keyring`): the contents of the file and of the keyring, what happens if
//! one of the two fails, and the real keyring of Linux.

mod concurrent;
mod contents;
#[cfg(target_os = "linux")]
mod desktop;
mod failing;
mod long_entries;
mod lost_secrets;
mod mock_keyring;
mod reads;
mod sessions;
mod whole_texts;

#[allow(
    clippy::format_collect,
    clippy::format_push_string,
    dead_code,
    unused_imports,
    reason = "tests/it uses the rest, with the same allowances"
)]
#[path = "../it/support"]
mod support {
    mod canary;
    mod registration;
    mod require;
    pub(crate) mod session;
    pub(crate) mod store;
    mod wait;

    pub(crate) use self::{
        canary::{all_shown, debugged},
        registration::{attempts, metadata},
        require::{require, require_program},
        wait::WAIT_LIMIT,
    };
}

use std::{ops::Deref, sync::Arc};

use poggio::{ClientInformation, Error, FileStore, store::KeyringStore};
use serde_json::json;

use crate::{
    mock_keyring::MockKeyring,
    support::{
        metadata,
        store::{Fixture as FileFixture, client_from},
    },
};

/// The first secret that the loopback server issues.
const FIRST_SECRET: &str = "loopback-secret-1-of-no-value-elsewhere";

/// A server, a file and a keyring.
struct Fixture {
    file: FileFixture,
    keyring: Arc<MockKeyring>,
}

impl Fixture {
    async fn new() -> Self {
        Self::with_keyring(MockKeyring::new()).await
    }

    async fn with_keyring(keyring: Arc<MockKeyring>) -> Self {
        Self { file: FileFixture::new().await, keyring }
    }

    /// Returns a new handle, as another process has it.
    fn keyring_store(&self) -> KeyringStore {
        let file = FileStore::new(self.path()).unwrap();
        KeyringStore::with_keyring(file, self.keyring.store())
    }

    async fn register(&self) -> Result<ClientInformation, Error> {
        self.poggio.register_once(&metadata(), &self.keyring_store()).await
    }

    /// Returns the name of the only entry.
    fn entry_name(&self) -> String {
        let entries = self.keyring.entries();
        assert_eq!(entries.len(), 1, "{:?}", entries.keys());
        entries.into_keys().next().unwrap()
    }
}

impl Deref for Fixture {
    type Target = FileFixture;

    fn deref(&self) -> &FileFixture {
        &self.file
    }
}

fn client_with(client_id: &str, secret: &str) -> ClientInformation {
    client_from(&json!({"client_id": client_id, "client_secret": secret}))
}
