//! The lock of a file store: an operating system lock on a separate file.

use std::{
    fs::{File, TryLockError},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    access, leftover,
    paths::{FileError, Paths},
    platform,
    replace::Reservation,
};

/// Holds the lock of a store until it is dropped.
pub(in crate::store) struct LockGuard {
    /// The locked file. Closing it would release the lock.
    file: File,
    paths: Arc<Paths>,
    reservation: Mutex<Reservation>,
}

/// Acquires the lock, or returns `None` if another caller holds it. Adopts what an unfinished write
/// left behind.
pub(super) fn try_lock(paths: &Arc<Paths>) -> Result<Option<LockGuard>, FileError> {
    let path = &paths.lock;
    platform::create_folder(&paths.folder)
        .map_err(FileError::io("create the folder", &paths.folder))?;
    access::check_folder(paths)?;
    access::check_lock(paths)?;
    let file = access::open(paths, path, platform::open_options().write(true).create(true))
        .map_err(FileError::io("open", path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(FileError::io("lock", path)(error)),
    }
    // The lock file may have been removed or replaced in the meantime, and another caller may have
    // locked the new one.
    if !platform::is_file_at(&file, path) {
        return Ok(None);
    }
    let guard = LockGuard { file, paths: Arc::clone(paths), reservation: Mutex::default() };
    leftover::adopt(paths)?;
    Ok(Some(guard))
}

impl LockGuard {
    pub(super) fn reservation(&self) -> MutexGuard<'_, Reservation> {
        self.reservation.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        // Before the unlock, because the next holder may create its own.
        let reservation = self.reservation.get_mut().unwrap_or_else(PoisonError::into_inner);
        reservation.release(&self.paths);
        // Explicitly, because a child process may have inherited the open file.
        let _ = self.file.unlock();
    }
}
