//! Replacing the file whole: written beside it, flushed, renamed, the folder flushed.

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
    store::registration_store::{Versioned, WriteResult},
};

/// More than one more registration needs, of an answer of the size that is read by default.
const ROOM: usize = 512 * 1024;

/// Proves that the file can be replaced, and takes room on the disk for the next write, in a new
/// file beside it: where either fails, nothing has been registered yet.
pub(super) fn reserve(paths: &Paths) -> Result<File, FileError> {
    let current = access::read(paths)?;
    let length = current.as_ref().map_or(0, |stored| stored.expose().len());
    if length.saturating_add(ROOM) as u64 >= access::CAP {
        return Err(full());
    }
    if let Some(stored) = &current {
        // What some mounts refuse is the rename alone.
        put(paths, make_private(paths)?, stored.expose())?;
    }
    let mut file = make_private(paths)?;
    let blanks = vec![b' '; length.saturating_add(ROOM)];
    let taken = file.write_all(&blanks).and_then(|()| file.sync_all());
    let taken = taken.and_then(|()| flush_folder(&paths.folder));
    if let Err(error) = taken {
        remove_temp_file(&paths.new);
        return Err(FileError::io("write", &paths.new)(error));
    }
    Ok(file)
}

/// Removes what was reserved or half written.
pub(super) fn remove_temp_file(new: &Path) {
    // Not there where it was renamed; if it stays, the next to write replaces it.
    let _ = fs::remove_file(new);
}

/// Puts `text` in the place of what was read, by way of the reserve where there is one. Under the
/// lock.
pub(super) fn replace(
    paths: &Paths,
    reserve: Option<File>,
    text: &str,
    expected: Option<&Versioned>,
) -> Result<WriteResult, FileError> {
    let current = access::read(paths)?;
    if current.as_ref().map(Versioned::expose) != expected.map(Versioned::expose) {
        return Ok(WriteResult::Conflict);
    }
    if text.len() as u64 >= access::CAP {
        return Err(full());
    }
    // Where someone removed the lock or the folder, another may have put its own in that place.
    let reserve = reserve.filter(|file| access::is_at(file, &paths.new).unwrap_or(false));
    let file = reserve.map_or_else(|| make_private(paths), Ok)?;
    put(paths, file, text)?;
    Ok(WriteResult::Written)
}

/// Larger, it could not be read again.
fn full() -> FileError {
    let problem = "has reached the 64 MiB that are read of it; move it away to begin another";
    FileError::Refused(StoreError::new(problem))
}

/// Fills the new file and renames it.
fn put(paths: &Paths, mut file: File, text: &str) -> Result<(), FileError> {
    write(&mut file, text).map_err(FileError::io("write", &paths.new))?;
    fs::rename(&paths.new, &paths.file).map_err(FileError::io("rename to", &paths.file))?;
    if !access::is_at(&file, &paths.file).map_err(FileError::io("look at", &paths.file))? {
        let problem = "was written by another at the same time: was its lock file removed?";
        return Err(FileError::Refused(StoreError::new(problem)));
    }
    flush_folder(&paths.folder).map_err(FileError::io("flush", &paths.folder))
}

fn write(file: &mut File, text: &str) -> io::Result<()> {
    file.rewind()?;
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)?;
    file.sync_all()
}

/// A new file that its owner alone can use; some mounts know no such thing.
fn make_private(paths: &Paths) -> Result<File, FileError> {
    let file = make(&paths.new).map_err(FileError::io("make", &paths.new))?;
    let metadata = file.metadata().map_err(FileError::io("look at", &paths.new))?;
    access::private(&paths.new, &metadata).inspect_err(|_| remove_temp_file(&paths.new))?;
    Ok(file)
}

/// A new file, in the place of one that a killed process left.
fn make(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    access::open(path, access::options().create_new(true))
}

/// Makes the rename itself durable.
fn flush_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}
