//! Replaces the file atomically: writes a temporary file next to it, flushes, renames, and flushes
//! the folder.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Seek, Write},
    path::Path,
};

use super::{
    access,
    paths::{FileError, Paths},
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

/// Checks that the file can be replaced, and returns a temporary file with disk space reserved for
/// the next write. If either fails, nothing has been registered yet.
pub(super) fn reserve(paths: &Paths) -> Result<File, FileError> {
    let current = access::read(paths)?;
    let length = current.as_ref().map_or(0, |stored| stored.expose().len());
    if length.saturating_add(RESERVED_BYTES) as u64 >= MAX_SIZE {
        return Err(too_large());
    }
    if let Some(stored) = &current {
        // Some mounts allow writes, but refuse a rename over an existing file.
        write_and_rename(paths, create_temp_file(paths)?, stored.expose())?;
    }
    let mut file = create_temp_file(paths)?;
    let blanks = vec![b' '; length.saturating_add(RESERVED_BYTES)];
    let written = file.write_all(&blanks).and_then(|()| file.sync_all());
    if let Err(error) = written.and_then(|()| sync_folder(&paths.folder)) {
        remove_temp_file(&paths.temp);
        return Err(FileError::io("write", &paths.temp)(error));
    }
    Ok(file)
}

/// Removes the temporary file, if there is one.
pub(super) fn remove_temp_file(temp: &Path) {
    // After a rename there is none. If the removal fails, the next write replaces the file.
    let _ = fs::remove_file(temp);
}

/// Replaces the file with `text` if it still holds `expected`. Uses the reserved file, if there is
/// one. The caller holds the lock.
pub(super) fn replace(
    paths: &Paths,
    reserved: Option<File>,
    text: &str,
    expected: Option<&Versioned>,
) -> Result<WriteResult, FileError> {
    let current = access::read(paths)?;
    if current.as_ref().map(Versioned::expose) != expected.map(Versioned::expose) {
        return Ok(WriteResult::Conflict);
    }
    if text.len() as u64 >= MAX_SIZE {
        return Err(too_large());
    }
    // If the lock file or the folder was removed, another process may have put its own file there.
    let reserved = reserved.filter(|file| access::is_file_at(file, &paths.temp).unwrap_or(false));
    let file = reserved.map_or_else(|| create_temp_file(paths), Ok)?;
    write_and_rename(paths, file, text)?;
    Ok(WriteResult::Written)
}

/// A larger file could not be read again.
fn too_large() -> FileError {
    let problem = "has reached the limit of 64 MiB; move it away to start a new one";
    FileError::Refused(StoreError::new(problem))
}

fn write_and_rename(paths: &Paths, mut file: File, text: &str) -> Result<(), FileError> {
    write(&mut file, text).map_err(FileError::io("write", &paths.temp))?;
    fs::rename(&paths.temp, &paths.file).map_err(FileError::io("rename to", &paths.file))?;
    if !access::is_file_at(&file, &paths.file).map_err(FileError::io("inspect", &paths.file))? {
        let problem = "was replaced by another process; check whether its lock file was removed";
        return Err(FileError::Refused(StoreError::new(problem)));
    }
    sync_folder(&paths.folder).map_err(FileError::io("flush", &paths.folder))
}

fn write(file: &mut File, text: &str) -> io::Result<()> {
    file.rewind()?;
    file.write_all(text.as_bytes())?;
    // Cuts off the rest of the reserved space.
    file.set_len(text.len() as u64)?;
    file.sync_all()
}

/// Creates the temporary file for its owner only. Fails on mounts without file permissions.
fn create_temp_file(paths: &Paths) -> Result<File, FileError> {
    let file = create_new(&paths.temp).map_err(FileError::io("create", &paths.temp))?;
    let metadata = file.metadata().map_err(FileError::io("inspect", &paths.temp))?;
    access::check_permissions(&paths.temp, &metadata)
        .inspect_err(|_| remove_temp_file(&paths.temp))?;
    Ok(file)
}

/// Creates a new file, in place of one that a killed process left behind.
fn create_new(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    access::open(path, access::private_options().create_new(true))
}

/// Makes the rename durable.
fn sync_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}
