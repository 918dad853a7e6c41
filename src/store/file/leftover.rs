//! Adopts the new version of a write that did not finish: its process was killed before the rename,
//! or the rename failed.
//!
//! It is adopted if it has a registration that the file does not have, by the number of the last
//! registration in both. Otherwise it is removed: the caller of that write was not told that it had
//! taken effect, and no secret is lost with it.
//!
//! Nothing in the file is lost by an adoption, because the new version was made from the version in
//! the file: every writer holds the lock, and adopts or removes the temporary file that it finds
//! before it writes its own.
//!
//! The temporary file has to pass the checks of the file itself, and has to be whole: its content is
//! JSON to the last byte, with the format's number. A write that stopped midway leaves bytes of the
//! reservation in it, which JSON text cannot contain.

use std::{
    fs::{self, File, Metadata},
    io::{self, ErrorKind, Read},
};

use secrecy::zeroize::Zeroizing;

use super::{
    access::{self, FILLER},
    paths::{FileError, Paths},
    platform,
    rename::rename,
};
use crate::store::{
    document::{Generation, MAX_SIZE},
    registration_store::Versioned,
};

/// Puts a new version that a write left behind in the place of the file, if it has a registration
/// that the file does not have, and removes it otherwise. The caller holds the lock.
///
/// Leaves everything as it is if the file cannot be read or is damaged, and a temporary file of
/// another user.
pub(super) fn adopt(paths: &Paths) -> Result<(), FileError> {
    let Some(file) = open(paths)? else { return Ok(()) };
    let current = match access::read(paths) {
        Ok(None) => None,
        Ok(Some(current)) => match Generation::parse(current.expose()) {
            Some(generation) => Some(generation),
            None => return Ok(()),
        },
        Err(_) => return Ok(()),
    };
    let left = read_whole(&file).map_err(FileError::io("read", &paths.temp))?;
    let Some((text, _)) = left.filter(|(_, left)| left.is_newer_than(current.as_ref())) else {
        remove_temp_file(paths);
        return Ok(());
    };
    // The process may have been killed before it had done this.
    let finished = file.set_len(text.expose().len() as u64).and_then(|()| file.sync_all());
    finished.map_err(FileError::io("write", &paths.temp))?;
    if rename(paths, &file, &paths.temp, &paths.file)? {
        tracing::info!(store = %paths.file.display(), "adopted the version of an unfinished write");
    }
    Ok(())
}

/// Returns the whole new version that a write has left.
#[cfg(feature = "keyring")]
pub(super) fn read(paths: &Paths) -> Result<Option<Versioned>, FileError> {
    let Some(file) = open(paths)? else { return Ok(None) };
    let left = read_whole(&file).map_err(FileError::io("read", &paths.temp))?;
    Ok(left.map(|(text, _)| text))
}

/// Removes the temporary file, if there is one.
pub(super) fn remove_temp_file(paths: &Paths) {
    // After a rename there is none. If the removal fails, the next write replaces the file.
    let _ = fs::remove_file(&paths.temp);
}

/// Opens the temporary file if this store may have written it.
fn open(paths: &Paths) -> Result<Option<File>, FileError> {
    let path = &paths.temp;
    let is_own = |metadata: &Metadata| {
        // A strict umask removes the owner's permissions from an empty new file.
        let (mode, _) = platform::mode_and_owner(metadata);
        let is_new = mode & 0o600 != 0o600;
        !is_new
            && access::check_type(paths, path, metadata).is_ok()
            && access::check_file(paths, path, metadata).is_ok()
    };
    // Before it is opened: opening a device can have effects.
    match fs::symlink_metadata(path) {
        Ok(metadata) if is_own(&metadata) => {}
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(FileError::io("inspect", path)(error)),
    }
    let file = platform::open_options().read(true).write(true).open(path);
    let file = file.map_err(FileError::io("open", path))?;
    let metadata = file.metadata().map_err(FileError::io("inspect", path))?;
    Ok(is_own(&metadata).then_some(file))
}

/// Returns the document in the file, without what is left of the reservation, or `None` if it is
/// not whole.
fn read_whole(mut file: &File) -> io::Result<Option<(Versioned, Generation)>> {
    let length = file.metadata()?.len();
    if length >= MAX_SIZE {
        return Ok(None);
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(length).unwrap_or(0)));
    file.read_to_end(&mut bytes)?;
    let end = bytes.iter().rposition(|byte| *byte != FILLER).map_or(0, |last| last + 1);
    let text = bytes.get(..end).and_then(|bytes| str::from_utf8(bytes).ok());
    Ok(text.and_then(|text| Some((Versioned::new(text.to_owned(), ""), Generation::parse(text)?))))
}
