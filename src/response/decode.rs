//! The lenient decoding of a client, from a response and from a store.
//!
//! Only a `client_id` is required. A member that is not as the contract says is kept as it is in
//! `additional`, with a warning, because a response with credentials is never discarded for another
//! member. Of a member that comes twice, the last counts.

use std::{fmt, mem};

use chrono::{DateTime, Utc};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::{Map, Value};

use super::{
    additional::AdditionalMembers,
    client_information::{ClientInformation, SecretExpiry},
    field_warning::FieldWarning,
    member::Member,
    received::{BYTE_ORDER_MARK, Truncated},
};
use crate::{
    metadata::{ClientMetadata, MetadataField},
    secret::ClientSecret,
};

/// Why a text is not a registered client.
#[derive(Debug)]
pub(crate) enum DecodeError {
    Empty,
    NotJson { line: usize, column: usize },
    NotAnObject,
    NoClientId,
    Truncated(Truncated),
}

/// Decodes a client, with or without a byte order mark before it.
pub(crate) fn client(text: &[u8]) -> Result<ClientInformation, DecodeError> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    serde_json::from_slice(text).map_err(|_| DecodeError::of(text))
}

impl DecodeError {
    /// Why this text could not be decoded.
    pub(crate) fn of(text: &[u8]) -> Self {
        if text.trim_ascii().is_empty() {
            return Self::Empty;
        }
        match serde_json::from_slice(text) {
            Ok(Value::Object(_)) => Self::NoClientId,
            Ok(_) => Self::NotAnObject,
            Err(error) => Self::NotJson { line: error.line(), column: error.column() },
        }
    }
}

impl<'de> Deserialize<'de> for ClientInformation {
    /// Reads RFC 7591 JSON, as leniently as [`from_json`](Self::from_json) does.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object)
    }
}

/// The members of a client as they arrived.
#[derive(Default)]
struct Members {
    /// Those of the contract, in its order.
    known: [Member; CREDENTIALS.len() + MetadataField::ALL.len()],
    additional: Map<String, Value>,
    warnings: Vec<FieldWarning>,
}

/// The members of the contract that are not metadata.
const CREDENTIALS: [&str; 4] =
    ["client_id", "client_secret", "client_id_issued_at", "client_secret_expires_at"];

/// A member's name: its place in the contract, or another one.
enum Name {
    Known(usize),
    Other(String),
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member's name")
            }

            fn visit_str<E>(self, name: &str) -> Result<Name, E> {
                let metadata = MetadataField::from_name(name).map(metadata_index);
                let index =
                    metadata.or_else(|| CREDENTIALS.iter().position(|known| *known == name));
                Ok(index.map_or_else(|| Name::Other(name.into()), Name::Known))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

fn metadata_index(field: MetadataField) -> usize {
    CREDENTIALS.len() + field as usize
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = ClientInformation;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a client_id")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Members::default();
        while let Some(name) = map.next_key()? {
            match name {
                Name::Known(index) => {
                    let member = map.next_value()?;
                    if let Some(known) = members.known.get_mut(index) {
                        *known = member;
                    }
                }
                Name::Other(name) => {
                    members.additional.insert(name, map.next_value()?);
                }
            }
        }
        members.client().ok_or_else(|| A::Error::custom("no client_id"))
    }
}

impl Members {
    /// The client, or `None` without a `client_id`.
    fn client(&mut self) -> Option<ClientInformation> {
        let client_id = self.text("client_id", 0)?;
        let client_secret = self.text("client_secret", 1).map(ClientSecret::from);
        let client_id_issued_at = self.time("client_id_issued_at", 2);
        let expires_at = self.time("client_secret_expires_at", 3);
        let expires_at = expires_at.filter(|_| client_secret.is_some());
        let (metadata, auth_method_stated) = self.metadata();
        self.drop_deep_members();
        Some(ClientInformation {
            client_id,
            client_id_issued_at,
            client_secret_expires_at: match expires_at {
                Some(at) if at.timestamp() == 0 => SecretExpiry::Never,
                Some(at) => SecretExpiry::At(at),
                None => SecretExpiry::Unspecified,
            },
            client_secret,
            auth_method_stated,
            metadata,
            additional: AdditionalMembers(mem::take(&mut self.additional)),
            warnings: mem::take(&mut self.warnings),
            response: None,
        })
    }

    /// The metadata, and whether it states an authentication method.
    fn metadata(&mut self) -> (ClientMetadata, bool) {
        use MetadataField as Field;
        let redirect_uris = self.list(Field::RedirectUris);
        let auth_method = self.field(Field::TokenEndpointAuthMethod);
        let is_stated = auth_method.is_some();
        let metadata = ClientMetadata {
            redirect_uris,
            token_endpoint_auth_method: auth_method
                .map_or_else(|| ClientMetadata::default().token_endpoint_auth_method, Into::into),
            grant_types: self.list(Field::GrantTypes).into_iter().map(Into::into).collect(),
            response_types: self.list(Field::ResponseTypes).into_iter().map(Into::into).collect(),
            client_name: self.field(Field::ClientName),
            client_uri: self.field(Field::ClientUri),
            logo_uri: self.field(Field::LogoUri),
            scope: self.scope(),
            contacts: self.list(Field::Contacts),
            tos_uri: self.field(Field::TosUri),
            policy_uri: self.field(Field::PolicyUri),
            software_id: self.field(Field::SoftwareId),
            software_version: self.field(Field::SoftwareVersion),
            additional: Map::new(),
        };
        (metadata, is_stated)
    }

