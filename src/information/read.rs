//! Reads a success answer: by the contract, and member by member where the server strays from it.
//!
//! Both ways lead through the generated type, so that what follows is the same for both.

use chrono::DateTime;
use serde_json::{Map, Value};

use super::{AdditionalMembers, ClientInformation, FieldWarning, SecretExpiry};
use crate::{
    ClientMetadata, ClientSecret, MetadataField,
    error::{Reason, answer::without_bom},
    generated::types,
    secret::ReceivedSecret,
};

/// From the bytes of an answer.
pub(crate) fn answer(body: &[u8]) -> Result<ClientInformation, Reason> {
    match serde_json::from_slice(body) {
        Ok(answer) => typed(answer),
        Err(_) => lenient(body),
    }
}

/// From an answer that kept to the contract.
pub(crate) fn typed(answer: types::ClientInformation) -> Result<ClientInformation, Reason> {
    information(answer, Vec::new())
}

/// From the bytes of any JSON object.
pub(crate) fn lenient(body: &[u8]) -> Result<ClientInformation, Reason> {
    let body = without_bom(body);
    if body.trim_ascii().is_empty() {
        return Err(Reason::Empty);
    }
    let json: Value = serde_json::from_slice(body)
        .map_err(|error| Reason::NotJson { line: error.line(), column: error.column() })?;
    match json {
        Value::Object(members) => self::members(members),
        _ => Err(Reason::NotAnObject),
    }
}

/// From the members of a JSON object.
pub(crate) fn members(members: Map<String, Value>) -> Result<ClientInformation, Reason> {
    let mut members = Members { members, warnings: Vec::new() };
    let answer = members.read();
    information(answer, members.warnings)
}

/// An object's members; what is read is taken out, what cannot be read stays.
struct Members {
    members: Map<String, Value>,
    warnings: Vec<FieldWarning>,
}

impl Members {
    fn read(&mut self) -> types::ClientInformation {
        types::ClientInformation {
            client_id: self.text("client_id").unwrap_or_default(),
            client_secret: self
                .text("client_secret")
                .map(|secret| ReceivedSecret(ClientSecret::from(secret))),
            client_id_issued_at: self.time("client_id_issued_at"),
            client_secret_expires_at: self.time("client_secret_expires_at"),
            redirect_uris: self.list("redirect_uris"),
            token_endpoint_auth_method: self.text("token_endpoint_auth_method"),
            grant_types: self.list("grant_types"),
            response_types: self.list("response_types"),
            client_name: self.text("client_name"),
            client_uri: self.text("client_uri"),
            logo_uri: self.text("logo_uri"),
            scope: self.scope(),
            contacts: Some(self.list("contacts")),
            tos_uri: self.text("tos_uri"),
            policy_uri: self.text("policy_uri"),
            software_id: self.text("software_id"),
            software_version: self.text("software_version"),
            extra: std::mem::take(&mut self.members),
        }
    }

    fn text(&mut self, name: &str) -> Option<String> {
        match self.members.remove(name)? {
            Value::String(text) => Some(text),
            Value::Null => None,
            other => self.odd(name, "a string", other),
        }
    }

    /// Seconds: an integer, a number with a fraction, or a string of either.
    fn time(&mut self, name: &str) -> Option<i64> {
        let value = self.members.remove(name)?;
        let seconds = match &value {
            Value::Null => return None,
            Value::String(text) if text.trim().is_empty() => return None,
            Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
            Value::String(text) => {
                let text = text.trim();
                text.parse().ok().or_else(|| whole(text.parse().ok()?))
            }
            _ => None,
        };
        let Some(seconds) = seconds else {
            return self.odd(name, "a number of seconds", value);
        };
        if DateTime::from_timestamp(seconds, 0).is_none() {
            self.warnings.push(FieldWarning::new(name, NO_CALENDAR));
            self.members.insert(name.to_owned(), value);
            return None;
        }
        Some(seconds)
    }

