//! The paths of a file store, and its errors.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::error::StoreError;

#[derive(Debug)]
pub(super) struct Paths {
    pub(super) folder: PathBuf,
    pub(super) file: PathBuf,
    pub(super) lock: PathBuf,
    pub(super) temp: PathBuf,
}

/// Why a file could not be used.
pub(super) enum FileError {
    Io { operation: &'static str, path: PathBuf, error: io::Error },
    Refused(StoreError),
}

impl FileError {
    /// Returns a function for `map_err` that adds the operation and the path.
    pub(super) fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Io { operation, path: path.to_owned(), error }
    }

    pub(super) fn into_store_error(self, store_name: &str) -> StoreError {
        match self {
            Self::Refused(error) => error.at(store_name),
            // Part of the message, not a source: it is short, and says what to do.
            Self::Io { operation, path, error } => {
                let problem =
                    format!("could not be used: failed to {operation} {}: {error}", path.display());
                StoreError::new(problem).at(store_name)
            }
        }
    }
}
