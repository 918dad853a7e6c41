//! Moves the secrets of a document to keyring entries. Reading and writing the entries is in
//! `entries`.
//!
//! If a text is a document with registrations, the secrets of each client go to a separate entry, so
//! that finding a client reads one entry. Any other text goes to an entry as a whole, because this
//! module does not know which parts of it are secret.

use serde_json::{Map, Value, json};

use crate::{
    random::unique_id,
    redact::sanitize,
    store::{document::Document, format::Format, registration_store::Versioned},
};

/// The members of a client that go to the keyring. A registration access token (RFC 7592) is a
/// secret too, because it gives access to the client secret.
const SECRETS: [&str; 2] = ["client_secret", "registration_access_token"];

/// Members that are copied to the entry, so that it identifies its client and can be imported.
const METADATA_FIELDS: [&str; 2] = ["client_id", "client_secret_expires_at"];

/// The member of a file that refers to the entry with the whole text, and the member of that entry.
const WHOLE: &str = "keyring";
const TEXT: &str = "text";

/// The maximum length of a file that refers to the whole text, so that longer ones are not parsed.
const MAX_REFERENCE: usize = 8 * 1024;

/// An entry of the keyring.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) members: Map<String, Value>,
}

/// The result of [`extract`].
pub(super) struct Extracted {
    /// The text of the file, without secrets.
    pub(super) file: Versioned,
    /// The entries that do not exist yet.
    pub(super) new_entries: Vec<Entry>,
}

/// Returns the names of the entries that a file refers to.
pub(super) fn entry_names(file: &str) -> Vec<String> {
    let mut document = serde_json::from_str(file).unwrap_or(Value::Null);
    let whole = document.get(WHOLE).and_then(Value::as_str).map(str::to_owned);
    let names = records(&mut document).filter_map(|record| entry_name(record, "keyring"));
    whole.into_iter().chain(names).collect()
}

/// Returns the name of the entry with the whole text, if the file refers to one.
pub(super) fn whole_entry_name(file: &str) -> Option<String> {
    if file.len() > MAX_REFERENCE {
        return None;
    }
    let document: Map<String, Value> = serde_json::from_str(file).ok()?;
    let name = document.get(WHOLE)?.as_str()?;
    (document.len() == 2 && document.contains_key("format")).then(|| name.to_owned())
}

/// Returns the whole text that an entry holds.
pub(super) fn whole_text(members: &Map<String, Value>) -> Option<&str> {
    members.get(TEXT)?.as_str()
}

/// Moves the secrets of a text into new entries. `name` is the name of the store.
pub(super) fn extract(text: &Versioned, name: &str) -> Extracted {
    let is_document = serde_json::from_str::<Document>(text.expose()).is_ok();
    match serde_json::from_str(text.expose()) {
        Ok(mut document) if is_document => {
            let new_entries = extract_clients(&mut document);
            Extracted { file: to_text(&document), new_entries }
        }
        _ => extract_whole(text, name),
    }
}

fn extract_whole(text: &Versioned, name: &str) -> Extracted {
    let entry = format!("{} ({})", shorten(name, 400), unique_id());
    let members = Map::from_iter([(TEXT.to_owned(), text.expose().into())]);
    // With the format, so that the file store finishes a write that was interrupted.
    let file = to_text(&json!({ "format": Format, WHOLE: entry }));
    Extracted { file, new_entries: vec![Entry { name: entry, members }] }
}

fn extract_clients(document: &mut Value) -> Vec<Entry> {
    let mut new_entries = Vec::new();
    for record in records(document) {
        // Refer to a lost entry again, because it may be restored.
        let lost = entry_name(record, "lost");
        let existing = entry_name(record, "keyring");
        let endpoint =
            record.get("endpoint").and_then(Value::as_str).unwrap_or_default().to_owned();
        let client = record.get_mut("client").and_then(Value::as_object_mut);
        let name = match (client.and_then(extract_members), existing) {
            (_, Some(existing)) => existing,
            (Some(members), None) => {
                let name = new_entry_name(&members, &endpoint);
                new_entries.push(Entry { name: name.clone(), members });
                name
            }
            (None, None) => match lost {
                Some(lost) => lost,
                None => continue,
            },
        };
        record.insert("secrets".into(), json!({ "keyring": name }));
    }
    new_entries
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
    let client_id = members.get("client_id").and_then(Value::as_str).unwrap_or_default();
    // The limit of Windows is 513 characters.
    let (client_id, endpoint) = (shorten(client_id, 120), shorten(endpoint, 240));
    format!("{client_id} at {endpoint} ({})", unique_id())
}

fn shorten(text: &str, length: usize) -> String {
    sanitize(text).chars().take(length).collect()
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
