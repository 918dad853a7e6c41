//! The lock of a file store: an operating system lock on a separate file.

use std::{
    fs::{File, TryLockError},
    path::PathBuf,
    sync::Mutex,
};

use super::{
    access,
    paths::{FileError, Paths},
    replace,
};

/// Holds the lock of a store until it is dropped.
pub(in crate::store) struct LockGuard {
    /// The locked file. Closing it would release the lock.
    file: File,
    temp: PathBuf,
    /// The temporary file with the reserved disk space.
    pub(super) reserved: Mutex<Option<File>>,
}

/// Acquires the lock, or returns `None` if another caller holds it.
pub(super) fn try_lock(paths: &Paths) -> Result<Option<LockGuard>, FileError> {
    let path = &paths.lock;
    access::create_folder(&paths.folder)
        .map_err(FileError::io("create the folder", &paths.folder))?;
    access::is_regular_file(path)?;
    let file = access::open(path, access::private_options().create(true))
        .map_err(FileError::io("open", path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(FileError::io("lock", path)(error)),
    }
    // The lock file may have been removed or replaced in the meantime, and another caller may have
    // locked the new one.
    if !access::is_file_at(&file, path).unwrap_or(false) {
        return Ok(None);
    }
    Ok(Some(LockGuard { file, temp: paths.temp.clone(), reserved: Mutex::default() }))
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        // Before the unlock, because the next holder may create its own.
        replace::remove_temp_file(&self.temp);
        // Explicitly, because a child process may have inherited the open file.
        let _ = self.file.unlock();
    }
}
