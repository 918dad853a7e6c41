//! A store in a file, for the processes of one machine. Reading, locking and replacing the file are
//! in the submodules.
//!
//! * A read needs no lock, because a write replaces the file by a rename.
//! * A write holds a lock of the operating system on a separate file, which the system releases if
//!   its holder dies.
//! * Before a registration, a write is rehearsed, and disk space is reserved for the one that
//!   follows.
//! * A new client that a write could not put in place is adopted by the next holder of the lock.
//! * A file that other users can use or replace, that is not a regular file, or that cannot be read
//!   is refused and not changed.

mod access;
mod leftover;
mod lock;
mod paths;
mod platform;
mod rename;
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
    replace::Reservation,
};
use super::registration_store::{
    RegistrationStore, StoreFuture, StoreLock, Versioned, WriteResult, is_valid_name,
};
use crate::{
    error::{ConfigError, Error, StoreError},
    random,
};

/// A store in a file, for the threads, processes and containers that share its folder.
///
/// # Permissions
///
/// On Unix, the file has mode 0600, and a folder that this store creates has mode 0700. Calls fail
/// with [`InsecurePermissions`](crate::StoreErrorKind::InsecurePermissions) if
///
/// * the file has any permission for its group or for others,
/// * the file, its lock or its folder belongs to a user other than this one and root,
/// * the folder can be written by every user and has no sticky bit.
///
/// A folder that its group can write is a warning (`tracing`). The folders above it are not
/// checked. This holds for root too. [`allow_insecure_permissions`](Self::allow_insecure_permissions)
/// turns these checks off.
///
/// On Windows and other systems, file and folder have the permissions that they inherit, and
/// nothing is checked: choose a folder that only your user can open, such as the one of
/// [`for_app`](Self::for_app).
///
/// # Files
///
/// Next to the file are its lock, `<file>.lock`, and during a write `<file>.new`. If the write of a
/// new client is interrupted, or the file cannot be replaced, the complete `<file>.new` stays, and
/// the next call that changes the store or registers adopts it first. [Siblings](RegistrationStore::sibling) are
/// `<file>@<name>.json` in the same folder.
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
#[doc(alias("disk", "config"))]
#[derive(Clone)]
pub struct FileStore {
    paths: Arc<Paths>,
    /// The lock, if a caller of this store holds it. A write keeps it alive until it is done, even
    /// if its caller is dropped.
    lock: Arc<Mutex<Weak<LockGuard>>>,
}

impl FileStore {
    /// Returns the store in the file at `path`. Neither the file nor its folder has to exist.
    ///
    /// A relative path is resolved against the current directory now.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Config`] if the path has no file name, or contains a NUL.
    pub fn new(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::from_path(path.as_ref())
            .map_err(|problem| ConfigError::new("FileStore::new", problem).into())
    }

    /// Returns the store of an application in the user's configuration folder:
    /// `~/.config/poggio/acme-sync.json` on Linux, `~/Library/Application Support/poggio/…` on
    /// macOS, `%APPDATA%\poggio\…` on Windows. On Linux, `XDG_CONFIG_HOME` replaces `~/.config` if
    /// it is an absolute path, and is ignored if it is not (XDG Base Directory Specification).
    ///
    /// `name` identifies your application. It consists of ASCII letters, digits, `-`, `_` and `.`,
    /// and does not start with a dot.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Config`] if the name contains other characters, if the user has no
    /// configuration folder, or if `HOME` is a relative path.
    pub fn for_app(name: &str) -> Result<Self, Error> {
        const SETTING: &str = "FileStore::for_app";
        if !is_valid_name(name) {
            let problem = "the name may contain only ASCII letters, digits, -, _ and dots, and no \
                 dot at the start; use a name such as acme-sync";
            return Err(ConfigError::new(SETTING, problem).into());
        }
        let Some(folder) = platform::config_folder() else {
            let problem = "this user has no configuration folder; set HOME, or pass a path to \
                 FileStore::new";
            return Err(ConfigError::new(SETTING, problem).into());
        };
        if !folder.is_absolute() {
            let problem = format!(
                "the configuration folder {:?} is relative, because HOME is; set HOME to an \
                 absolute path, or pass a path to FileStore::new",
                folder.display()
            );
            return Err(ConfigError::new(SETTING, problem).into());
        }
        Self::from_path(&folder.join("poggio").join(format!("{name}.json")))
            .map_err(|problem| ConfigError::new(SETTING, problem).into())
    }

    fn from_path(path: &Path) -> Result<Self, String> {
        Ok(Self { paths: Arc::new(Paths::new(path)?), lock: Arc::default() })
    }

