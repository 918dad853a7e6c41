//! Replaces the file atomically: writes a temporary file next to it, flushes, renames, and flushes
//! the folder. All of that is rehearsed before a registration.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Seek, Write},
    path::Path,
};

use super::{
    access::{self, FILLER},
    leftover::{self, remove_temp_file},
    paths::{FileError, Paths},
    platform,
    rename::rename,
};
use crate::{
    error::StoreError,
    store::{
        document::MAX_SIZE,
        registration_store::{Versioned, WriteResult},
    },
};

/// Disk space to reserve for one registration. Exceeds what a response of the default maximum size
/// needs.
const RESERVED_BYTES: usize = 512 * 1024;

/// What [`reserve`] has done for the writes under one lock.
#[derive(Default)]
pub(super) struct Reservation {
    /// The temporary file with the reserved disk space, for the next write.
    file: Option<File>,
    /// Whether a write may hold what exists nowhere else, such as the client of a registration that
    /// followed [`reserve`].
    is_made: bool,
}

impl Reservation {
    /// Removes the temporary file if no write has used it.
    pub(super) fn release(&mut self, paths: &Paths) {
        if self.file.take().is_some_and(|file| platform::is_file_at(&file, &paths.temp)) {
            remove_temp_file(paths);
        }
    }
}

/// Checks that the file can be replaced, and reserves disk space for the next write. If either
/// fails, nothing has been registered yet.
pub(super) fn reserve(paths: &Paths) -> Result<Reservation, FileError> {
    leftover::adopt(paths)?;
    let current = access::read(paths)?;
    let length = current.as_ref().map_or(0, |stored| stored.expose().len());
    if length.saturating_add(RESERVED_BYTES) as u64 >= MAX_SIZE {
        return Err(too_large());
    }
    rehearse(paths, current.as_ref(), length.saturating_add(RESERVED_BYTES))
        .inspect_err(|_| remove_temp_file(paths))
}

/// Does what the next write does, because some file systems allow writes but no renames: writes the
/// current version again, and writes a temporary file of this size.
///
/// Without a current version, the temporary file is renamed to the file and back. In between, a
/// reader finds a file of filler, which counts as none.
fn rehearse(
    paths: &Paths,
    current: Option<&Versioned>,
    size: usize,
) -> Result<Reservation, FileError> {
    if let Some(current) = current {
        let mut file = create_temp_file(paths)?;
        write(&mut file, current.expose()).map_err(FileError::io("write", &paths.temp))?;
        if !rename(paths, &file, &paths.temp, &paths.file)? {
            return Err(was_replaced());
        }
    }
    let mut file = create_temp_file(paths)?;
    let written = file.write_all(&vec![FILLER; size]).and_then(|()| file.sync_all());
    written.map_err(FileError::io("write", &paths.temp))?;
    if current.is_none() {
        let is_renamed = rename(paths, &file, &paths.temp, &paths.file)?
            && rename(paths, &file, &paths.file, &paths.temp)?;
        if !is_renamed {
            return Err(was_replaced());
        }
    }
    platform::sync_folder(&paths.folder).map_err(FileError::io("flush", &paths.folder))?;
    Ok(Reservation { file: Some(file), is_made: true })
}

/// Replaces the file with `text` if it still holds `expected`. Uses the reserved file, if there is
/// one. The caller holds the lock.
///
/// If the file cannot be replaced after a reservation, the temporary file is left, and the next
/// holder of the lock adopts it. Otherwise nothing is left.
pub(super) fn replace(
    paths: &Paths,
    reservation: &mut Reservation,
    text: &str,
    expected: Option<&Versioned>,
) -> Result<WriteResult, FileError> {
    // If the lock file or the folder was removed, another process may have put its own file there.
    reservation.file.take_if(|file| !platform::is_file_at(file, &paths.temp));
    if reservation.file.is_none() {
        leftover::adopt(paths)?;
    }
    let current = match access::read(paths) {
        // The new version is written first, because it may exist nowhere else.
        Err(error) if reservation.file.is_some() => Err(error),
        current => {
            if current?.as_ref().map(Versioned::expose) != expected.map(Versioned::expose) {
                return Ok(WriteResult::Conflict);
            }
            Ok(())
        }
    };
    if text.len() as u64 >= MAX_SIZE {
        return Err(too_large());
    }
    let mut file = reservation.file.take().map_or_else(|| create_temp_file(paths), Ok)?;
    write(&mut file, text)
        .inspect_err(|_| remove_temp_file(paths))
        .map_err(FileError::io("write", &paths.temp))?;
    match current.and_then(|()| rename(paths, &file, &paths.temp, &paths.file)) {
        Ok(true) => Ok(WriteResult::Written),
        Ok(false) => Ok(WriteResult::Conflict),
        Err(error) => {
            if !reservation.is_made {
                remove_temp_file(paths);
            }
            Err(error)
        }
    }
}

fn was_replaced() -> FileError {
    let problem = "was replaced by another process; check whether its lock file was removed";
    FileError::Refused(StoreError::new(problem))
}

/// A larger file could not be read again.
fn too_large() -> FileError {
    let problem = "has reached the limit of 64 MiB; move it away to start a new one";
    FileError::Refused(StoreError::new(problem))
}

fn write(file: &mut File, text: &str) -> io::Result<()> {
    file.rewind()?;
    file.write_all(text.as_bytes())?;
    // Cuts off the rest of the reserved space.
    file.set_len(text.len() as u64)?;
    file.sync_all()
}

/// Creates the temporary file for its owner only. Fails on file systems without modes and owners.
fn create_temp_file(paths: &Paths) -> Result<File, FileError> {
    let file = create_new(paths, &paths.temp).map_err(FileError::io("create", &paths.temp))?;
    access::check_new_file(paths, &file).inspect_err(|_| remove_temp_file(paths))?;
    Ok(file)
}

/// Creates a new file, in place of one that a killed process left behind.
fn create_new(paths: &Paths, path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    access::open(paths, path, platform::open_options().write(true).create_new(true))
}