    fn list(&mut self, name: &str) -> Vec<String> {
        match self.members.remove(name) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::String(text)) if text.is_empty() => Vec::new(),
            Some(Value::Array(values)) => self.strings(name, values),
            Some(other) => self.odd(name, "a list", other).unwrap_or_default(),
        }
    }

    /// A string, or a list of its parts.
    fn scope(&mut self) -> Option<String> {
        let name = MetadataField::Scope.as_str();
        match self.members.remove(name)? {
            Value::Array(values) => Some(self.strings(name, values).join(" ")),
            other => {
                self.members.insert(name.to_owned(), other);
                self.text(name)
            }
        }
    }

    fn strings(&mut self, name: &str, values: Vec<Value>) -> Vec<String> {
        let mut strings = Vec::with_capacity(values.len());
        let mut odd = Vec::new();
        for (i, value) in values.iter().enumerate() {
            match value {
                Value::String(text) => strings.push(text.clone()),
                Value::Null => {}
                other => odd.push((format!("{name}[{i}]"), found(other))),
            }
        }
        if !odd.is_empty() {
            self.members.insert(name.to_owned(), Value::Array(values));
        }
        self.warnings.extend(odd.into_iter().map(|(path, found)| {
            FieldWarning::new(path, format!("expected a string, found {found}"))
        }));
        strings
    }

    fn odd<T>(&mut self, name: &str, expected: &str, value: Value) -> Option<T> {
        let message = format!("expected {expected}, found {}", found(&value));
        self.warnings.push(FieldWarning::new(name, message));
        self.members.insert(name.to_owned(), value);
        None
    }
}

const NO_CALENDAR: &str = "a time that no calendar holds";

/// The whole seconds of a number; what no time holds becomes the largest, which is then reported.
/// A fraction of the first second is not 0, which would mean never.
#[allow(clippy::cast_possible_truncation, reason = "the cast saturates, which is what is wanted")]
fn whole(seconds: f64) -> Option<i64> {
    let whole = if seconds.abs() < 1.0 { seconds.abs().ceil() } else { seconds };
    seconds.is_finite().then_some(whole as i64)
}

