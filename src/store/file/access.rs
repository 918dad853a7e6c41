//! Reads, opens and creates the files of a store, and refuses those that are not safe. Replacing
//! the file is in `replace`.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, ErrorKind, Read},
    path::Path,
};

use super::paths::{FileError, Paths};
use crate::{
    error::{StoreError, StoreErrorKind},
    store::{document::MAX_SIZE, registration_store::Versioned},
};

/// Reads the file. Returns `None` if it does not exist.
pub(super) fn read(paths: &Paths) -> Result<Option<Versioned>, FileError> {
    let path = &paths.file;
    if !is_regular_file(path)? {
        return Ok(None);
    }
    let file = match File::open(path) {
        Ok(file) => file,
        // Removed since the check.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(FileError::io("open", path)(error)),
    };
    let metadata = file.metadata().map_err(FileError::io("inspect", path))?;
    check_permissions(path, &metadata)?;
    let mut text = String::new();
    match file.take(MAX_SIZE).read_to_string(&mut text) {
        Ok(length) if length as u64 == MAX_SIZE => Err(damaged(path, "it is larger than 64 MiB")),
        Ok(_) => Ok(Some(Versioned::new(text, ""))),
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            Err(damaged(path, "it is not UTF-8"))
        }
        Err(error) => Err(FileError::io("read", path)(error)),
    }
}

/// Returns whether there is a regular file at `path`. Refuses anything else at that path, including
/// a symbolic link, because a rename would replace the link and not its target.
pub(super) fn is_regular_file(path: &Path) -> Result<bool, FileError> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(FileError::io("inspect", path)(error)),
    };
    let what = match metadata.file_type() {
        kind if kind.is_file() => return Ok(true),
        kind if kind.is_symlink() => "is a symbolic link; use the path of its target",
        kind if kind.is_dir() => "is a folder; use the path of a file",
        _ => "is not a regular file; use another path",
    };
    let problem = format!("cannot be used: {} {what}", path.display());
    Err(FileError::Refused(StoreError::new(problem).with_kind(StoreErrorKind::InsecurePermissions)))
}

/// Refuses a file that other users can use. Checks nothing if the system is not Unix.
pub(super) fn check_permissions(path: &Path, metadata: &Metadata) -> Result<(), FileError> {
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
        if mode & 0o077 != 0 {
            let problem = format!(
                "contains secrets, but other users can access it (mode {mode:04o}); run: chmod 600 {}",
                shell_quoted(path)
            );
            let error = StoreError::new(problem).with_kind(StoreErrorKind::InsecurePermissions);
            return Err(FileError::Refused(error));
        }
    }
    #[cfg(not(unix))]
    let _ = (path, metadata);
    Ok(())
}

#[cfg(unix)]
fn shell_quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

/// Returns options that create a file with mode 0600, so that other users can never open it.
pub(super) fn private_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Opens a file, and restores its owner's permissions, which a strict umask removes from a new
/// file.
pub(super) fn open(path: &Path, options: &OpenOptions) -> io::Result<File> {
    let file = options.open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if file.metadata()?.permissions().mode() & 0o600 != 0o600 {
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
        }
    }
    Ok(file)
}

/// Returns whether `path` refers to this open file.
pub(super) fn is_file_at(file: &File, path: &Path) -> io::Result<bool> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let (opened, current) = (file.metadata()?, fs::symlink_metadata(path)?);
        Ok((opened.dev(), opened.ino()) == (current.dev(), current.ino()))
    }
    // std has no stable file id for Windows. Writes still compare the content.
    #[cfg(not(unix))]
    {
        let _ = (file, path);
        Ok(true)
    }
}

/// Creates the folder and its parents with mode 0700, if they do not exist.
pub(super) fn create_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn damaged(path: &Path, how: &str) -> FileError {
    FileError::Refused(StoreError::damaged(&path.display().to_string(), how))
}
