//! The functions for other systems, where files have the permissions that they inherit.

#![allow(clippy::unnecessary_wraps, reason = "the signatures are those for Unix")]

use std::{
    env,
    fs::{self, File, Metadata, OpenOptions},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

/// Returns `%APPDATA%`, the folder of a user's settings.
pub(in crate::store::file) fn config_folder() -> Option<PathBuf> {
    env::var_os("APPDATA").filter(|folder| !folder.is_empty()).map(PathBuf::from)
}

pub(in crate::store::file) fn open_options() -> OpenOptions {
    OpenOptions::new()
}

pub(in crate::store::file) fn restore_owner_mode(_: &File) -> io::Result<()> {
    Ok(())
}

/// A mode and an owner that pass every check.
pub(in crate::store::file) fn mode_and_owner(_: &Metadata) -> (u32, u32) {
    (0o600, user())
}

pub(in crate::store::file) fn user() -> u32 {
    0
}

/// std has no stable file id for Windows. Writes still compare the content.
pub(in crate::store::file) fn is_file_at(_: &File, _: &Path) -> bool {
    true
}

pub(in crate::store::file) fn create_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

pub(in crate::store::file) fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

pub(in crate::store::file) fn is_transient(error: &io::Error) -> bool {
    // ERROR_SHARING_VIOLATION and ERROR_LOCK_VIOLATION: another program has the file open.
    let is_open_elsewhere = matches!(error.raw_os_error(), Some(32 | 33));
    is_open_elsewhere
        || [ErrorKind::PermissionDenied, ErrorKind::ResourceBusy].contains(&error.kind())
}
