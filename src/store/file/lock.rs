//! The lock: on a file of its own, by the operating system, freed when its holder dies.

use std::{
    fs::{File, TryLockError},
    path::PathBuf,
    sync::Mutex,
};

use super::{Failure, Paths, access, replace};

/// The lock of a store; freed when dropped.
pub(super) struct Held {
    /// Open as long as the lock is held.
    file: File,
    new: PathBuf,
    /// The new file with the room that was taken for it, open since it was made.
    pub(super) reserve: Mutex<Option<File>>,
}

/// Takes the lock; `None` where another has it.
pub(super) fn try_take(paths: &Paths) -> Result<Option<Held>, Failure> {
    let path = &paths.lock;
    access::make_folder(&paths.folder).map_err(Failure::io("make the folder", &paths.folder))?;
    access::is_plain(path)?;
    let file =
        access::open(path, access::options().create(true)).map_err(Failure::io("open", path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(Failure::io("lock", path)(error)),
    }
    // Someone may have removed or replaced it, and another may have locked what is there now.
    if !access::is_at(&file, path).unwrap_or(false) {
        return Ok(None);
    }
    Ok(Some(Held { file, new: paths.new.clone(), reserve: Mutex::default() }))
}

impl Drop for Held {
    fn drop(&mut self) {
        // Before the lock is freed: the next holder may make its own. Freed by name, since a child
        // of this process may hold the file as well.
        replace::give_up(&self.new);
        let _ = self.file.unlock();
    }
}
