//! The trait that a store implements, and its types. Methods for callers are in
//! `registration_store_ext`.

use std::{collections::HashMap, fmt, pin::Pin, sync::Arc, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use crate::{error::StoreError, secret};

/// The future that a store's method returns, boxed so that the trait can be used as an object.
pub type StoreFuture<'a, T, E = StoreError> =
    Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// An exclusive lock on a store. Dropping it releases the lock.
pub type StoreLock = Box<dyn Send>;

/// A document as read from a store, with its version.
///
/// The text contains secrets. `Debug` does not print it, and its memory is wiped on drop.
#[derive(Clone)]
pub struct Versioned {
    text: SecretString,
    version: String,
    /// Where the secrets are that the text refers to, if it does not hold them.
    secrets: Option<Arc<dyn SecretSource>>,
}

impl Versioned {
    /// Creates a document from its text and the store's version of it, such as a row version or an
    /// `ETag`. Pass an empty version if the store compares the text itself.
    pub fn new(text: String, version: impl Into<String>) -> Self {
        Self { text: secret::into_secret(text), version: version.into(), secrets: None }
    }

    /// Adds the source of the secrets that the text refers to.
    #[cfg(feature = "keyring")]
    pub(super) fn with_secrets(self, secrets: Arc<dyn SecretSource>) -> Self {
        Self { secrets: Some(secrets), ..self }
    }

    pub(super) fn secrets(&self) -> Option<&dyn SecretSource> {
        self.secrets.as_deref()
    }

    /// Returns the text, **with its secrets in plain text**.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }

    /// Returns the store's version of this text.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }
}

impl fmt::Debug for Versioned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Versioned").field("version", &self.version).finish_non_exhaustive()
    }
}

/// Reads the secrets of single clients, so that finding one client does not read those of all.
pub(super) trait SecretSource: Send + Sync {
    /// Returns the members of these entries. Omits entries that do not exist.
    fn members(&self, entries: Vec<String>)
    -> StoreFuture<'_, HashMap<String, Map<String, Value>>>;
}

/// The result of a conditional write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteResult {
    /// The new text is stored, and survives a power failure.
    Written,
    /// The store does not hold the expected version. Nothing was changed.
    Conflict,
}

/// Storage for one document, with atomic compare-and-swap.
///
/// Implement [`read`](Self::read) and [`write`](Self::write) to save registrations in a place of
/// your choice. These two are enough, even for several hosts: a caller that is about to register
/// writes a claim into the document, and the others wait for it. If a host crashes
/// mid-registration, the others wait until its claim expires. Implement [`lock`](Self::lock) too if
/// your storage has locks that are released when their holder dies: callers then never wait for a
/// claim to expire.
///
/// Callers use the methods of [`RegistrationStoreExt`](super::RegistrationStoreExt).
///
/// Test an implementation with `poggio::testing::check_store` (feature `testing`). See
/// `examples/own_store` for an implementation with `SQLite`.
///
/// # Examples
///
/// A store in memory:
///
/// ```
/// use std::sync::Mutex;
/// use poggio::{RegistrationStore, store::{StoreFuture, Versioned, WriteResult}};
///
/// #[derive(Default)]
/// struct MemoryStore(Mutex<Option<String>>);
///
/// impl RegistrationStore for MemoryStore {
///     fn read(&self) -> StoreFuture<'_, Option<Versioned>> {
///         let text = self.0.lock().unwrap().clone();
///         // Without a version, the text itself is compared.
///         Box::pin(async move { Ok(text.map(|text| Versioned::new(text, ""))) })
///     }
///
///     fn write<'a>(
///         &'a self,
///         text: &'a str,
///         expected: Option<&'a Versioned>,
///     ) -> StoreFuture<'a, WriteResult> {
///         Box::pin(async move {
///             let mut current = self.0.lock().unwrap();
///             if current.as_deref() != expected.map(Versioned::expose) {
///                 return Ok(WriteResult::Conflict);
///             }
///             *current = Some(text.to_owned());
///             Ok(WriteResult::Written)
///         })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), poggio::Error> {
/// # use poggio::{ClientMetadata, testing::Server};
/// # let server = Server::start().await;
/// # let metadata = ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback");
/// let store = MemoryStore::default();
/// let client = server.client().register_once(&metadata, &store).await?;
/// assert!(store.0.lock().unwrap().as_ref().unwrap().contains(&client.client_id));
/// # Ok(())
/// # }
/// ```
pub trait RegistrationStore: Send + Sync {
    /// Returns the current document, or `None` if nothing has been written yet.
    ///
    /// # Errors
    ///
    /// Returns a [`StoreError`] if the document cannot be read, or if it is not protected as its
    /// secrets require, such as a file that other users can read.
    fn read(&self) -> StoreFuture<'_, Option<Versioned>>;

