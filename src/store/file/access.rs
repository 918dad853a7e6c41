//! Reading the file, and what is refused.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, ErrorKind, Read},
    path::Path,
};

use super::paths::{FileError, Paths};
use crate::{
    error::{StoreError, StoreErrorKind},
    store::registration_store::Versioned,
};

/// What is larger is not read: far more than any history of registrations.
pub(super) const CAP: u64 = 64 * 1024 * 1024;

/// Reads the file; one that is not there is none.
pub(super) fn read(paths: &Paths) -> Result<Option<Versioned>, FileError> {
    let path = &paths.file;
    if !is_plain(path)? {
        return Ok(None);
    }
    let file = match File::open(path) {
        Ok(file) => file,
        // Removed in between.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(FileError::io("open", path)(error)),
    };
    let metadata = file.metadata().map_err(FileError::io("look at", path))?;
    private(path, &metadata)?;
    let mut text = String::new();
    match file.take(CAP).read_to_string(&mut text) {
        Ok(length) if length as u64 == CAP => Err(damaged(path, "it is larger than 64 MiB")),
        Ok(_) => Ok(Some(Versioned::new(text, ""))),
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            Err(damaged(path, "it is not UTF-8"))
        }
        Err(error) => Err(FileError::io("read", path)(error)),
    }
}

/// Whether there is a plain file; anything else of that name is refused.
///
/// A symbolic link is, too: a rename would replace it, not what it points to.
pub(super) fn is_plain(path: &Path) -> Result<bool, FileError> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(FileError::io("look at", path)(error)),
    };
    let what = match metadata.file_type() {
        kind if kind.is_file() => return Ok(true),
        kind if kind.is_symlink() => "is a symbolic link; name the file that it points to",
        kind if kind.is_dir() => "is a folder; name a file",
        _ => "is not a file; name another",
    };
    let problem = format!("cannot be used: {} {what}", path.display());
    Err(FileError::Refused(StoreError::new(problem).with_kind(StoreErrorKind::InsecurePermissions)))
}

/// Refuses a file that others can read.
pub(super) fn private(path: &Path, metadata: &Metadata) -> Result<(), FileError> {
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
        if mode & 0o077 != 0 {
            let problem = format!(
                "holds secrets, and others can use it (mode {mode:04o}); run: chmod 600 {}",
                quoted(path)
            );
            let error = StoreError::new(problem).with_kind(StoreErrorKind::InsecurePermissions);
            return Err(FileError::Refused(error));
        }
    }
    #[cfg(not(unix))]
    let _ = (path, metadata);
    Ok(())
}

/// A path as a shell takes it.
#[cfg(unix)]
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

/// Opens for writing what only its owner can use from its first moment.
pub(super) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Opens it, its owner's own rights included, which a umask may have taken from a new file.
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

/// Whether this file is what the path leads to.
pub(super) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let (held, there) = (file.metadata()?, fs::symlink_metadata(path)?);
        Ok((held.dev(), held.ino()) == (there.dev(), there.ino()))
    }
    // There, what is written is still compared with what was read.
    #[cfg(not(unix))]
    {
        let _ = (file, path);
        Ok(true)
    }
}

/// Makes the folder, and those above it, where they are missing.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn damaged(path: &Path, how: &str) -> FileError {
    FileError::Refused(StoreError::damaged(&path.display().to_string(), how))
}
