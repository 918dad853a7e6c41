//! Reads, opens and creates the files of a store, and refuses those that are not safe. Replacing
//! the file is in `replace`.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, ErrorKind, Read},
    path::Path,
};

use super::{
    paths::{FileError, Paths},
    platform,
};
use crate::{
    error::{StoreError, StoreErrorKind},
    store::{document::MAX_SIZE, registration_store::Versioned},
};

const OPT_OUT: &str = "FileStore::allow_insecure_permissions";

/// Reserves disk space until the new version is written. A control character, which JSON text
/// cannot contain.
pub(super) const FILLER: u8 = 0x01;

/// Reads the file. Returns `None` if it does not exist, or holds a reservation of disk space and
/// nothing else.
pub(super) fn read(paths: &Paths) -> Result<Option<Versioned>, FileError> {
    let path = &paths.file;
    // Before it is opened: opening a device can have effects.
    match fs::symlink_metadata(path) {
        Ok(metadata) => check_type(paths, path, &metadata)?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(FileError::io("inspect", path)(error)),
    }
    let file = match platform::open_options().read(true).open(path) {
        Ok(file) => file,
        // Removed since the check.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(FileError::io("open", path)(error)),
    };
    let metadata = file.metadata().map_err(FileError::io("inspect", path))?;
    check_type(paths, path, &metadata)?;
    check_file(paths, path, &metadata)?;
    check_folder(paths)?;
    let mut text = String::new();
    match file.take(MAX_SIZE).read_to_string(&mut text) {
        Ok(length) if length as u64 == MAX_SIZE => Err(damaged(path, "it is larger than 64 MiB")),
        Ok(1..) if text.bytes().all(|byte| byte == FILLER) => Ok(None),
        Ok(_) => Ok(Some(Versioned::new(text, ""))),
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            Err(damaged(path, "it is not UTF-8"))
        }
        Err(error) => Err(FileError::io("read", path)(error)),
    }
}

/// Refuses everything but a regular file. A symbolic link is refused because a rename would replace
/// the link and not its target.
pub(super) fn check_type(paths: &Paths, path: &Path, metadata: &Metadata) -> Result<(), FileError> {
    let what = match metadata.file_type() {
        kind if kind.is_file() => return Ok(()),
        kind if kind.is_symlink() && fs::exists(path).unwrap_or(true) => {
            "is a symbolic link; use the path of its target, or replace the link with its target"
        }
        kind if kind.is_symlink() => {
            "is a symbolic link; use the path of its target, or remove the link, because its target \
             does not exist"
        }
        kind if kind.is_dir() => "is a folder; use the path of a file, or move the folder away",
        _ => "is not a regular file; use another path, or remove it",
    };
    Err(insecure(about(paths, path) + what))
}

/// Refuses a file that other users can use, or that another user created.
pub(super) fn check_file(paths: &Paths, path: &Path, metadata: &Metadata) -> Result<(), FileError> {
    check_owner(paths, path, metadata)?;
    let (mode, _) = platform::mode_and_owner(metadata);
    if mode & 0o077 != 0 && !paths.allows_insecure {
        return Err(insecure(format!(
            "contains secrets, but other users can access it (mode {:04o}); if the file \
             system has no modes, use {OPT_OUT}, otherwise {}",
            mode & 0o777,
            command("chmod 600", path)
        )));
    }
    Ok(())
}

/// Refuses a file of another user. Root may own it, because root can change every file.
fn check_owner(paths: &Paths, path: &Path, metadata: &Metadata) -> Result<(), FileError> {
    let ((_, owner), user) = (platform::mode_and_owner(metadata), platform::user());
    if ![user, 0].contains(&owner) && !paths.allows_insecure {
        return Err(insecure(format!(
            "{}belongs to user {owner}, and this process runs as user {user}; use {OPT_OUT}, or if \
             you trust that file, {}",
            about(paths, path),
            command(&format!("chown {user}"), path)
        )));
    }
    Ok(())
}

