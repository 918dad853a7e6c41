//! A file store whose secrets are in the system keyring.
//!
//! The file holds all but the secrets, and for each client that has some the name of the entry
//! with them. A file and a keyring cannot be changed in one step, so an entry is never changed at
//! all: a new client has a new one, of a name that no one else makes, and it is in the keyring
//! before the file that names it. What happens in between, a crash or a write that fails, leaves
//! the file as it was, with every entry that it names; at worst one entry stays that none names,
//! and says for which client it was.

mod entries;
mod secrets;

use std::{fmt, sync::Arc, time::Duration};

use keyring_core::CredentialStore;

use self::{
    entries::Keyring,
    secrets::{Entry, Filled, TakenOut},
};
use super::{
    file::FileStore,
    registration_store::{RegistrationStore, StoreFuture, StoreLock, Versioned, WriteResult},
};
use crate::error::StoreError;

/// Keeps registrations in a file and their secrets in the system keyring: macOS's keychain,
/// Windows' credential manager, elsewhere the Secret Service (GNOME Keyring, `KWallet`).
///
/// All is as with [`FileStore`], but that `client_secret` and `registration_access_token` are not
/// in the file. Each client's are an entry of the service `poggio`, named by its `client_id` and
/// endpoint; the entry is RFC 7591 JSON that [`import`](RegistrationStore::import) takes. Whoever
/// uses the file has to use the same keyring. A file of a [`FileStore`] can be opened, too: with
/// the next change its secrets go into the keyring. The other way leads through
/// [`export`](RegistrationStore::export); a [`FileStore`] refuses a file whose secrets are in a
/// keyring.
///
/// That the keyring can be written is proven before a registration, by an entry that is put there
/// and removed again. Where a person has to unlock it first, a call waits for that as long as its timeout, a minute at most; a
/// machine without a keyring, such as a server without a D-Bus session, is an error. An
/// entry that the keyring has lost is an error of the kind
/// [`SecretLost`](crate::StoreErrorKind::SecretLost) where the client is in use;
/// [`remove`](RegistrationStore::remove) it to register anew.
///
/// What was removed or replaced stays as history, in the keyring, too.
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
#[derive(Clone)]
pub struct KeyringStore {
    file: FileStore,
    keyring: Keyring,
}

impl KeyringStore {
    /// Returns the store of this file and the system keyring, which is not opened yet.
    ///
    /// Where the program has set a default store of [`keyring_core`], it is that.
    #[must_use]
    pub fn new(file: FileStore) -> Self {
        Self { file, keyring: Keyring::of_the_system() }
    }

    /// Returns the store of this file and a keyring of the caller's, one that keeps its entries
    /// until they are deleted.
    #[must_use]
    pub fn with_keyring(file: FileStore, keyring: Arc<CredentialStore>) -> Self {
        Self { file, keyring: Keyring::of(keyring) }
    }

    /// What the file holds, with its secrets put back.
    async fn filled(&self) -> Result<Option<Filled>, StoreError> {
        let Some(raw) = self.file.read().await? else { return Ok(None) };
        let entries = self.keyring.get(secrets::named_in(raw.expose())).await?;
        Ok(Some(secrets::fill(raw, &entries)))
    }

    /// Puts `text` in the place of what was read. Under the lock.
    async fn replace(
        &self,
        text: &Versioned,
        expected: Option<&Versioned>,
    ) -> Result<WriteResult, StoreError> {
        let now = self.filled().await?;
        if now.as_ref().map(|now| now.text.expose()) != expected.map(Versioned::expose) {
            return Ok(WriteResult::Conflict);
        }
        let (raw, known) = now.map(|now| (now.raw, now.entries)).unzip();
        let TakenOut { text, fresh } = secrets::take_out(text, &known.unwrap_or_default());
        self.keyring.put(fresh.clone()).await?;
        let written = self.file.write(text.expose(), raw.as_ref()).await;
        let is_named = match &written {
            Ok(WriteResult::Written) => true,
            Ok(WriteResult::Conflict) => false,
            Err(_) => self.may_name(&fresh).await,
        };
        if !is_named {
            self.keyring.remove(fresh).await;
        }
        written
    }

    /// Whether the file names one of these entries, as far as can be told.
    async fn may_name(&self, entries: &[Entry]) -> bool {
        match self.file.read().await {
            Ok(None) => false,
            Ok(Some(raw)) => {
                let named = secrets::named_in(raw.expose());
                entries.iter().any(|entry| named.contains(&entry.name))
            }
            Err(_) => true,
        }
    }
}

impl RegistrationStore for KeyringStore {
    fn read(&self) -> StoreFuture<'_, Option<Versioned>> {
        Box::pin(async {
            let filled = self.filled().await.map_err(|error| error.at(&self.name()))?;
            Ok(filled.map(|filled| filled.text))
        })
    }

    fn write<'a>(
        &'a self,
        text: &'a str,
        expected: Option<&'a Versioned>,
    ) -> StoreFuture<'a, WriteResult> {
        let (text, expected) = (Versioned::new(text.to_owned(), ""), expected.cloned());
        let (store, held) = (self.clone(), self.file.held());
        // What has begun is done to its end, under the lock, even where its caller has gone.
        let work = async move {
            let written = store.replace(&text, expected.as_ref()).await;
            drop(held);
            written
        };
        Box::pin(async {
            let written = tokio::spawn(work).await.unwrap_or_else(|_| {
                Err(StoreError::new("was interrupted: the runtime is shutting down"))
            });
            written.map_err(|error| error.at(&self.name()))
        })
    }

    fn lock(&self, wait: Duration) -> StoreFuture<'_, Option<StoreLock>> {
        self.file.lock(wait)
    }

    fn preflight(&self, wait: Duration) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            self.file.preflight(wait).await?;
            self.keyring.prove(wait).await.map_err(|error| error.at(&self.name()))
        })
    }

    fn name(&self) -> String {
        self.file.name()
    }
}

impl fmt::Debug for KeyringStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyringStore").field(&self.file.path()).finish()
    }
}
