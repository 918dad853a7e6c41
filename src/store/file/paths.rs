//! The paths of a file store, its settings, and its errors.

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::{
        Arc, Once,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::error::StoreError;

#[derive(Clone, Debug)]
pub(super) struct Paths {
    pub(super) folder: PathBuf,
    pub(super) file: PathBuf,
    pub(super) lock: PathBuf,
    /// The new version during a write.
    pub(super) temp: PathBuf,
    /// Whether modes and owners are not checked.
    pub(super) allows_insecure: bool,
    pub(super) group_warning: Arc<GroupWarning>,
}

impl Paths {
    /// Returns the paths of the store in `file`, or what is wrong with that path.
    pub(super) fn new(file: &Path) -> Result<Self, String> {
        let bytes = file.as_os_str().as_encoded_bytes();
        if bytes.contains(&0) {
            return Err(format!("{:?} contains a NUL; remove it", file.display()));
        }
        let is_folder = file.as_os_str().to_string_lossy().ends_with(std::path::is_separator);
        let Some(name) = file.file_name().filter(|_| !is_folder) else {
            return Err(format!("{:?} has no file name; add one", file.display()));
        };
        let file = std::path::absolute(file).map_err(|error| {
            format!("the current folder is not available ({error}); use an absolute path")
        })?;
        let folder = file.parent().map(Path::to_owned).unwrap_or_default();
        let with_suffix = |suffix: &str| {
            let mut name = name.to_owned();
            name.push(suffix);
            folder.join(name)
        };
        Ok(Self {
            lock: with_suffix(".lock"),
            temp: with_suffix(".new"),
            file,
            folder,
            allows_insecure: false,
            group_warning: Arc::default(),
        })
    }
}

/// The warning about a folder that its group can write, which a store gives once.
#[derive(Debug)]
pub(super) struct GroupWarning {
    is_due: AtomicBool,
    given: Once,
}

impl Default for GroupWarning {
    fn default() -> Self {
        Self { is_due: AtomicBool::new(false), given: Once::new() }
    }
}

impl GroupWarning {
    pub(super) fn set_due(&self) {
        self.is_due.store(true, Ordering::Relaxed);
    }

    /// Gives the warning if it is due. Call this in the caller's task, so that it is in its span.
    pub(super) fn give(&self, folder: &Path) {
        if self.is_due.load(Ordering::Relaxed) {
            self.given.call_once(|| {
                tracing::warn!(
                    folder = %folder.display(),
                    "the group of this folder can replace the store in it"
                );
            });
        }
    }
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
                let (path, advice) = (path.display(), advice(error.kind()));
                let problem =
                    format!("could not be used: failed to {operation} {path}: {error}{advice}");
                StoreError::new(problem).at(store_name)
            }
        }
    }
}

fn advice(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::PermissionDenied => "; give this user access to it, or use another file",
        ErrorKind::ReadOnlyFilesystem => "; use a file on a file system that can be written",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "; free some disk space",
        ErrorKind::InvalidFilename => "; use a file with a shorter name",
        ErrorKind::ResourceBusy => "; if it is a mount point, mount its folder instead",
        ErrorKind::NotADirectory => "; use a path through folders only",
        ErrorKind::Unsupported | ErrorKind::CrossesDevices => {
            "; use a file on a file system that supports this, such as a local disk"
        }
        _ => "",
    }
}
