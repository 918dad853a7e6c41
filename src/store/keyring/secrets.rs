//! Moves the secrets of a document to keyring entries and back. Reading and writing the entries is
//! in `entries`.
//!
//! Text that is not a document is returned unchanged. Its reader refuses it.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::{
    redact::sanitize,
    store::{claim::unique_id, registration_store::Versioned},
};

/// The members of a client that go to the keyring. A registration access token (RFC 7592) is a
/// secret too, because it gives access to the client secret.
const SECRETS: [&str; 2] = ["client_secret", "registration_access_token"];

/// Members that are copied to the entry, so that it identifies its client and can be imported.
const METADATA_FIELDS: [&str; 2] = ["client_id", "client_secret_expires_at"];

/// An entry of the keyring.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) members: Map<String, Value>,
}

/// The result of [`restore`].
pub(super) struct Restored {
    /// The text of the file, unchanged.
    pub(super) file: Versioned,
    /// The document with its secrets.
    pub(super) text: Versioned,
    /// The entries of the restored secrets.
    pub(super) entries: Vec<Entry>,
}

/// The result of [`extract`].
pub(super) struct Extracted {
    /// The document without its secrets.
    pub(super) text: Versioned,
    /// The entries that do not exist yet.
    pub(super) new_entries: Vec<Entry>,
}

/// Returns the names of the entries that a file refers to.
pub(super) fn entry_names(text: &str) -> Vec<String> {
    let mut document = serde_json::from_str(text).unwrap_or(Value::Null);
    records(&mut document).filter_map(|record| entry_name(record, "keyring")).collect()
}

/// Restores the secrets of a file from the keyring entries, and marks those without an entry as
/// lost.
pub(super) fn restore(file: Versioned, entries: &HashMap<String, Map<String, Value>>) -> Restored {
    let mut document = serde_json::from_str(file.expose()).unwrap_or(Value::Null);
    let mut restored = Vec::new();
    let mut is_changed = false;
    for record in records(&mut document) {
        let Some(name) = entry_name(record, "keyring") else { continue };
        is_changed = true;
        let client = record.get_mut("client").and_then(Value::as_object_mut);
        match (client, entries.get(&name)) {
            (Some(client), Some(members))
                if members.get("client_id") == client.get("client_id") =>
            {
                client.extend(members.clone());
                record.remove("secrets");
                restored.push(Entry { name, members: members.clone() });
            }
            _ => {
                record.insert("secrets".into(), json!({ "lost": name }));
            }
        }
    }
    let text = if is_changed { to_text(&document) } else { file.clone() };
    Restored { file, text, entries: restored }
}

/// Extracts the secrets of a document, and refers to `existing` or new entries in their place.
pub(super) fn extract(text: &Versioned, existing: &[Entry]) -> Extracted {
    let mut document = serde_json::from_str(text.expose()).unwrap_or(Value::Null);
    let mut new_entries: Vec<Entry> = Vec::new();
    let mut is_changed = false;
    for record in records(&mut document) {
        let lost = entry_name(record, "lost");
        let endpoint =
            record.get("endpoint").and_then(Value::as_str).unwrap_or_default().to_owned();
        let client = record.get_mut("client").and_then(Value::as_object_mut);
        let name = match (client.and_then(extract_members), lost) {
            (None, None) => continue,
            // Refer to the lost entry again, because it may be restored.
            (None, Some(lost)) => lost,
            (Some(members), _) => {
                let mut entries = existing.iter().chain(&new_entries);
                if let Some(entry) = entries.find(|entry| entry.members == members) {
                    entry.name.clone()
                } else {
                    let name = new_entry_name(&members, &endpoint);
                    new_entries.push(Entry { name: name.clone(), members });
                    name
                }
            }
        };
        is_changed = true;
        record.insert("secrets".into(), json!({ "keyring": name }));
    }
    let text = if is_changed { to_text(&document) } else { text.clone() };
    Extracted { text, new_entries }
}

/// Removes the secrets from a client, and returns the members of its entry, or `None` if the client
/// has no secrets.
fn extract_members(client: &mut Map<String, Value>) -> Option<Map<String, Value>> {
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

/// Returns a unique name that a person who looks at the keyring understands.
fn new_entry_name(members: &Map<String, Value>, endpoint: &str) -> String {
    let shorten = |text: &str, length| sanitize(text).chars().take(length).collect::<String>();
    let client_id = members.get("client_id").and_then(Value::as_str).unwrap_or_default();
    // The limit of Windows is 513 characters.
    let (client_id, endpoint) = (shorten(client_id, 120), shorten(endpoint, 240));
    format!("{client_id} at {endpoint} ({})", unique_id())
}

fn records(document: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    let registrations = document.get_mut("registrations").and_then(Value::as_array_mut);
    registrations.into_iter().flatten().filter_map(Value::as_object_mut)
}

/// Returns the entry that a record refers to, as `keyring` or as `lost`.
fn entry_name(record: &Map<String, Value>, state: &str) -> Option<String> {
    record.get("secrets")?.get(state)?.as_str().map(str::to_owned)
}

fn to_text(document: &Value) -> Versioned {
    Versioned::new(format!("{document:#}\n"), "")
}
