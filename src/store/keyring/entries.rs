//! Entries of a keyring, and its errors, which can hold what was in an entry.

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

use super::secrets::Entry;
use crate::{error::StoreError, redact::sanitize, store::document::unique};

const SERVICE: &str = "poggio";

/// How long a person has to unlock the keyring.
const UNLOCK_TIMEOUT: Duration = Duration::from_secs(60);

/// The system's keyring, or a caller's.
#[derive(Clone)]
pub(super) struct Keyring(Option<Arc<CredentialStore>>);

impl Keyring {
    pub(super) fn of_the_system() -> Self {
        Self(None)
    }

    pub(super) fn of(keyring: Arc<CredentialStore>) -> Self {
        Self(Some(keyring))
    }

    /// Makes sure that an entry can be written, and that it is kept.
    pub(super) async fn prove(&self, wait: Duration) -> Result<(), StoreError> {
        let proof = self.call_within(wait.min(UNLOCK_TIMEOUT), |keyring| {
            let name = format!("can this be written ({})", unique());
            let content = name.as_bytes();
            keyring.build(SERVICE, &name, None)?.set_secret(content)?;
            let entry = keyring.build(SERVICE, &name, None)?;
            let kept = entry.get_secret();
            let removed = entry.delete_credential();
            let is_kept = kept? == content;
            removed?;
            Ok(is_kept)
        });
        if proof.await? { Ok(()) } else { Err(unusable("does not keep what is put there")) }
    }

    /// Returns what is in these entries; those that are not there, or hold something else than
    /// was put there, are left out.
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
                let content = keyring.build(SERVICE, &name, None)?.get_secret();
                let content = match content.map(Zeroizing::new) {
                    Ok(content) => content,
                    Err(Error::NoEntry | Error::BadDataFormat(..) | Error::BadEncoding(_)) => {
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                if let Ok(members) = serde_json::from_slice(&content) {
                    found.insert(name, members);
                }
            }
            Ok(found)
        })
        .await
    }

    /// Puts all of these there, or none.
    pub(super) async fn put(&self, entries: Vec<Entry>) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        self.call(move |keyring| {
            let put = entries.iter().try_for_each(|entry| {
                let content = Zeroizing::new(Value::Object(entry.members.clone()).to_string());
                keyring.build(SERVICE, &entry.name, None)?.set_secret(content.as_bytes())
            });
            if put.is_err() {
                remove(keyring, &entries);
            }
            put
        })
        .await
    }

    /// Removes these, as far as that can be done.
    pub(super) async fn remove(&self, entries: Vec<Entry>) {
        let removed = self.call(move |keyring| {
            remove(keyring, &entries);
            Ok(())
        });
        // What stays is named by no file.
        let _ = removed.await;
    }

    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&CredentialStore) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.call_within(UNLOCK_TIMEOUT, work).await
    }

    /// Does this with the keyring, where it does not hold up the runtime.
    async fn call_within<T: Send + 'static>(
        &self,
        wait: Duration,
        work: impl FnOnce(&CredentialStore) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let chosen = self.0.clone();
        let (done, result) = oneshot::channel();
        // Not one of the runtime's threads, for which it would wait when it shuts down: this one
        // may be waiting for a person.
        let spawned = thread::Builder::new().name("poggio-keyring".into()).spawn(move || {
            let keyring = chosen.map_or_else(of_the_system, Ok);
            let _ = done
                .send(keyring.and_then(|keyring| work(&*keyring).map_err(|error| failed(&error))));
        });
        spawned.map_err(|error| unusable(format!("cannot be asked: {error}")))?;
        match timeout(wait, result).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(unusable("cannot be asked: its library failed")),
            Err(_) => Err(unusable(format!("has not answered within {wait:?}; unlock it"))),
        }
    }
}

/// The one that the program has chosen for itself, else the platform's.
fn of_the_system() -> Result<Arc<CredentialStore>, StoreError> {
    if let Some(chosen) = keyring_core::get_default_store() {
        return Ok(chosen);
    }
    let reason = match keyring::Entry::store_status() {
        Ok(()) => match keyring_core::get_default_store() {
            Some(keyring) => return Ok(keyring),
            None => "the program has unset it".to_owned(),
        },
        Err(error) => reason(error),
    };
    Err(unusable(format!(
        "is not there: {reason}; run this in a session that has one (on Linux, D-Bus with GNOME \
         Keyring or KWallet), or use FileStore alone"
    )))
}

fn remove(keyring: &CredentialStore, entries: &[Entry]) {
    for entry in entries {
        let entry = keyring.build(SERVICE, &entry.name, None);
        // What stays is named by no file.
        let _ = entry.and_then(|entry| entry.delete_credential());
    }
}

fn unusable(problem: impl AsRef<str>) -> StoreError {
    StoreError::new(format!("cannot be used: the system keyring {}", problem.as_ref()))
}

fn failed(error: &Error) -> StoreError {
    let reason = reason(error);
    match error {
        Error::NoStorageAccess(_) => {
            unusable(format!("is locked, or refuses: {reason}; unlock it"))
        }
        _ => unusable(format!("failed: {reason}")),
    }
}

/// Why, without what was in an entry: neither the error itself nor its `Debug` may be kept.
fn reason(error: &Error) -> String {
    match error {
        Error::NoStorageAccess(cause) | Error::PlatformFailure(cause) => {
            sanitize(&cause.to_string())
        }
        Error::NoEntry => "what was put there is gone".to_owned(),
        Error::BadEncoding(_) | Error::BadDataFormat(..) => "an entry cannot be read".to_owned(),
        Error::BadStoreFormat(problem) | Error::NotSupportedByStore(problem) => sanitize(problem),
        Error::TooLong(what, length) => format!("its limit is {length} for {}", sanitize(what)),
        Error::Invalid(what, _) => format!("it takes no such {}", sanitize(what)),
        Error::Ambiguous(entries) => format!("it has {} entries of one name", entries.len()),
        Error::NoDefaultStore => "no keyring is set".to_owned(),
        _ => "for a reason that is not known here".to_owned(),
    }
}
