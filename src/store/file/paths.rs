//! The files of a store, and why one of them could not be used.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::error::StoreError;

/// The files of a store.
#[derive(Debug)]
pub(super) struct Paths {
    pub(super) folder: PathBuf,
    pub(super) file: PathBuf,
    pub(super) lock: PathBuf,
    pub(super) new: PathBuf,
}

/// Why a file could not be used.
pub(super) enum FileError {
    Io { what: &'static str, path: PathBuf, error: io::Error },
    Refused(StoreError),
}

impl FileError {
    /// For `map_err`: what was tried with which file.
    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Io { what, path: path.to_owned(), error }
    }

    pub(super) fn at(self, place: &str) -> StoreError {
        match self {
            Self::Refused(error) => error.at(place),
            // The system's message is short, and what one has to know at once.
            Self::Io { what, path, error } => {
                let problem =
                    format!("cannot be used: to {what} {} failed: {error}", path.display());
                StoreError::new(problem).at(place)
            }
        }
    }
}
