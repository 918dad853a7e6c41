//! The lenient decoding of a client from a response or from a store.
//!
//! Only a `client_id` is required, because a response with credentials must not be discarded if another
//! member is invalid. The raw value of an invalid member goes to `additional`, with a warning. If a
//! member is repeated, the last one is used.

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

/// Why text could not be decoded as a client.
#[derive(Debug)]
pub(crate) enum DecodeError {
    Empty,
    NotJson {
        line: usize,
        column: usize,
    },
    NotAnObject,
    NoClientId,
    Truncated(Truncated),
    /// The body has a content coding, although the request accepts none.
    Coded {
        coding: String,
        is_truncated: bool,
    },
}

/// Decodes a client. The text may begin with a byte order mark.
pub(crate) fn client(text: &[u8]) -> Result<ClientInformation, DecodeError> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    serde_json::from_slice(text).map_err(|_| DecodeError::of(text))
}

impl DecodeError {
    /// Returns why this text could not be decoded.
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
    /// Reads RFC 7591 JSON as leniently as [`from_json`](Self::from_json) does.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut client = deserializer.deserialize_map(Object)?;
        client.redact_warnings();
        Ok(client)
    }
}

/// The members of the JSON object, not yet interpreted.
#[derive(Default)]
struct Members {
    /// The documented members by index: the credentials, then the metadata.
    known: [Member; CREDENTIALS.len() + MetadataField::ALL.len()],
    additional: Map<String, Value>,
    warnings: Vec<FieldWarning>,
}

/// The documented members that are not metadata.
const CREDENTIALS: [&str; 4] =
    ["client_id", "client_secret", "client_id_issued_at", "client_secret_expires_at"];

/// The name of a member. A documented one is an index, so that decoding it does not allocate.
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
    /// Returns the client, or `None` if there is no `client_id`.
    fn client(&mut self) -> Option<ClientInformation> {
        let client_id = self.text("client_id", 0)?;
        let client_secret = self.text("client_secret", 1).map(ClientSecret::from);
        let client_id_issued_at = self.time("client_id_issued_at", 2);
        let expires_at = self.time("client_secret_expires_at", 3);
        let expires_at = expires_at.filter(|_| client_secret.is_some());
        let (metadata, auth_method_stated) = self.metadata();
        self.drop_deep_members();
        let additional =
            AdditionalMembers::new(mem::take(&mut self.additional), client_secret.as_ref());
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
            requested_auth_method: None,
            metadata,
            additional,
            warnings: mem::take(&mut self.warnings),
            response: None,
            register_reason: None,
            sent_token: None,
            binding: None,
        })
    }

    /// Returns the metadata, and whether it contains an authentication method.
    fn metadata(&mut self) -> (ClientMetadata, bool) {
        use MetadataField as Field;
        let redirect_uris = self.list(Field::RedirectUris);
        let auth_method = self.field(Field::TokenEndpointAuthMethod);
        let auth_method_stated = auth_method.is_some();
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
        (metadata, auth_method_stated)
    }

    fn take(&mut self, index: usize) -> Member {
        self.known.get_mut(index).map(mem::take).unwrap_or_default()
    }

    fn field(&mut self, field: MetadataField) -> Option<String> {
        self.text(field.as_str(), metadata_index(field))
    }

    fn text(&mut self, name: &str, index: usize) -> Option<String> {
        match self.take(index) {
            Member::Text(text) => Some(text).filter(|text| !text.is_empty()),
            Member::Absent => None,
            other => self.reject(name, "a string", other.into()),
        }
    }

    /// Reads a time in seconds: an integer, a number with a fraction, or a string with either.
    fn time(&mut self, name: &str, index: usize) -> Option<DateTime<Utc>> {
        let member = self.take(index);
        let seconds = match &member {
            Member::Absent => return None,
            Member::Text(text) if text.trim().is_empty() => return None,
            Member::Integer(seconds) => Some(*seconds),
            Member::Text(text) => {
                let text = text.trim();
                text.parse().ok().or_else(|| whole_seconds(text.parse().ok()?))
            }
            Member::Other(value) => value.as_f64().and_then(whole_seconds),
            Member::Strings(_) => None,
        };
        let Some(seconds) = seconds else {
            return self.reject(name, "a number of seconds", member.into());
        };
        let time = DateTime::from_timestamp(seconds, 0);
        if time.is_none() {
            self.warnings.push(FieldWarning::new(name, "timestamp out of range"));
            self.additional.insert(name.to_owned(), member.into());
        }
        time
    }

    /// Reads an array of strings. Skips elements that are empty or not strings.
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
            other => self.reject(name, "an array", other.into()).unwrap_or_default(),
        }
    }

    /// Reads a scope: a string, or an array of tokens.
    fn scope(&mut self) -> Option<String> {
        let index = metadata_index(MetadataField::Scope);
        if let Some(Member::Strings(_) | Member::Other(Value::Array(_))) = self.known.get(index) {
            let scope = self.list(MetadataField::Scope).join(" ");
            return Some(scope).filter(|scope| !scope.is_empty());
        }
        self.field(MetadataField::Scope)
    }

    /// Returns the strings of an array that has other elements. `null` elements are dropped without a
    /// warning.
    fn strings(&mut self, name: &str, entries: Vec<Value>) -> Vec<String> {
        let is_invalid = |entry: &Value| !entry.is_string() && !entry.is_null();
        for (i, entry) in entries.iter().enumerate().filter(|(_, entry)| is_invalid(entry)) {
            let message = format!("expected a string, found {}", json_type(entry));
            self.warnings.push(FieldWarning::new(format!("{name}[{i}]"), message));
        }
        if entries.iter().any(is_invalid) {
            self.additional.insert(name.to_owned(), Value::Array(entries.clone()));
        }
        let strings = entries.into_iter().filter_map(|entry| match entry {
            Value::String(text) if !text.is_empty() => Some(text),
            _ => None,
        });
        strings.collect()
    }

    /// Adds a warning and moves the value to `additional`.
    fn reject<T>(&mut self, name: &str, expected: &str, value: Value) -> Option<T> {
        let message = format!("expected {expected}, found {}", json_type(&value));
        self.warnings.push(FieldWarning::new(name, message));
        self.additional.insert(name.to_owned(), value);
        None
    }

    /// Removes members that are nested so deeply that a store could not read them back.
    fn drop_deep_members(&mut self) {
        self.additional.retain(|name, value| {
            let is_shallow = is_within_depth(value, MAX_DEPTH);
            if !is_shallow {
                self.warnings.push(FieldWarning::new(
                    name,
                    "dropped, because it is nested more than 64 levels deep",
                ));
            }
            is_shallow
        });
    }
}

/// Removes the fraction. A number between -1 and 1 that is not 0 becomes 1, because 0 would mean that
/// the secret never expires.
#[allow(clippy::cast_possible_truncation, reason = "the cast saturates, and is then out of range")]
fn whole_seconds(seconds: f64) -> Option<i64> {
    let whole = if seconds.abs() < 1.0 { seconds.abs().ceil() } else { seconds };
    seconds.is_finite().then_some(whole as i64)
}

fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// `serde_json` reads at most 128 levels. In the document of a store, a member is nested deeper than in
/// a response.
const MAX_DEPTH: usize = 64;

fn is_within_depth(value: &Value, depth: usize) -> bool {
    let next = depth.checked_sub(1);
    let is_within = |value| next.is_some_and(|depth| is_within_depth(value, depth));
    match value {
        Value::Array(values) => values.iter().all(is_within),
        Value::Object(members) => members.values().all(is_within),
        _ => true,
    }
}