    fn take(&mut self, index: usize) -> Member {
        self.known.get_mut(index).map(mem::take).unwrap_or_default()
    }

    fn field(&mut self, field: MetadataField) -> Option<String> {
        self.text(field.as_str(), metadata_index(field))
    }

    /// A string that is not empty.
    fn text(&mut self, name: &str, index: usize) -> Option<String> {
        match self.take(index) {
            Member::Text(text) => Some(text).filter(|text| !text.is_empty()),
            Member::Absent => None,
            other => self.odd(name, "a string", other.into()),
        }
    }

    /// A time in seconds: an integer, a number with a fraction, or a string of either.
    fn time(&mut self, name: &str, index: usize) -> Option<DateTime<Utc>> {
        let member = self.take(index);
        let seconds = match &member {
            Member::Absent => return None,
            Member::Text(text) if text.trim().is_empty() => return None,
            Member::Integer(seconds) => Some(*seconds),
            Member::Text(text) => {
                let text = text.trim();
                text.parse().ok().or_else(|| whole(text.parse().ok()?))
            }
            Member::Other(value) => value.as_f64().and_then(whole),
            Member::Strings(_) => None,
        };
        let Some(seconds) = seconds else {
            return self.odd(name, "a number of seconds", member.into());
        };
        let time = DateTime::from_timestamp(seconds, 0);
        if time.is_none() {
            self.warnings.push(FieldWarning::new(name, "a time that no calendar holds"));
            self.additional.insert(name.to_owned(), member.into());
        }
        time
    }

    /// The entries of a list that are strings and not empty.
    fn list(&mut self, field: MetadataField) -> Vec<String> {
        let name = field.as_str();
        match self.take(metadata_index(field)) {
            Member::Strings(mut strings) => {
                strings.retain(|entry| !entry.is_empty());
                strings
            }
            Member::Absent => Vec::new(),
            Member::Text(text) if text.is_empty() => Vec::new(),
            Member::Other(Value::Array(entries)) => self.strings(name, entries),
            other => self.odd(name, "a list", other.into()).unwrap_or_default(),
        }
    }

    /// A scope as a string, or as a list of its parts.
    fn scope(&mut self) -> Option<String> {
        let index = metadata_index(MetadataField::Scope);
        if let Some(Member::Strings(_) | Member::Other(Value::Array(_))) = self.known.get(index) {
            let scope = self.list(MetadataField::Scope).join(" ");
            return Some(scope).filter(|scope| !scope.is_empty());
        }
        self.field(MetadataField::Scope)
    }

    /// The strings of a list that has other entries. `null` entries are dropped without a warning.
    fn strings(&mut self, name: &str, entries: Vec<Value>) -> Vec<String> {
        let is_odd = |entry: &Value| !entry.is_string() && !entry.is_null();
        for (i, entry) in entries.iter().enumerate().filter(|(_, entry)| is_odd(entry)) {
            let message = format!("expected a string, found {}", kind(entry));
            self.warnings.push(FieldWarning::new(format!("{name}[{i}]"), message));
        }
        if entries.iter().any(is_odd) {
            self.additional.insert(name.to_owned(), Value::Array(entries.clone()));
        }
        let strings = entries.into_iter().filter_map(|entry| match entry {
            Value::String(text) if !text.is_empty() => Some(text),
            _ => None,
        });
        strings.collect()
    }

    fn odd<T>(&mut self, name: &str, expected: &str, value: Value) -> Option<T> {
        let message = format!("expected {expected}, found {}", kind(&value));
        self.warnings.push(FieldWarning::new(name, message));
        self.additional.insert(name.to_owned(), value);
        None
    }

    /// Drops members that could not be read back from a store, where they are nested deeper.
    fn drop_deep_members(&mut self) {
        self.additional.retain(|name, value| {
            let is_kept = is_shallow(value, MAX_DEPTH);
            if !is_kept {
                self.warnings.push(FieldWarning::new(name, "nested too deeply to be kept"));
            }
            is_kept
        });
    }
}

/// The whole seconds of a number. A fraction of the first second is not 0, which would mean never.
#[allow(clippy::cast_possible_truncation, reason = "the cast saturates, and is then out of range")]
fn whole(seconds: f64) -> Option<i64> {
    let whole = if seconds.abs() < 1.0 { seconds.abs().ceil() } else { seconds };
    seconds.is_finite().then_some(whole as i64)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string that is not one",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The JSON library reads 128 levels. In a store, a member is some levels deeper than in a response.
const MAX_DEPTH: usize = 64;

fn is_shallow(value: &Value, depth: usize) -> bool {
    let next = depth.checked_sub(1);
    let is_shallow = |value| next.is_some_and(|depth| is_shallow(value, depth));
    match value {
        Value::Array(values) => values.iter().all(is_shallow),
        Value::Object(members) => members.values().all(is_shallow),
        _ => true,
    }
}
