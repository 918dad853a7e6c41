//! Where a registration is kept, so that it happens once: the trait, and what every store can do.
//!
//! [`Client::register_once`](crate::Client::register_once) keeps its registrations in a store:
//!
//! * [`FileStore`], a file on this machine, for what runs here;
//! * `KeyringStore`, such a file whose secrets are in the system keyring (feature `keyring`);
//! * `SharedStore`, an object in S3, Google Cloud Storage, Azure or what speaks their protocols,
//!   for many hosts (feature `object-store`);
//! * one of your own, such as a row of a database or an entry of a vault: see
//!   [`RegistrationStore`].
//!
//! A store holds one text, a JSON document with the registrations of an application and their
//! history. What is in it is this crate's business; that it changes whole, and only from the
//! text that was read, is the store's.

pub(crate) mod document;
mod file;
mod fingerprint;
#[cfg(feature = "keyring")]
mod keyring;
pub(crate) mod lookup;
pub(crate) mod protocol;
mod record;
mod registration;
#[cfg(feature = "object-store")]
mod shared;
pub(crate) mod update;

#[cfg(feature = "keyring")]
#[cfg_attr(docsrs, doc(cfg(feature = "keyring")))]
pub use self::keyring::KeyringStore;
pub use file::FileStore;
/// The library that talks to the services of a shared store.
#[cfg(feature = "object-store")]
#[cfg_attr(docsrs, doc(cfg(feature = "object-store")))]
pub use object_store;
pub(crate) use record::now;
pub use registration::{Retired, RetiredReason, StoredRegistration};
#[cfg(feature = "object-store")]
#[cfg_attr(docsrs, doc(cfg(feature = "object-store")))]
pub use shared::SharedStore;

use std::{fmt, pin::Pin, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::{ClientInformation, Error, StoreError, secret};

/// What a store's methods return: a boxed future, since the trait is used as an object.
pub type StoreFuture<'a, T, E = StoreError> =
    Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// Exclusive use of a store, given up when dropped.
pub type StoreLock = Box<dyn Send>;

/// A text as a store held it.
///
/// It holds secrets: `Debug` prints none of it, and the memory is wiped on drop.
#[derive(Clone)]
pub struct Stored {
    text: SecretString,
    version: String,
}

impl Stored {
    /// Takes the text as it was read, and the store's name for this very state of it: a row's
    /// version, an object's tag; empty where the text itself is what is compared.
    pub fn new(text: String, version: impl Into<String>) -> Self {
        Self { text: secret::wiped(text), version: version.into() }
    }

    /// Returns the text, **with secrets in the clear**.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }

    /// Returns the store's name for this state of the text.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored").field("version", &self.version).finish_non_exhaustive()
    }
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// The new text is there, and will be after a power failure.
    Done,
    /// Nothing was changed: the store does not hold what was expected.
    Conflict,
}

/// A place for one text that changes whole and only from a known state.
///
/// To keep registrations in a place of your own, write [`read`](Self::read) and
/// [`write`](Self::write). Where several hosts use it, that is enough: this crate claims the
/// store, for a time, by what it writes there (see [`write`](Self::write)). Where the place has
/// locks that are freed when their holder dies, give [`lock`](Self::lock) too, and no one ever
/// waits for a claim to run out. The other methods are for callers; leave them as they are.
///
/// `poggio::testing::check_store` puts an implementation through its paces; `examples/own_store`
/// is one for `SQLite`.
pub trait RegistrationStore: Send + Sync {
    /// Returns the text, or `None` where there is none yet.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where that cannot be told, or where the text is not as safe as it has to
    /// be, such as a file that others can read.
    fn read(&self) -> StoreFuture<'_, Option<Stored>>;

