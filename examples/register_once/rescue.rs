//! What was registered and could not be saved is written elsewhere: it is shown once.

use std::{
    env,
    io::{self, Write},
    path::{Path, PathBuf},
};

use poggio::{ClientInformation, ClientSecret, Error, FileStore};
use serde_json::{Value, json};
use tempfile::Builder;

use crate::show;

/// Keeps what an error holds of a client, then reports the error.
pub(crate) fn report(error: &Error, store: &FileStore) -> u8 {
    let code = show::report(error);
    let is_whole = matches!(error, Error::Store(_));
    let credentials = match error {
        Error::Store(error) => error.client().map(ClientInformation::expose_json),
        // One that arrived whole is in the store.
        Error::Unreadable(answer)
            if answer.client_id().is_some() || answer.client_secret().is_some() =>
        {
            Some(json!({
                "client_id": answer.client_id(),
                "client_secret": answer.client_secret().map(ClientSecret::expose),
            }))
        }
        _ => None,
    };
    let Some(credentials) = credentials else { return code };
    // Where the store cannot be written, its folder may be no better.
    let beside = store.path().parent().unwrap_or(Path::new("."));
    let written = write(&credentials, beside).or_else(|_| write(&credentials, &env::temp_dir()));
    match written {
        Ok(path) => {
            eprintln!("   = note: the credentials are in {}", path.display());
            let help = if is_whole {
                "run it again with --keep and that file when the store works; then remove the file"
            } else {
                "the rest did not arrive: ask Poggio for it before you register again"
            };
            eprintln!("   = help: {help}");
        }
        Err(error) => eprintln!("   = note: they could not be written elsewhere either: {error}"),
    }
    code
}

/// Writes a new file that only its owner can read.
fn write(credentials: &Value, folder: &Path) -> io::Result<PathBuf> {
    let mut file = Builder::new().prefix("rescued-").suffix(".json").tempfile_in(folder)?;
    writeln!(file, "{credentials:#}")?;
    file.as_file().sync_all()?;
    let (_, path) = file.keep()?;
    Ok(path)
}
