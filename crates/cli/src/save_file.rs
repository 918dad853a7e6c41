//! [`SaveFile`]: a new file for credentials, proven writable before they exist.

use std::{
    env, fs,
    io::{self, ErrorKind, Seek, Write},
    path::{Path, PathBuf},
};

use poggio::Outcome;
use serde_json::Value;
use tempfile::{Builder, NamedTempFile, TempPath};

use crate::{exit::Exit, failure::Failure};

/// A new file that only its owner can read, written atomically.
pub(crate) struct SaveFile {
    path: PathBuf,
    /// Reserves the name; removed if nothing is written.
    placeholder: TempPath,
    /// Receives the content and is then renamed. Its disk space is reserved.
    file: NamedTempFile,
}

/// More disk space than the credentials of any client need.
static RESERVED_SPACE: [u8; 64 * 1024] = [b' '; 64 * 1024];

impl SaveFile {
    /// Creates the file, so that a later write succeeds.
    pub(crate) fn prepare(path: &Path) -> Result<Self, Failure> {
        Self::try_prepare(path).map_err(|error| {
            let why = match error.kind() {
                ErrorKind::AlreadyExists => {
                    "the file exists, and it is never overwritten".to_owned()
                }
                _ => error.to_string(),
            };
            Failure::new(Exit::Failed, "the credentials cannot be saved to this file")
                .place(path.display().to_string())
                .why(why)
                .outcome(Outcome::NotRegistered)
                .help("use a new file in a folder that you can write to")
        })
    }

    fn try_prepare(path: &Path) -> io::Result<Self> {
        fs::File::create_new(path)?;
        let placeholder = TempPath::try_from_path(path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        // Created with mode 0600.
        let mut file = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
        file.write_all(&RESERVED_SPACE)?;
        file.as_file().sync_all()?;
        Ok(Self { path: path.to_owned(), placeholder, file })
    }

    /// Writes the credentials. On failure, returns a note about the file with the part that was
    /// written.
    pub(crate) fn write(mut self, credentials: &Value) -> Result<PathBuf, (io::Error, PathBuf)> {
        let text = format!("{credentials:#}\n");
        let written = self
            .file
            .rewind()
            .and_then(|()| self.file.write_all(text.as_bytes()))
            .and_then(|()| self.file.as_file().set_len(text.len() as u64))
            .and_then(|()| self.file.as_file().sync_all());
        let saved = match written {
            Ok(()) => self.file.persist(&self.path).map_err(|error| (error.error, error.file)),
            Err(error) => Err((error, self.file)),
        };
        match saved {
            Ok(_) => {
                // The path now has the credentials, so the placeholder must not be removed.
                let _ = self.placeholder.keep();
                Ok(self.path)
            }
            Err((error, file)) => match file.keep() {
                Ok((_, path)) => Err((error, path)),
                Err(kept) => Err((error, kept.file.path().to_owned())),
            },
        }
    }
}

/// Writes credentials that could not be saved elsewhere to a new file in this folder, or else in the
/// folder for temporary files.
pub(crate) fn rescue(credentials: &Value, folder: &Path) -> io::Result<PathBuf> {
    let write = |folder: &Path| {
        let mut file = Builder::new().prefix("rescued-").suffix(".json").tempfile_in(folder)?;
        writeln!(file, "{credentials:#}")?;
        file.as_file().sync_all()?;
        Ok(file.keep()?.1)
    };
    write(folder).or_else(|_: io::Error| write(&env::temp_dir()))
}
