//! The lock: on a file of its own, by the operating system, freed when its holder dies.

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

/// The lock of a store; freed when dropped.
pub(super) struct LockGuard {
    /// Open as long as the lock is held.
    file: File,
    new: PathBuf,
    /// The new file with the room that was taken for it, open since it was made.
    pub(super) reserve: Mutex<Option<File>>,
}

/// Takes the lock; `None` where another has it.
pub(super) fn try_take(paths: &Paths) -> Result<Option<LockGuard>, FileError> {
    let path = &paths.lock;
    access::make_folder(&paths.folder).map_err(FileError::io("make the folder", &paths.folder))?;
    access::is_plain(path)?;
    let file =
        access::open(path, access::options().create(true)).map_err(FileError::io("open", path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(FileError::io("lock", path)(error)),
    }
    // Someone may have removed or replaced it, and another may have locked what is there now.
    if !access::is_at(&file, path).unwrap_or(false) {
        return Ok(None);
    }
    Ok(Some(LockGuard { file, new: paths.new.clone(), reserve: Mutex::default() }))
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        // Before the lock is freed: the next holder may make its own. Freed by name, since a child
        // of this process may hold the file as well.
        replace::remove_temp_file(&self.new);
        let _ = self.file.unlock();
    }
}
