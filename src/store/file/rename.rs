//! Renames a new version of the file into its place.

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

/// Renames the open temporary file to `target`, durably. If that fails, the temporary file is left.
///
/// Returns false if another caller has replaced one of the two, because the lock file was removed.
pub(super) fn rename_temp_file(
    paths: &Paths,
    file: &File,
    target: &Path,
) -> Result<bool, FileError> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(5);
    while platform::is_file_at(file, &paths.temp) {
        let Err(error) = fs::rename(&paths.temp, target) else { break };
        if !platform::is_transient(&error) || start.elapsed() >= RENAME_TIMEOUT {
            return Err(FileError::io("rename to", target)(error));
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(200));
    }
    // Also true if another caller has adopted the file.
    let is_renamed = platform::is_file_at(file, target);
    platform::sync_folder(&paths.folder).map_err(FileError::io("flush", &paths.folder))?;
    Ok(is_renamed)
}
