//! The secrets of a document: taken out of its text, and put back.
//!
//! What is no document is left as it is, for whoever reads it to refuse.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::{
    redact::sanitize,
    store::{document::unique, registration_store::Versioned},
};

/// The members of a client that are kept in the keyring: a registration access token (RFC 7592)
/// gets its bearer the secret.
const SECRETS: [&str; 2] = ["client_secret", "registration_access_token"];

/// What an entry has besides, so that it says whose it is and can be imported.
const METADATA_FIELDS: [&str; 2] = ["client_id", "client_secret_expires_at"];

/// An entry of the keyring.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) members: Map<String, Value>,
}

/// A document with its secrets.
pub(super) struct Filled {
    /// As the file has it.
    pub(super) raw: Versioned,
    pub(super) text: Versioned,
    /// The entries that were put back.
    pub(super) entries: Vec<Entry>,
}

/// A document without its secrets.
pub(super) struct TakenOut {
    pub(super) text: Versioned,
    /// Those that no entry has yet.
    pub(super) fresh: Vec<Entry>,
}

/// The names of the entries that a document needs.
pub(super) fn named_in(text: &str) -> Vec<String> {
    let mut document = serde_json::from_str(text).unwrap_or(Value::Null);
    registrations(&mut document).filter_map(|kept| name(kept, "keyring")).collect()
}

/// Puts back what was found in the keyring, and notes what was not.
pub(super) fn fill(raw: Versioned, found: &HashMap<String, Map<String, Value>>) -> Filled {
    let mut document = serde_json::from_str(raw.expose()).unwrap_or(Value::Null);
    let mut entries = Vec::new();
    let mut is_changed = false;
    for kept in registrations(&mut document) {
        let Some(name) = name(kept, "keyring") else { continue };
        is_changed = true;
        let client = kept.get_mut("client").and_then(Value::as_object_mut);
        match (client, found.get(&name)) {
            (Some(client), Some(members))
                if members.get("client_id") == client.get("client_id") =>
            {
                client.extend(members.clone());
                kept.remove("secrets");
                entries.push(Entry { name, members: members.clone() });
            }
            _ => {
                kept.insert("secrets".into(), json!({ "lost": name }));
            }
        }
    }
    let text = if is_changed { written(&document) } else { raw.clone() };
    Filled { raw, text, entries }
}

/// Takes the secrets out, and names the entries they are in: those that are `known`, or new ones.
pub(super) fn take_out(text: &Versioned, known: &[Entry]) -> TakenOut {
    let mut document = serde_json::from_str(text.expose()).unwrap_or(Value::Null);
    let mut fresh: Vec<Entry> = Vec::new();
    let mut is_changed = false;
    for kept in registrations(&mut document) {
        let lost = name(kept, "lost");
        let endpoint = kept.get("endpoint").and_then(Value::as_str).unwrap_or_default().to_owned();
        let client = kept.get_mut("client").and_then(Value::as_object_mut);
        let name = match (client.and_then(take), lost) {
            (None, None) => continue,
            // As the file had it: the entry may come back.
            (None, Some(lost)) => lost,
            (Some(members), _) => {
                let same = known.iter().chain(&fresh).find(|entry| entry.members == members);
                if let Some(entry) = same {
                    entry.name.clone()
                } else {
                    let name = new_name(&members, &endpoint);
                    fresh.push(Entry { name: name.clone(), members });
                    name
                }
            }
        };
        is_changed = true;
        kept.insert("secrets".into(), json!({ "keyring": name }));
    }
    TakenOut { text: if is_changed { written(&document) } else { text.clone() }, fresh }
}

/// Takes the secrets out of a client; `None` where it has none.
fn take(client: &mut Map<String, Value>) -> Option<Map<String, Value>> {
    let mut members = Map::new();
    for name in SECRETS {
        members.extend(client.remove_entry(name));
    }
    if members.is_empty() {
        return None;
    }
    for name in METADATA_FIELDS {
        members.extend(client.get(name).map(|value| (name.to_owned(), value.clone())));
    }
    Some(members)
}

/// A name that no one else makes, for whoever looks through the keyring.
fn new_name(members: &Map<String, Value>, endpoint: &str) -> String {
    let short = |text: &str, length| sanitize(text).chars().take(length).collect::<String>();
    let client_id = members.get("client_id").and_then(Value::as_str).unwrap_or_default();
    // Windows takes 513 characters.
    let (client_id, endpoint) = (short(client_id, 120), short(endpoint, 240));
    format!("{client_id} at {endpoint} ({})", unique())
}

fn registrations(document: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    let registrations = document.get_mut("registrations").and_then(Value::as_array_mut);
    registrations.into_iter().flatten().filter_map(Value::as_object_mut)
}

/// The entry that a registration names, as `keyring` or as `lost`.
fn name(kept: &Map<String, Value>, which: &str) -> Option<String> {
    kept.get("secrets")?.get(which)?.as_str().map(str::to_owned)
}

fn written(document: &Value) -> Versioned {
    Versioned::new(format!("{document:#}\n"), "")
}
