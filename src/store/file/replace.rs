//! Replacing the file whole: written beside it, flushed, renamed, the folder flushed.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::Path,
};

use super::{Failure, Paths, access};
use crate::store::{Stored, Written};

/// More than what one more registration needs.
const ROOM: usize = 64 * 1024;

/// Takes room on the disk for the next write, beside the file: where it cannot be had, nothing has
/// been registered yet.
pub(super) fn reserve(paths: &Paths) -> Result<(), Failure> {
    let length = fs::symlink_metadata(&paths.file).map_or(0, |metadata| metadata.len());
    let blanks = vec![b' '; usize::try_from(length).unwrap_or(0).saturating_add(ROOM)];
    let taken = make(&paths.new).and_then(|mut file| {
        file.write_all(&blanks)?;
        file.sync_all()
    });
    taken.map_err(|error| {
        give_up(&paths.new);
        Failure::io("write", &paths.new)(error)
    })
}

/// Removes what was reserved or half written.
pub(super) fn give_up(new: &Path) {
    // Not there where it was renamed; if it stays, the next to write replaces it.
    let _ = fs::remove_file(new);
}

/// Puts `text` in the place of what was read. Under the lock.
pub(super) fn replace(
    paths: &Paths,
    text: &str,
    expected: Option<&Stored>,
) -> Result<Written, Failure> {
    let current = access::read(paths)?;
    if current.as_ref().map(Stored::expose) != expected.map(Stored::expose) {
        return Ok(Written::Conflict);
    }
    write(&paths.new, text).map_err(Failure::io("write", &paths.new))?;
    fs::rename(&paths.new, &paths.file).map_err(Failure::io("rename to", &paths.file))?;
    flush_folder(&paths.folder).map_err(Failure::io("flush", &paths.folder))?;
    Ok(Written::Done)
}

/// Writes into the room that was reserved, or without it where that is used up.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = match access::options().open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => make(path)?,
        Err(error) => return Err(error),
    };
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)?;
    file.sync_all()
}

/// A new file, in the place of one that a killed process left.
fn make(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    access::options().create_new(true).open(path)
}

/// Makes the rename itself durable.
fn flush_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}
