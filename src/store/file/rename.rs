//! Renames a file of the store durably, and again if that fails for a moment.

use std::{
    fs::{self, File},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use super::{
    paths::{FileError, Paths},
    platform,
};

/// How long a rename is retried. A scanner or a backup program has a file open for less.
const RENAME_TIMEOUT: Duration = Duration::from_secs(2);

/// Renames an open file durably. If that fails, the file keeps its name.
///
/// Returns false if another caller has replaced it, because the lock file was removed.
pub(super) fn rename(
    paths: &Paths,
    file: &File,
    from: &Path,
    to: &Path,
) -> Result<bool, FileError> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(5);
    while platform::is_file_at(file, from) {
        let Err(error) = fs::rename(from, to) else { break };
        if !platform::is_transient(&error) || start.elapsed() >= RENAME_TIMEOUT {
            return Err(FileError::io("rename to", to)(error));
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(200));
    }
    // Also true if another caller has adopted the file.
    let is_renamed = platform::is_file_at(file, to);
    platform::sync_folder(&paths.folder).map_err(FileError::io("flush", &paths.folder))?;
    Ok(is_renamed)
}