    /// Replaces the document with `text` if the store still holds `expected`. `None` expects a
    /// store without a document.
    ///
    /// The comparison and the write are one atomic step, as in `UPDATE … WHERE version = …`. The
    /// new text is durable when the future resolves. If the store has a [`lock`](Self::lock), the
    /// caller holds it.
    ///
    /// # Errors
    ///
    /// Returns a [`StoreError`] if the write failed, or may have failed. If the store holds another
    /// version, that is not an error: return [`WriteResult::Conflict`].
    fn write<'a>(
        &'a self,
        text: &'a str,
        expected: Option<&'a Versioned>,
    ) -> StoreFuture<'a, WriteResult>;

    /// Acquires the exclusive lock of the store, waiting at most `wait`. Returns `None` if the
    /// store has no lock, which is the default.
    ///
    /// The system must release the lock when its holder dies.
    ///
    /// # Errors
    ///
    /// Returns a [`StoreError`] of kind [`Busy`](crate::StoreErrorKind::Busy) if others held the
    /// lock until `wait` ended.
    fn lock(&self, wait: Duration) -> StoreFuture<'_, Option<StoreLock>> {
        let _ = wait;
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Checks, as far as possible, that the next write will succeed.
    ///
    /// [`register_once`](crate::Client::register_once) calls this under the lock, before it sends a
    /// request. If a person has to unlock the store, wait for them at most `wait`. The default does
    /// nothing: in a store without a lock, the claim that was just written is the check.
    ///
    /// # Errors
    ///
    /// Returns a [`StoreError`] if nothing could be saved now, for example because the disk is full.
    /// No client is registered then.
    fn preflight(&self, wait: Duration) -> StoreFuture<'_, ()> {
        let _ = wait;
        Box::pin(std::future::ready(Ok(())))
    }

    /// Returns the name of the store for error messages, such as a path or a URL without
    /// credentials.
    fn name(&self) -> String {
        "the store".to_owned()
    }

    /// Returns the store of another document beside this one, or `None` if this store has no
    /// siblings, which is the default.
    ///
    /// The same name always refers to the same document, and no name refers to the document of this
    /// store itself. A name consists of ASCII letters, digits, `-`, `_` and `.`, and does not start
    /// with a dot; any other name returns `None`. Use lowercase names: on some file systems `A` and
    /// `a` are the same file.
    ///
    /// Nothing is read or written.
    ///
    /// # Examples
    ///
    /// ```
    /// use poggio::{FileStore, RegistrationStore};
    ///
    /// # fn main() -> Result<(), poggio::Error> {
    /// let store = FileStore::new("/var/lib/acme/client.json")?;
    ///
    /// let tokens = store.sibling("tokens").expect("a file has siblings");
    /// assert!(tokens.name().ends_with("client.json@tokens.json"));
    /// assert!(store.sibling("../tokens").is_none());
    /// # Ok(())
    /// # }
    /// ```
    fn sibling(&self, name: &str) -> Option<Arc<dyn RegistrationStore>> {
        let _ = name;
        None
    }
}

/// Returns whether `name` is safe as a part of a file name: no separators, no `..`, not hidden.
pub(super) fn is_valid_name(name: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !name.is_empty() && !name.starts_with('.') && name.chars().all(is_allowed)
}
