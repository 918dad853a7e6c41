//! What a store implements. What callers do with one is in `registration_store_ext`.

use std::{fmt, pin::Pin, time::Duration};

use secrecy::{ExposeSecret, SecretString};

use crate::{error::StoreError, secret};

/// What a store's methods return: a boxed future, since the trait is used as an object.
pub type StoreFuture<'a, T, E = StoreError> =
    Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// Exclusive use of a store, given up when dropped.
pub type StoreLock = Box<dyn Send>;

/// A text as a store held it.
///
/// It holds secrets: `Debug` prints none of it, and the memory is wiped on drop.
#[derive(Clone)]
pub struct Versioned {
    text: SecretString,
    version: String,
}

impl Versioned {
    /// Takes the text as it was read, and the store's name for this very state of it: a row's
    /// version, an object's tag; empty where the text itself is what is compared.
    pub fn new(text: String, version: impl Into<String>) -> Self {
        Self { text: secret::into_secret(text), version: version.into() }
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

impl fmt::Debug for Versioned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Versioned").field("version", &self.version).finish_non_exhaustive()
    }
}

/// The result of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteResult {
    /// The new text is there, and will be after a power failure.
    Written,
    /// Nothing was changed: the store does not hold what was expected.
    Conflict,
}

/// Storage for one document, with atomic compare-and-swap.
///
/// To keep registrations in a place of your own, write [`read`](Self::read) and
/// [`write`](Self::write). Where several hosts use it, that is enough: this crate claims the
/// store, for a time, by what it writes there (see [`write`](Self::write)). Where the place has
/// locks that are freed when their holder dies, give [`lock`](Self::lock) too, and no one ever
/// waits for a claim to run out. What callers do with a store is in [`RegistrationStoreExt`](super::RegistrationStoreExt).
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
    fn read(&self) -> StoreFuture<'_, Option<Versioned>>;

    /// Puts `text` in the place of what was read: of nothing, where `expected` is `None`.
    ///
    /// Compares and writes in one step, as `UPDATE … WHERE version = …` does; the new text is
    /// durable before this returns. Called under the [`lock`](Self::lock), where there is one.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where the write failed, or may have; a store that holds something else
    /// than was expected is no error, but [`WriteResult::Conflict`].
    fn write<'a>(
        &'a self,
        text: &'a str,
        expected: Option<&'a Versioned>,
    ) -> StoreFuture<'a, WriteResult>;

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
    fn preflight(&self, wait: Duration) -> StoreFuture<'_, ()> {
        let _ = wait;
        Box::pin(std::future::ready(Ok(())))
    }

    /// Returns the name of the store for errors: a path, a URL without credentials.
    fn name(&self) -> String {
        "the store".to_owned()
    }
}
