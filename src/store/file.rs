//! A store in a file, for everything that runs on this machine.
//!
//! * Reading needs no lock: the file is replaced whole, by a rename.
//! * Writing is under a lock of the operating system, on a file of its own beside it, which is
//!   freed when its holder dies.
//! * Before a registration, room on the disk is taken for what will be written after it.
//! * What can be read by others, is no plain file, or cannot be read is refused and left alone.

mod access;
mod lock;
mod paths;
mod replace;

use std::{
    fmt,
    path::Path,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use tokio::time::Instant;

use self::{
    lock::LockGuard,
    paths::{FileError, Paths},
};
use super::registration_store::{
    RegistrationStore, StoreFuture, StoreLock, Versioned, WriteResult,
};
use crate::error::{ConfigError, Error, StoreError};

/// Keeps the registrations of an application in a file: for threads, processes and containers
/// that share its folder.
///
/// On Unix the file has mode 0600, its folder 0700 where this makes it, and a file that others can
/// use is refused; elsewhere they have what their folder gives them, and nothing is checked. Beside
/// the file lies its lock, `<file>.lock`, and while it is written `<file>.new`.
///
/// # Examples
///
/// ```
/// use poggio::{ClientMetadata, FileStore, testing::Server};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), poggio::Error> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("client.json");
/// # let server = Server::start().await;
/// # let poggio = server.client();
/// # let metadata = ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback");
/// let store = FileStore::new(path)?; // or FileStore::for_app("acme-sync")
///
/// let first = poggio.register_once(&metadata, &store).await?;
/// let again = poggio.register_once(&metadata, &store).await?;
///
/// assert_eq!(again.client_id, first.client_id);
/// assert_eq!(server.registrations().len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct FileStore {
    paths: Arc<Paths>,
    /// The lock, while a caller of this store has it: a write that is under way keeps it, even
    /// where its caller has gone.
    held: Arc<Mutex<Weak<LockGuard>>>,
}

impl FileStore {
    /// Returns the store in the file at `path`; neither the file nor its folder has to be there.
    ///
    /// A relative path is taken from the current folder as it is now.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] where the path names no file.
    pub fn new(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::at(path.as_ref())
            .map_err(|problem| ConfigError::new("FileStore::new", problem).into())
    }

    /// Returns the store of an application in the platform's configuration folder, such as
    /// `~/.config/poggio/acme-sync.json` on Linux, `~/Library/Application Support/poggio/…` on
    /// macOS, `%APPDATA%\poggio\…` on Windows.
    ///
    /// `name` is the application's own: letters, digits, `-`, `_` and `.`, not a dot first.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] where the name has other characters, or where the platform names no such
    /// folder.
    pub fn for_app(name: &str) -> Result<Self, Error> {
        const SETTING: &str = "FileStore::for_app";
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.starts_with('.') || !name.chars().all(is_allowed) {
            let problem = "the name has to be letters, digits, - _ and dots, not a dot first; name \
                 the application as in acme-sync";
            return Err(ConfigError::new(SETTING, problem).into());
        }
        let Some(folder) = dirs::config_dir() else {
            let problem = "this user has no configuration folder; set HOME, or pass a path to \
                 FileStore::new";
            return Err(ConfigError::new(SETTING, problem).into());
        };
        Self::at(&folder.join("poggio").join(format!("{name}.json")))
            .map_err(|problem| ConfigError::new(SETTING, problem).into())
    }

    fn at(path: &Path) -> Result<Self, String> {
        let ends_in_folder = path.as_os_str().to_string_lossy().ends_with(std::path::is_separator);
        let named = path.file_name().filter(|_| !ends_in_folder);
        let Some(name) = named else {
            return Err(format!("{:?} names no file; add a file's name to it", path.display()));
        };
        let file = std::path::absolute(path).map_err(|error| error.to_string())?;
        let folder = file.parent().map(Path::to_owned).unwrap_or_default();
        let beside = |end: &str| {
            let mut name = name.to_owned();
            name.push(end);
            folder.join(name)
        };
        let paths = Paths { lock: beside(".lock"), new: beside(".new"), file, folder };
        Ok(Self { paths: Arc::new(paths), held: Arc::default() })
    }

    /// Returns the file's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.paths.file
    }

    /// Runs blocking work where it does not hold up the runtime.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Paths) -> Result<T, FileError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let paths = Arc::clone(&self.paths);
        match tokio::task::spawn_blocking(move || work(&paths)).await {
            Ok(done) => done.map_err(|failure| failure.at(&self.name())),
            Err(_) => {
                Err(StoreError::new("was interrupted: the runtime is shutting down")
                    .at(&self.name()))
            }
        }
    }

    /// The lock, where a caller of this store has it: for a write that goes on when its caller has
    /// gone.
    #[cfg(feature = "keyring")]
    pub(super) fn held(&self) -> Option<StoreLock> {
        self.held_lock().map(|held| Box::new(held) as StoreLock)
    }

    fn held_lock(&self) -> Option<Arc<LockGuard>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).upgrade()
    }

    async fn locked(&self, wait: Duration) -> Result<Arc<LockGuard>, StoreError> {
        // What a clock cannot hold is no bound.
        let end = Instant::now().checked_add(wait);
        let mut pause = Duration::from_millis(1);
        loop {
            if let Some(held) = self.blocking(lock::try_take).await? {
                let held = Arc::new(held);
                let mut known = self.held.lock().unwrap_or_else(PoisonError::into_inner);
                *known = Arc::downgrade(&held);
                return Ok(held);
            }
            if end.is_some_and(|end| Instant::now() >= end) {
                let who = format!("another process or task holds {}", self.paths.lock.display());
                return Err(StoreError::busy(&self.name(), who, wait));
            }
            let jitter = fastrand::f64().mul_add(0.5, 0.75);
            let next = Instant::now() + pause.mul_f64(jitter);
            tokio::time::sleep_until(end.map_or(next, |end| next.min(end))).await;
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }
}

impl RegistrationStore for FileStore {
    fn read(&self) -> StoreFuture<'_, Option<Versioned>> {
        Box::pin(self.blocking(access::read))
    }

    fn write<'a>(
        &'a self,
        text: &'a str,
        expected: Option<&'a Versioned>,
    ) -> StoreFuture<'a, WriteResult> {
        let text = Versioned::new(text.to_owned(), "");
        let expected = expected.cloned();
        let held = self.held_lock();
        Box::pin(self.blocking(move |paths| {
            let reserve = held.as_ref().and_then(|held| {
                held.reserve.lock().unwrap_or_else(PoisonError::into_inner).take()
            });
            let written = replace::replace(paths, reserve, text.expose(), expected.as_ref());
            // Not before: the lock is kept where the caller has gone.
            drop(held);
            written
        }))
    }

    fn lock(&self, wait: Duration) -> StoreFuture<'_, Option<StoreLock>> {
        Box::pin(async move { Ok(Some(Box::new(self.locked(wait).await?) as StoreLock)) })
    }

    fn preflight(&self, _: Duration) -> StoreFuture<'_, ()> {
        let held = self.held_lock();
        Box::pin(self.blocking(move |paths| {
            let file = replace::reserve(paths)?;
            if let Some(held) = &held {
                *held.reserve.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
            }
            Ok(())
        }))
    }

    fn name(&self) -> String {
        self.paths.file.display().to_string()
    }
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FileStore").field(&self.paths.file).finish()
    }
}
