//! Writes credentials that could not be saved to another file, because the server shows them once.

use std::{
    env,
    io::{self, Write},
    path::{Path, PathBuf},
};

use poggio::{ClientInformation, ClientSecret, Error, FileStore};
use serde_json::{Value, json};
use tempfile::Builder;

use crate::show;

/// Reports an error, and writes the credentials that it holds to a new file.
pub(crate) fn report(error: &Error, store: &FileStore) -> u8 {
    let code = show::report(error);
    let is_complete = matches!(error, Error::Store(_));
    let credentials = match error {
        Error::Store(error) => error.client().map(ClientInformation::expose_json),
        // `register_once` has saved complete credentials; these are incomplete.
        Error::Unreadable(response)
            if response.client_id().is_some() || response.client_secret().is_some() =>
        {
            Some(json!({
                "client_id": response.client_id(),
                "client_secret": response.client_secret().map(ClientSecret::expose),
            }))
        }
        _ => None,
    };
    let Some(credentials) = credentials else { return code };
    // If the store cannot be written, its folder may not be writable either.
    let folder = store.path().parent().unwrap_or(Path::new("."));
    let written = write(&credentials, folder).or_else(|_| write(&credentials, &env::temp_dir()));
    match written {
        Ok(path) => {
            eprintln!("   = note: the credentials are in {}", path.display());
            let help = if is_complete {
                "fix the store, run this again with --keep and that file, then remove the file"
            } else {
                "the rest did not arrive; ask Poggio for it before you register again"
            };
            eprintln!("   = help: {help}");
        }
        Err(error) => {
            eprintln!("   = note: the credentials could not be written to another file: {error}");
        }
    }
    code
}

/// Writes the credentials to a new file that only its owner can read.
fn write(credentials: &Value, folder: &Path) -> io::Result<PathBuf> {
    let mut file = Builder::new().prefix("rescued-").suffix(".json").tempfile_in(folder)?;
    writeln!(file, "{credentials:#}")?;
    file.as_file().sync_all()?;
    let (_, path) = file.keep()?;
    Ok(path)
}
