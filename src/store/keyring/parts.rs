//! Entries of any length. An entry that is too long for the keyring is split into numbered parts, and
//! holds their number instead. Windows limits an entry to 2,560 bytes.

use keyring_core::{CredentialStore, Error};
use secrecy::zeroize::Zeroizing;
use serde::{Deserialize, Serialize};

/// The maximum length of a part, in bytes.
const MAX_PART: usize = 2560;

/// The content of an entry that is split.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Split {
    parts: usize,
}

/// Returns the content of an entry, or `None` if it, or one of its parts, does not exist.
pub(super) fn get(
    keyring: &CredentialStore,
    service: &str,
    name: &str,
) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    let Some(content) = get_one(keyring, service, name)? else { return Ok(None) };
    let Some(parts) = part_count(&content) else { return Ok(Some(content)) };
    let mut whole = Zeroizing::new(Vec::new());
    for part in 1..=parts {
        let Some(content) = get_one(keyring, service, &part_name(name, part))? else {
            return Ok(None);
        };
        whole.extend_from_slice(&content);
    }
    Ok(Some(whole))
}

/// Writes an entry. If that fails, some parts may exist.
pub(super) fn put(
    keyring: &CredentialStore,
    service: &str,
    name: &str,
    content: &[u8],
) -> Result<(), Error> {
    let entry = keyring.build(service, name, None)?;
    let limit = match entry.set_secret(content) {
        Err(Error::TooLong(_, limit)) => usize::try_from(limit).unwrap_or(MAX_PART),
        result => return result,
    };
    let parts = content.chunks(limit.clamp(1, MAX_PART));
    // First, so that `remove` finds the parts if one cannot be written.
    let split = serde_json::json!(Split { parts: parts.len() }).to_string();
    entry.set_secret(split.as_bytes())?;
    for (part, content) in (1..).zip(parts) {
        keyring.build(service, &part_name(name, part), None)?.set_secret(content)?;
    }
    Ok(())
}

/// Deletes an entry, as far as possible.
pub(super) fn remove(keyring: &CredentialStore, service: &str, name: &str) {
    let delete = |name: &str| {
        let entry = keyring.build(service, name, None);
        let _ = entry.and_then(|entry| entry.delete_credential());
    };
    if let Ok(Some(content)) = get_one(keyring, service, name) {
        (1..=part_count(&content).unwrap_or(0)).for_each(|part| delete(&part_name(name, part)));
    }
    delete(name);
}

fn get_one(
    keyring: &CredentialStore,
    service: &str,
    name: &str,
) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    let entry = keyring.build(service, name, None)?;
    let content = match entry.get_secret() {
        // The Secret Service fails if another process deletes an entry between the search for it and
        // its read. The next search does not find it.
        Err(Error::PlatformFailure(_)) => entry.get_secret(),
        content => content,
    };
    match content {
        Ok(content) => Ok(Some(Zeroizing::new(content))),
        Err(Error::NoEntry | Error::BadDataFormat(..) | Error::BadEncoding(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the number of parts, if the entry is split.
fn part_count(content: &[u8]) -> Option<usize> {
    let split: Split = serde_json::from_slice(content).ok()?;
    // More than the largest document has.
    (split.parts <= 1 << 20).then_some(split.parts)
}

fn part_name(name: &str, part: usize) -> String {
    format!("{name} part {part}")
}