/// Refuses a lock file of another user, who could hold or replace it at any time.
pub(super) fn check_lock(paths: &Paths) -> Result<(), FileError> {
    let path = &paths.lock;
    match fs::symlink_metadata(path) {
        Ok(metadata) => {
            check_type(paths, path, &metadata).and_then(|()| check_owner(paths, path, &metadata))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(FileError::io("inspect", path)(error)),
    }
}

/// Refuses a folder in which another user can replace the file. The folders above it are not
/// checked.
pub(super) fn check_folder(paths: &Paths) -> Result<(), FileError> {
    if paths.allows_insecure {
        return Ok(());
    }
    let folder = &paths.folder;
    let metadata = fs::metadata(folder).map_err(FileError::io("inspect", folder))?;
    let ((mode, owner), user) = (platform::mode_and_owner(&metadata), platform::user());
    if ![user, 0].contains(&owner) {
        return Err(insecure(format!(
            "is in a folder of user {owner}, who can replace it, and this process runs as user \
             {user}; use a folder of user {user}, or {OPT_OUT}"
        )));
    }
    // In a folder with the sticky bit, only the owner of a file can replace it.
    let is_sticky = mode & 0o1000 != 0;
    if mode & 0o002 != 0 && !is_sticky {
        return Err(insecure(format!(
            "is in a folder where every user can replace it (mode {:04o}); use a new folder inside \
             it, or {OPT_OUT}, or {}",
            mode & 0o777,
            command("chmod o-w", folder)
        )));
    }
    if mode & 0o020 != 0 && !is_sticky {
        paths.group_warning.set_due();
    }
    Ok(())
}

/// Refuses a file that was just created for this user only, and is not: its file system has no
/// modes or owners.
pub(super) fn check_new_file(paths: &Paths, file: &File) -> Result<(), FileError> {
    let metadata = file.metadata().map_err(FileError::io("inspect", &paths.temp))?;
    let (mode, owner) = platform::mode_and_owner(&metadata);
    if (mode & 0o077 != 0 || owner != platform::user()) && !paths.allows_insecure {
        return Err(insecure(format!(
            "is on a file system without modes and owners (a new file has mode {:04o} and belongs \
             to user {owner}); use another file system, or {OPT_OUT}",
            mode & 0o777
        )));
    }
    Ok(())
}

/// Returns the start of a sentence about a path. The name of the store precedes it.
fn about(paths: &Paths, path: &Path) -> String {
    if path == paths.file { String::new() } else { format!("cannot be used: {} ", path.display()) }
}

/// Returns the advice to run a shell command on a path.
fn command(command: &str, path: &Path) -> String {
    match path.to_str() {
        Some(path) => format!("run: {command} '{}'", path.replace('\'', r"'\''")),
        // No text that could be copied is the name.
        None => format!("run {command} on it"),
    }
}

/// Opens a file, and restores its owner's permissions.
pub(super) fn open(paths: &Paths, path: &Path, options: &OpenOptions) -> io::Result<File> {
    let file = options.open(path)?;
    match platform::restore_owner_mode(&file) {
        // Some file systems have modes that cannot be changed.
        Err(_) if paths.allows_insecure => Ok(file),
        result => result.map(|()| file),
    }
}

fn insecure(problem: String) -> FileError {
    FileError::Refused(StoreError::new(problem).with_kind(StoreErrorKind::InsecurePermissions))
}

fn damaged(path: &Path, how: &str) -> FileError {
    FileError::Refused(StoreError::damaged(&path.display().to_string(), how))
}

#[cfg(test)]
mod tests {
    /// Simulates a file system without modes by a file whose mode is not the one it was created with.
    #[cfg(unix)]
    #[test]
    fn check_new_file_refuses_a_file_system_without_modes() {
        use std::os::unix::fs::PermissionsExt;

        use super::*;

        let folder = tempfile::tempdir().unwrap();
        let mut paths = Paths::new(&folder.path().join("client.json")).unwrap();
        let file = File::create(&paths.temp).unwrap();
        for (mode, is_private) in [(0o600, true), (0o755, false), (0o777, false), (0o640, false)] {
            file.set_permissions(fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(check_new_file(&paths, &file).is_ok(), is_private, "{mode:o}");
        }
        file.set_permissions(fs::Permissions::from_mode(0o755)).unwrap();
        let error = check_new_file(&paths, &file).unwrap_err().into_store_error("the store");
        assert_eq!(error.kind(), StoreErrorKind::InsecurePermissions);
        assert_eq!(
            error.to_string(),
            format!(
                "the store is on a file system without modes and owners (a new file has mode 0755 \
                 and belongs to user {}); use another file system, or \
                 FileStore::allow_insecure_permissions",
                platform::user()
            )
        );
        paths.allows_insecure = true;
        assert!(check_new_file(&paths, &file).is_ok());
    }
}