fn found(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string that is not one",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// What both ways have in common: `""` is absent, times are within the calendar.
fn information(
    answer: types::ClientInformation,
    warnings: Vec<FieldWarning>,
) -> Result<ClientInformation, Reason> {
    if answer.client_id.is_empty() {
        return Err(Reason::NoClientId);
    }
    let mut times = Times { additional: answer.extra, warnings };
    let issued = times.at("client_id_issued_at", answer.client_id_issued_at);
    let expires = times.at("client_secret_expires_at", answer.client_secret_expires_at);
    let secret = answer.client_secret.map(|secret| secret.0);
    let secret = secret.filter(|secret| !secret.expose().is_empty());
    let auth_method = some(answer.token_endpoint_auth_method);
    let Times { mut additional, mut warnings } = times;
    additional.retain(|name, value| {
        let is_kept = is_shallow(value, MAX_DEPTH);
        if !is_kept {
            warnings.push(FieldWarning::new(name, "nested too deeply to be kept"));
        }
        is_kept
    });
    Ok(ClientInformation {
        client_id: answer.client_id,
        client_id_issued_at: issued,
        client_secret_expires_at: match expires {
            Some(at) if secret.is_some() && at.timestamp() == 0 => SecretExpiry::Never,
            Some(at) if secret.is_some() => SecretExpiry::At(at),
            _ => SecretExpiry::Unspecified,
        },
        client_secret: secret,
        auth_method_stated: auth_method.is_some(),
        metadata: ClientMetadata {
            redirect_uris: filled(answer.redirect_uris),
            token_endpoint_auth_method: auth_method
                .map_or_else(|| ClientMetadata::default().token_endpoint_auth_method, Into::into),
            grant_types: filled(answer.grant_types).into_iter().map(Into::into).collect(),
            response_types: filled(answer.response_types).into_iter().map(Into::into).collect(),
            client_name: some(answer.client_name),
            client_uri: some(answer.client_uri),
            logo_uri: some(answer.logo_uri),
            scope: some(answer.scope),
            contacts: filled(answer.contacts.unwrap_or_default()),
            tos_uri: some(answer.tos_uri),
            policy_uri: some(answer.policy_uri),
            software_id: some(answer.software_id),
            software_version: some(answer.software_version),
        },
        additional: AdditionalMembers(additional),
        warnings,
        status: None,
        request_id: None,
        attempts: 0,
    })
}

/// Where a client is kept, its members lie deeper than in the answer, and are still to be read.
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

/// Turns seconds into times; what no calendar holds is kept raw, with a warning.
struct Times {
    additional: Map<String, Value>,
    warnings: Vec<FieldWarning>,
}

impl Times {
    fn at(&mut self, name: &str, seconds: Option<i64>) -> Option<DateTime<chrono::Utc>> {
        let seconds = seconds?;
        let time = DateTime::from_timestamp(seconds, 0);
        if time.is_none() {
            self.warnings.push(FieldWarning::new(name, NO_CALENDAR));
            self.additional.entry(name).or_insert_with(|| seconds.into());
        }
        time
    }
}

fn some(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn filled(mut list: Vec<String>) -> Vec<String> {
    list.retain(|entry| !entry.is_empty());
    list
}

#[cfg(test)]
mod tests {
    use proptest::{
        prelude::*,
        test_runner::{Config, TestRunner},
    };

    use super::*;

    /// Values of the contract's types and of others, for members of the contract and others.
    fn answer() -> impl Strategy<Value = Map<String, Value>> {
        let members = ["client_id", "client_secret", "client_id_issued_at"];
        let members = members.into_iter().chain(["client_secret_expires_at", "x_own"]);
        let names: Vec<_> =
            members.chain(MetadataField::ALL.iter().map(|field| field.as_str())).collect();
        let value = prop_oneof![
            4 => "[a-z ]{0,8}".prop_map(Value::from),
            2 => prop::collection::vec("[a-z]{0,4}", 0..3).prop_map(Value::from),
            2 => prop_oneof![Just(0_i64), 0..3_000_000_000_i64, any::<i64>()].prop_map(Value::from),
            1 => Just(Value::Null),
        ];
        let member = (prop::sample::select(names), value);
        prop::collection::vec(member, 0..12).prop_map(|members| {
            let mut answer = Map::from_iter([("client_id".to_owned(), Value::from("id"))]);
            answer.extend(members.into_iter().map(|(name, value)| (name.to_owned(), value)));
            answer
        })
    }

    #[test]
    fn both_ways_give_the_same_wherever_both_succeed() {
        let both = std::cell::Cell::new(0);
        let config = Config { failure_persistence: None, ..Config::with_cases(20_000) };
        let compared = TestRunner::new(config).run(&answer(), |answer| {
            let text = Value::from(answer).to_string();
            let Ok(wire) = serde_json::from_str(&text) else { return Ok(()) };
            let (typed, lenient) = (typed(wire), lenient(text.as_bytes()));
            match (typed, lenient) {
                (Ok(typed), Ok(lenient)) => {
                    both.set(both.get() + 1);
                    prop_assert_eq!(typed.expose_json(), lenient.expose_json());
                    prop_assert_eq!(format!("{typed:?}"), format!("{lenient:?}"));
                }
                (Err(typed), Err(lenient)) => {
                    prop_assert_eq!(format!("{typed:?}"), format!("{lenient:?}"));
                }
                (typed, lenient) => prop_assert!(false, "{:?} {:?}", typed, lenient),
            }
            Ok(())
        });
        compared.unwrap();
        assert!(both.get() > 1000, "{} of 20,000 were readable both ways", both.get());
    }
}