    /// Uses the file and its folder even if other users can read or replace them.
    ///
    /// **A user who can read the file can act as your client. A user who can replace it can make
    /// your program use another client.** Call this only if something else restricts access: on a
    /// file system without modes or with fixed owners, such as FAT or a network share, and in a
    /// container whose folder belongs to a user of the host. Symbolic links, folders and devices
    /// are refused in any case.
    ///
    /// # Examples
    ///
    /// ```
    /// use poggio::FileStore;
    ///
    /// # fn main() -> Result<(), poggio::Error> {
    /// let store = FileStore::new("/mnt/share/client.json")?.allow_insecure_permissions();
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn allow_insecure_permissions(mut self) -> Self {
        Arc::make_mut(&mut self.paths).allows_insecure = true;
        self
    }

    /// Returns the path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.paths.file
    }

    /// Returns the store in `<file>@<name>.json` in the same folder. No name of an application or a
    /// sibling contains `@`, so that this is the file of no other store of [`for_app`](Self::for_app),
    /// and of no other sibling.
    pub(super) fn sibling_file(&self, name: &str) -> Option<Self> {
        if !is_valid_name(name) {
            return None;
        }
        let mut file_name = self.paths.file.file_name()?.to_owned();
        file_name.push(format!("@{name}.json"));
        let mut sibling = Self::from_path(&self.paths.folder.join(file_name)).ok()?;
        Arc::make_mut(&mut sibling.paths).allows_insecure = self.paths.allows_insecure;
        Some(sibling)
    }

    /// Returns the lock, if a caller of this store holds it. A write keeps it until it is done.
    pub(super) fn current_lock(&self) -> Option<Arc<LockGuard>> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).upgrade()
    }

    /// Returns the new version that an unfinished write has left. The next holder of the lock adopts
    /// it.
    #[cfg(feature = "keyring")]
    pub(super) async fn unfinished_write(&self) -> Result<Option<Versioned>, StoreError> {
        self.run_blocking(|paths| leftover::read(paths)).await
    }

    async fn run_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Paths>) -> Result<T, FileError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let paths = Arc::clone(&self.paths);
        let result = tokio::task::spawn_blocking(move || work(&paths)).await;
        self.paths.group_warning.give(&self.paths.folder);
        match result {
            Ok(result) => result.map_err(|error| error.into_store_error(&self.name())),
            Err(_) => Err(StoreError::new("was interrupted, because the runtime is shutting down")
                .at(&self.name())),
        }
    }

    async fn acquire_lock(&self, wait: Duration) -> Result<Arc<LockGuard>, StoreError> {
        // A value too large for `Instant` means no timeout.
        let deadline = Instant::now().checked_add(wait);
        let mut pause = Duration::from_millis(1);
        loop {
            if let Some(guard) = self.run_blocking(lock::try_lock).await? {
                let guard = Arc::new(guard);
                let mut current = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
                *current = Arc::downgrade(&guard);
                return Ok(guard);
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                let who = format!("another process or task holds {}", self.paths.lock.display());
                return Err(StoreError::busy(&self.name(), who, wait));
            }
            let next = Instant::now() + pause.mul_f64(random::factor(0.75, 1.25));
            tokio::time::sleep_until(deadline.map_or(next, |deadline| next.min(deadline))).await;
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }
}

impl RegistrationStore for FileStore {
    fn read(&self) -> StoreFuture<'_, Option<Versioned>> {
        Box::pin(self.run_blocking(|paths| access::read(paths)))
    }

    fn write<'a>(
        &'a self,
        text: &'a str,
        expected: Option<&'a Versioned>,
    ) -> StoreFuture<'a, WriteResult> {
        let text = Versioned::new(text.to_owned(), "");
        let expected = expected.cloned();
        let guard = self.current_lock();
        Box::pin(self.run_blocking(move |paths| {
            // The guard is dropped only after the write: the caller may have been dropped.
            let mut reservation = guard.as_ref().map(|guard| guard.reservation());
            let mut none = Reservation::default();
            let reservation = reservation.as_deref_mut().unwrap_or(&mut none);
            replace::replace(paths, reservation, text.expose(), expected.as_ref())
        }))
    }

    fn lock(&self, wait: Duration) -> StoreFuture<'_, Option<StoreLock>> {
        Box::pin(async move { Ok(Some(Box::new(self.acquire_lock(wait).await?) as StoreLock)) })
    }

    fn preflight(&self, _: Duration) -> StoreFuture<'_, ()> {
        let guard = self.current_lock();
        Box::pin(self.run_blocking(move |paths| {
            let reservation = replace::reserve(paths)?;
            if let Some(guard) = &guard {
                *guard.reservation() = reservation;
            }
            Ok(())
        }))
    }

    fn name(&self) -> String {
        self.paths.file.display().to_string()
    }

    fn sibling(&self, name: &str) -> Option<Arc<dyn RegistrationStore>> {
        Some(Arc::new(self.sibling_file(name)?))
    }
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FileStore").field(&self.paths.file).finish()
    }
}
