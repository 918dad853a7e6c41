//! The functions for Unix.

use std::{
    env,
    fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions},
    io::{self, ErrorKind},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::{fs::OFlags, process::geteuid};

/// Returns the folder of the user's configuration files: on macOS that of its guidelines, and else that
/// of the XDG Base Directory Specification, which requires absolute paths.
pub(in crate::store::file) fn config_folder() -> Option<PathBuf> {
    if cfg!(target_os = "macos") {
        return Some(env::home_dir()?.join("Library/Application Support"));
    }
    let folder =
        env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    folder.or_else(|| Some(env::home_dir()?.join(".config")))
}

/// Returns options that follow no symbolic link, wait for no other program, and create a file with
/// mode 0600, so that other users can never open it.
pub(in crate::store::file) fn open_options() -> OpenOptions {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let mut options = OpenOptions::new();
    options.mode(0o600).custom_flags(flags.cast_signed());
    options
}

/// Restores the owner's permissions, which a strict umask removes from a new file.
pub(in crate::store::file) fn restore_owner_mode(file: &File) -> io::Result<()> {
    if file.metadata()?.mode() & 0o600 == 0o600 {
        return Ok(());
    }
    file.set_permissions(Permissions::from_mode(0o600))
}

/// Returns the mode and the owner of a file or folder.
pub(in crate::store::file) fn mode_and_owner(metadata: &Metadata) -> (u32, u32) {
    (metadata.mode() & 0o7777, metadata.uid())
}

/// Returns the user whose permissions this process has.
pub(in crate::store::file) fn user() -> u32 {
    geteuid().as_raw()
}

/// Returns whether `path` refers to this open file.
pub(in crate::store::file) fn is_file_at(file: &File, path: &Path) -> bool {
    let id = |metadata: Metadata| (metadata.dev(), metadata.ino());
    let (opened, current) = (file.metadata().map(id), fs::symlink_metadata(path).map(id));
    matches!((opened, current), (Ok(opened), Ok(current)) if opened == current)
}

/// Creates the folder and its parents with mode 0700, if they do not exist.
pub(in crate::store::file) fn create_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Makes a rename durable, if the file system can do that for a folder.
pub(in crate::store::file) fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        Err(error) if [ErrorKind::InvalidInput, ErrorKind::Unsupported].contains(&error.kind()) => {
            Ok(())
        }
        result => result,
    }
}

/// Returns whether a rename that failed may succeed in a moment.
pub(in crate::store::file) fn is_transient(error: &io::Error) -> bool {
    // EACCES and EPERM, EBUSY, EINTR.
    [ErrorKind::PermissionDenied, ErrorKind::ResourceBusy, ErrorKind::Interrupted]
        .contains(&error.kind())
}
