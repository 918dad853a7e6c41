//! A file store whose secrets are in the system keyring.
//!
//! The file holds everything but the secrets. For each client with secrets, it holds the name of a
//! keyring entry, which is read only if a call needs that client. A text that is not a document with
//! registrations is in an entry as a whole. A file and a keyring cannot be changed in one atomic step, so entries never
//! change: a new client gets an entry with a unique name, which is written before the file that
//! refers to it. After a crash or a failed write, the file is unchanged and all its entries exist.
//! At worst, an entry remains that no file refers to. Its name identifies the client.

mod entries;
mod parts;
mod secrets;

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use keyring_core::CredentialStore;
use serde_json::{Map, Value};

use self::{entries::Keyring, secrets::Extracted};
use super::{
    file::FileStore,
    registration_store::{
        RegistrationStore, SecretSource, StoreFuture, StoreLock, Versioned, WriteResult,
    },
};
use crate::error::StoreError;

/// A [`FileStore`] whose secrets are in the system keyring: the keychain of macOS, the Credential
/// Manager of Windows, and elsewhere the Secret Service (GNOME Keyring, `KWallet`).
///
/// `client_secret` and `registration_access_token` are in the keyring, everything else is in the
/// file. Each client has an entry of the service `poggio`, named after its `client_id` and
/// endpoint. The entry is RFC 7591 JSON that [`import`](crate::RegistrationStoreExt::import)
/// accepts. A call reads only the entries that it needs: one to find a client, however many the
/// store has. All users of the file must use the same keyring.
///
/// Any other text that is written to the store or to a [sibling](RegistrationStore::sibling), such
/// as tokens, is in the keyring as a whole. An entry that is too long for the keyring is split: on
/// Windows, the limit is 2,560 bytes.
///
/// You can open the file of a [`FileStore`]: the next change moves its secrets into the keyring.
/// The reverse is not possible, because a [`FileStore`] refuses a file whose secrets are in a
/// keyring; use [`export`](crate::RegistrationStoreExt::export).
///
/// Before a registration, the store writes and deletes a test entry to check that the keyring can
/// be written. If a user has to unlock it, the call waits for its timeout, but at most a minute.
/// Without a keyring, as on a server without a D-Bus session, the call fails.
///
/// If the keyring no longer has the entry of a client in use, calls fail with
/// [`SecretLost`](crate::StoreErrorKind::SecretLost). To register a new client,
/// [`remove`](crate::RegistrationStoreExt::remove) the old one.
///
/// When a client is removed or replaced, its entry is deleted after the file no longer refers to it.
/// If the process is killed in between, the entry stays, and no file refers to it.
///
/// A [sibling](RegistrationStore::sibling) is a sibling of the file, with the same keyring.
///
/// # Examples
///
/// ```
/// use poggio::{ClientMetadata, FileStore, store::KeyringStore, testing::Server};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), poggio::Error> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("client.json");
/// # let server = Server::start().await;
/// # let poggio = server.client();
/// # let metadata = ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback");
/// let store = KeyringStore::new(FileStore::new(&path)?);
/// # let keyring = poggio::keyring_core::mock::Store::new().unwrap();
/// # let store = KeyringStore::with_keyring(FileStore::new(&path)?, keyring);
/// let client = poggio.register_once(&metadata, &store).await?;
///
/// let secret = client.client_secret.as_ref().unwrap();
/// assert!(!std::fs::read_to_string(&path).unwrap().contains(secret.expose()));
/// # Ok(())
/// # }
/// ```
#[doc(alias("keychain", "credential manager", "secret service"))]
#[derive(Clone)]
pub struct KeyringStore {
    file: FileStore,
    keyring: Keyring,
}

impl KeyringStore {
    /// Returns the store of this file and the system keyring. Does not open the keyring yet.
    ///
    /// If the program has set a default store of [`keyring_core`], this uses it.
    #[must_use]
    pub fn new(file: FileStore) -> Self {
        Self { file, keyring: Keyring::system() }
    }

    /// Returns the store of this file and the given keyring, whose entries must persist until they
    /// are deleted.
    #[must_use]
    pub fn with_keyring(file: FileStore, keyring: Arc<CredentialStore>) -> Self {
        Self { file, keyring: Keyring::new(keyring) }
    }

