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
use crate::error::StoreError;

/// How long a rename is retried. A scanner or a backup program has a file open for less.
const RENAME_TIMEOUT: Duration = Duration::from_secs(2);

/// Renames the open temporary file to `target`, durably. If that fails, the temporary file is left.
pub(super) fn rename_temp_file(paths: &Paths, file: &File, target: &Path) -> Result<(), FileError> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(5);
    while let Err(error) = fs::rename(&paths.temp, target) {
        if platform::HAS_FILE_IDS && platform::is_file_at(file, target) {
            // The rename took effect, or another caller has adopted the file.
            break;
        }
        if !platform::is_transient(&error) || start.elapsed() >= RENAME_TIMEOUT {
            return Err(FileError::io("rename to", target)(error));
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(200));
    }
    if !platform::is_file_at(file, target) {
        let problem = "was written by another at the same time: was its lock file removed?";
        return Err(FileError::Refused(StoreError::new(problem)));
    }
    platform::sync_folder(&paths.folder).map_err(FileError::io("flush", &paths.folder))
}
