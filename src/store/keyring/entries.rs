//! Reads, writes and deletes entries of a keyring, and converts its errors, which can contain
//! secrets.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    thread,
    time::Duration,
};

use keyring_core::{CredentialStore, Error};
use secrecy::zeroize::Zeroizing;
use serde_json::{Map, Value};
use tokio::{sync::oneshot, time::timeout};

use super::{parts, secrets::Entry};
use crate::{error::StoreError, random::unique_id, redact::sanitize};

const SERVICE: &str = "poggio";

/// How long a person has to unlock the keyring.
const UNLOCK_TIMEOUT: Duration = Duration::from_secs(60);

/// The keyring of the caller, or `None` for the system keyring.
#[derive(Clone)]
pub(super) struct Keyring(Option<Arc<CredentialStore>>);

impl Keyring {
    pub(super) fn system() -> Self {
        Self(None)
    }

    pub(super) fn new(keyring: Arc<CredentialStore>) -> Self {
        Self(Some(keyring))
    }

    /// Checks that the keyring can be written, by a test entry.
    pub(super) async fn check_writable(&self, wait: Duration) -> Result<(), StoreError> {
        let check = self.call_within(wait.min(UNLOCK_TIMEOUT), |keyring| {
            let name = format!("write test ({})", unique_id());
            let content = name.as_bytes();
            keyring.build(SERVICE, &name, None)?.set_secret(content)?;
            let entry = keyring.build(SERVICE, &name, None)?;
            let stored = entry.get_secret();
            // Delete the entry even if it could not be read.
            let deleted = entry.delete_credential();
            let is_stored = stored? == content;
            deleted?;
            Ok(is_stored)
        });
        if check.await? { Ok(()) } else { Err(unusable("does not return what was written to it")) }
    }

    /// Returns the members of these entries by name. Omits entries that do not exist, or whose
    /// content this store did not write.
    pub(super) async fn get(
        &self,
        names: Vec<String>,
    ) -> Result<HashMap<String, Map<String, Value>>, StoreError> {
        if names.is_empty() {
            return Ok(HashMap::new());
        }
        self.call(|keyring| {
            let mut found = HashMap::new();
            for name in names.into_iter().collect::<HashSet<_>>() {
                let content = parts::get(keyring, SERVICE, &name)?;
                if let Some(members) =
                    content.and_then(|content| serde_json::from_slice(&content).ok())
                {
                    found.insert(name, members);
                }
            }
            Ok(found)
        })
        .await
    }

    /// Writes all entries, or none.
    pub(super) async fn put(&self, entries: Vec<Entry>) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        self.call(move |keyring| {
            let result = entries.iter().try_for_each(|entry| {
                let content = Zeroizing::new(Value::Object(entry.members.clone()).to_string());
                parts::put(keyring, SERVICE, &entry.name, content.as_bytes())
            });
            if result.is_err() {
                for entry in &entries {
                    parts::remove(keyring, SERVICE, &entry.name);
                }
            }
            result
        })
        .await
    }

    /// Deletes entries. Ignores errors, because no file refers to these entries.
    pub(super) async fn remove(&self, names: Vec<String>) {
        if names.is_empty() {
            return;
        }
        let removal = self.call(move |keyring| {
            for name in &names {
                parts::remove(keyring, SERVICE, name);
            }
            Ok(())
        });
        let _ = removal.await;
    }

    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&CredentialStore) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.call_within(UNLOCK_TIMEOUT, work).await
    }

    /// Runs blocking `work` with the keyring, waiting at most `wait` for its result.
    async fn call_within<T: Send + 'static>(
        &self,
        wait: Duration,
        work: impl FnOnce(&CredentialStore) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let keyring = self.0.clone();
        let (sender, receiver) = oneshot::channel();
        // Not a thread of the runtime: the shutdown of the runtime would wait for it, and it may be
        // waiting for a person.
        let spawned = thread::Builder::new().name("poggio-keyring".into()).spawn(move || {
            let keyring = keyring.map_or_else(system_keyring, Ok);
            let result =
                keyring.and_then(|keyring| work(&*keyring).map_err(|error| store_error(&error)));
            let _ = sender.send(result);
        });
        spawned.map_err(|error| unusable(format!("could not be called: {error}")))?;
        match timeout(wait, receiver).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(unusable("could not be called: its library failed")),
            Err(_) => Err(unusable(format!("did not respond within {wait:?}; unlock it"))),
        }
    }
}

/// Returns the default keyring of the program, or the platform's if the program has set none.
fn system_keyring() -> Result<Arc<CredentialStore>, StoreError> {
    if let Some(keyring) = keyring_core::get_default_store() {
        return Ok(keyring);
    }
    let problem = match keyring::Entry::store_status() {
        Ok(()) => match keyring_core::get_default_store() {
            Some(keyring) => return Ok(keyring),
            None => "the program has removed it".to_owned(),
        },
        Err(error) => safe_message(error),
    };
    Err(unusable(format!(
        "is not available: {problem}; run this in a session with a keyring (on Linux, D-Bus with \
         GNOME Keyring or KWallet), or use FileStore"
    )))
}

fn unusable(problem: impl AsRef<str>) -> StoreError {
    StoreError::new(format!("cannot be used: the system keyring {}", problem.as_ref()))
}

fn store_error(error: &Error) -> StoreError {
    let message = safe_message(error);
    match error {
        Error::NoStorageAccess(_) => {
            unusable(format!("is locked or denied access: {message}; unlock it"))
        }
        _ => unusable(format!("failed: {message}")),
    }
}

/// Returns the message of an error without the content of an entry. The error itself must not be
/// stored as a source, because its `Debug` prints that content.
fn safe_message(error: &Error) -> String {
    match error {
        Error::NoStorageAccess(cause) | Error::PlatformFailure(cause) => {
            sanitize(&cause.to_string())
        }
        Error::NoEntry => "an entry is missing".to_owned(),
        Error::BadEncoding(_) | Error::BadDataFormat(..) => "an entry is invalid".to_owned(),
        Error::BadStoreFormat(problem) | Error::NotSupportedByStore(problem) => sanitize(problem),
        Error::TooLong(what, length) => format!("{} exceeds its limit of {length}", sanitize(what)),
        Error::Invalid(what, _) => format!("{} is invalid", sanitize(what)),
        Error::Ambiguous(entries) => format!("it has {} entries with the same name", entries.len()),
        Error::NoDefaultStore => "no keyring is set".to_owned(),
        _ => "the reason is unknown".to_owned(),
    }
}