    /// Reads the file. The secrets of its clients are read later, if they are needed. A text that is
    /// in the keyring as a whole is read now.
    async fn read_file(&self) -> Result<Option<Versioned>, StoreError> {
        let mut before = None;
        loop {
            let Some(file) = self.file.read().await? else { return Ok(None) };
            let Some(name) = secrets::whole_entry_name(file.expose()) else {
                return Ok(Some(file.with_secrets(Arc::new(self.keyring.clone()))));
            };
            let members = self.keyring.get(vec![name.clone()]).await?.remove(&name);
            if let Some(text) = members.as_ref().and_then(secrets::whole_text) {
                return Ok(Some(Versioned::new(text.to_owned(), name)));
            }
            // Another caller may have replaced the text, and its entry, since the file was read.
            if before.as_ref() == Some(&name) {
                return Err(StoreError::text_lost(&name));
            }
            before = Some(name);
        }
    }

    /// Replaces the document with `text` if the store still holds `expected`. The caller holds the
    /// lock.
    async fn replace(
        &self,
        text: &Versioned,
        expected: Option<&Versioned>,
    ) -> Result<WriteResult, StoreError> {
        let current = self.file.read().await?;
        let is_expected = match (&current, expected) {
            (None, None) => true,
            (Some(current), Some(expected)) => {
                match secrets::whole_entry_name(current.expose()) {
                    // The entry of each text has a unique name.
                    Some(entry) => expected.version() == entry,
                    None => expected.expose() == current.expose(),
                }
            }
            _ => false,
        };
        if !is_expected {
            return Ok(WriteResult::Conflict);
        }
        let Extracted { file, new_entries } = secrets::extract(text, &self.name());
        let new_names: Vec<_> = new_entries.iter().map(|entry| entry.name.clone()).collect();
        self.keyring.put(new_entries).await?;
        let result = self.file.write(file.expose(), current.as_ref()).await;
        let unused = match &result {
            // The secrets of clients that were removed or replaced.
            Ok(WriteResult::Written) => {
                let names = secrets::entry_names(file.expose());
                let old = current.map(|current| secrets::entry_names(current.expose()));
                old.into_iter().flatten().filter(|name| !names.contains(name)).collect()
            }
            Err(_) if self.may_refer_to(&new_names).await => Vec::new(),
            Ok(WriteResult::Conflict) | Err(_) => new_names,
        };
        self.keyring.remove(unused).await;
        result
    }

    /// Returns whether the file, or a new version of it that could not be renamed, refers to any of
    /// these entries. True if that cannot be read.
    async fn may_refer_to(&self, names: &[String]) -> bool {
        let refers = |file: Versioned| {
            secrets::entry_names(file.expose()).iter().any(|name| names.contains(name))
        };
        let (file, unfinished) = (self.file.read().await, self.file.unfinished_write().await);
        [file, unfinished]
            .into_iter()
            .any(|version| version.map_or(true, |v| v.is_some_and(refers)))
    }
}

impl SecretSource for Keyring {
    fn members(
        &self,
        entries: Vec<String>,
    ) -> StoreFuture<'_, HashMap<String, Map<String, Value>>> {
        Box::pin(self.get(entries))
    }
}

impl RegistrationStore for KeyringStore {
    fn read(&self) -> StoreFuture<'_, Option<Versioned>> {
        Box::pin(async { self.read_file().await.map_err(|error| error.at(&self.name())) })
    }

    fn write<'a>(
        &'a self,
        text: &'a str,
        expected: Option<&'a Versioned>,
    ) -> StoreFuture<'a, WriteResult> {
        let (text, expected) = (Versioned::new(text.to_owned(), ""), expected.cloned());
        let (store, guard) = (self.clone(), self.file.current_lock());
        // A task that holds the lock, so that the write completes even if the caller is dropped.
        let work = async move {
            let result = store.replace(&text, expected.as_ref()).await;
            drop(guard);
            result
        };
        Box::pin(async {
            let result = tokio::spawn(work).await.unwrap_or_else(|_| {
                Err(StoreError::new("was interrupted, because the runtime is shutting down"))
            });
            result.map_err(|error| error.at(&self.name()))
        })
    }

    fn lock(&self, wait: Duration) -> StoreFuture<'_, Option<StoreLock>> {
        self.file.lock(wait)
    }

    fn preflight(&self, wait: Duration) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            self.file.preflight(wait).await?;
            self.keyring.check_writable(wait).await.map_err(|error| error.at(&self.name()))
        })
    }

    fn name(&self) -> String {
        self.file.name()
    }

    fn sibling(&self, name: &str) -> Option<Arc<dyn RegistrationStore>> {
        let file = self.file.sibling_file(name)?;
        Some(Arc::new(Self { file, keyring: self.keyring.clone() }))
    }
}

impl fmt::Debug for KeyringStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyringStore").field(&self.file.path()).finish()
    }
}