    /// Puts `text` in the place of what was read: of nothing, where `expected` is `None`.
    ///
    /// Compares and writes in one step, as `UPDATE … WHERE version = …` does; the new text is
    /// durable before this returns. Called under the [`lock`](Self::lock), where there is one.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where the write failed, or may have; a store that holds something else
    /// than was expected is no error, but [`Written::Conflict`].
    fn write<'a>(&'a self, text: &'a str, expected: Option<&'a Stored>)
    -> StoreFuture<'a, Written>;

    /// Takes the store for this caller alone, waiting at most `wait`; `None` where the store has no
    /// such lock, which is what this returns by itself.
    ///
    /// The lock is to be freed by the system when its holder dies.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] of the kind [`Busy`](crate::StoreErrorKind::Busy) where it was not to be
    /// had in time.
    fn lock(&self, wait: Duration) -> StoreFuture<'_, Option<StoreLock>> {
        let _ = wait;
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Makes as sure as can be that the next write will succeed, and fails where it would not; called
    /// under the lock, before a client is registered. A person who has to allow it is waited for at
    /// most `wait`. By itself this does nothing: where there is no lock, the claim that is written
    /// has proven as much.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where nothing could be saved now, as on a full disk.
    fn prepare(&self, wait: Duration) -> StoreFuture<'_, ()> {
        let _ = wait;
        Box::pin(std::future::ready(Ok(())))
    }

    /// Returns the name of the place, for errors: a path, a URL without credentials.
    fn place(&self) -> String {
        "the store".to_owned()
    }

    /// Returns every registration, the oldest first, history included.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] where the store cannot be read.
    fn list(&self) -> StoreFuture<'_, Vec<StoredRegistration>, Error> {
        Box::pin(update::list(self))
    }

    /// Takes note that the server no longer accepts this client: the next
    /// [`register_once`](crate::Client::register_once) registers anew. Call it when a token
    /// endpoint has answered `invalid_client`.
    ///
    /// Returns whether this client was in use; `false` is fine, it means that another caller was
    /// first. The registration becomes history. Of a client that was
    /// [imported](Self::import) it is noted as well, but nothing will come in its place by itself.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] where the store cannot be read or written.
    ///
    /// # Examples
    ///
    /// ```
    /// use poggio::{ClientMetadata, FileStore, RegistrationStore, testing::Server};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), poggio::Error> {
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("client.json");
    /// # let server = Server::start().await;
    /// # let poggio = server.client();
    /// # let metadata = ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback");
    /// let store = FileStore::new(path)?;
    /// let client = poggio.register_once(&metadata, &store).await?;
    ///
    /// // The token endpoint says invalid_client.
    /// assert!(store.forget(&client.client_id).await?);
    /// let next = poggio.register_once(&metadata, &store).await?;
    /// assert_ne!(next.client_id, client.client_id);
    /// # Ok(())
    /// # }
    /// ```
    fn forget<'a>(&'a self, client_id: &'a str) -> StoreFuture<'a, bool, Error> {
        Box::pin(update::retire(self, None, client_id, RetiredReason::Rejected))
    }

    /// Takes a client out of use at a person's word, an imported one too; it becomes history.
    ///
    /// Its secret stays in the store. To destroy it, delete the store, with all that is in it.
    ///
    /// Returns whether there was such a client that had not been removed.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] where the store cannot be read or written.
    fn remove<'a>(&'a self, client_id: &'a str) -> StoreFuture<'a, bool, Error> {
        Box::pin(update::retire(self, None, client_id, RetiredReason::Removed))
    }

    /// Takes credentials that a person entered, for a registration endpoint
    /// ([`Client::registration_endpoint`](crate::Client::registration_endpoint)).
    ///
    /// They are used there from now on whatever is asked, before what was registered, and are never
    /// replaced by themselves. Those of an earlier import become history.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for an endpoint that is neither https nor on this machine; [`Error::Store`]
    /// where the store cannot be read or written.
    ///
    /// # Examples
    ///
    /// ```
    /// use poggio::{ClientInformation, ClientMetadata, FileStore, RegistrationStore, testing::Server};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), poggio::Error> {
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("client.json");
    /// # let server = Server::start().await;
    /// # let poggio = server.client();
    /// # let metadata = ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback");
    /// let store = FileStore::new(path)?;
    /// let entered = ClientInformation::from_json(r#"{"client_id": "7", "client_secret": "s3cr3t"}"#)?;
    /// store.import(poggio.registration_endpoint(), &entered).await?;
    ///
    /// let client = poggio.register_once(&metadata, &store).await?;
    /// assert_eq!(client.client_id, "7");
    /// assert!(server.requests().is_empty());
    /// # Ok(())
    /// # }
    /// ```
    fn import<'a>(
        &'a self,
        endpoint: &'a str,
        client: &'a ClientInformation,
    ) -> StoreFuture<'a, (), Error> {
        Box::pin(update::import(self, endpoint, client))
    }

    /// Returns a client of this store as RFC 7591 JSON, **with its secret in the clear**; `None`
    /// where there is no such client. History is exported, too.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] where the store cannot be read.
    fn export<'a>(&'a self, client_id: &'a str) -> StoreFuture<'a, Option<Value>, Error> {
        Box::pin(update::export(self, client_id))
    }
}
