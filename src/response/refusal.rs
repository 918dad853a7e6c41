//! Reads the error code and the description of an error response, from a JSON body, a
//! `WWW-Authenticate` challenge or a page. FastAPI's list of validation errors is in `validation_body`.

use serde::Deserialize;
use serde_json::Value;

use super::{
    challenge::Challenge, error_code::ErrorCode, received::Response,
    validation_body::ValidationErrorBody,
};
use crate::{
    metadata::ClientMetadata,
    redact::{Redactor, sanitize},
};

/// The error code and the description of an error response, redacted.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) code: Option<ErrorCode>,
    pub(crate) description: Option<String>,
}

impl Refusal {
    /// Reads a response of any status. A JSON body takes precedence over the challenge, and the
    /// challenge over an HTML page or plain text.
    pub(crate) fn read(response: &Response, redactor: &Redactor) -> Self {
        let mut body: Option<Value> = serde_json::from_slice(&response.body).ok();
        if response.status.is_success() {
            body = Some(body.map(known_members).unwrap_or_default());
        }
        let challenge = Challenge::read(response, redactor);
        let (code, description) = match &body {
            None if response.content_coding().is_some() => {
                let coding = response.content_coding().unwrap_or_default();
                (
                    None,
                    challenge.description.or(Some(format!("a body with content coding {coding}"))),
                )
            }
            Some(body) => {
                (code(body, redactor), description(body, redactor).or(challenge.description))
            }
            None => (None, challenge.description.or_else(|| redactor.excerpt(&response.body))),
        };
        Self { code: code.or(challenge.code), description }
    }
}

/// Returns whether the body of a 2xx is an error response: JSON with an `error` or a `detail`.
pub(crate) fn is_refusal(body: &[u8]) -> bool {
    let Ok(Value::Object(members)) = serde_json::from_slice(body) else { return false };
    let states_error = |value: &Value| match value {
        Value::Null => false,
        Value::Bool(is_error) => *is_error,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(entries) => !entries.is_empty(),
        Value::Object(members) => !members.is_empty(),
    };
    ["error", "detail"].iter().filter_map(|name| members.get(*name)).any(states_error)
}

/// The names of members that hold a message, in the order of preference.
const MESSAGES: [&str; 7] =
    ["error_description", "detail", "message", "msg", "description", "title", "reason"];

/// Removes all members but those of an error, because the body of a 2xx may describe a client.
fn known_members(mut body: Value) -> Value {
    if let Value::Object(members) = &mut body {
        members.retain(|name, _| {
            ["error", "errors"].contains(&name.as_str()) || MESSAGES.contains(&name.as_str())
        });
    }
    body
}

/// Returns the error code and the message in the body of a 2xx. No other text of it is shown.
pub(crate) fn message_of_success(body: &[u8], redactor: &Redactor) -> Option<String> {
    let body = known_members(serde_json::from_slice(body).ok().filter(Value::is_object)?);
    let has_message = message(&body).is_some() || body.get("detail").is_some_and(Value::is_array);
    let description = has_message.then(|| description(&body, redactor)).flatten();
    match (code(&body, redactor), description) {
        (Some(code), Some(description)) if description != code.as_str() => {
            Some(format!("{code}: {description}"))
        }
        (Some(code), _) => Some(code.to_string()),
        (None, description) => description,
    }
}

/// Reads RFC 7591's `error`. In some APIs it is an object with a `code`. FastAPI nests either of them
/// in `detail`, or `detail` is the code.
fn code(body: &Value, redactor: &Redactor) -> Option<ErrorCode> {
    let detail = body.get("detail");
    if let Some(known) = detail.and_then(Value::as_str).and_then(ErrorCode::known) {
        return Some(known);
    }
    let error = body.get("error").or_else(|| detail?.get("error"))?;
    let text = error.as_str().or_else(|| error.get("code")?.as_str())?;
    ErrorCode::read(text, redactor)
}

/// Returns the message for people in a JSON body, or the names of its members if there is no message
/// and no error code.
///
/// Values of other members are not shown, because any of them may be a credential.
fn description(body: &Value, redactor: &Redactor) -> Option<String> {
    let text = match body {
        // FastAPI's list of validation errors, with a status other than 422.
        _ if body.get("detail").is_some_and(Value::is_array) => {
            return validation_errors(body, redactor);
        }
        Value::String(text) => text.clone(),
        Value::Object(members) => match message(body) {
            Some(text) => text.to_owned(),
            None if members.is_empty() || code(body, redactor).is_some() => return None,
            None => {
                let names: Vec<_> = members.keys().map(String::as_str).collect();
                format!("JSON with the members {}", names.join(", "))
            }
        },
        other => message(other)?.to_owned(),
    };
    Some(redactor.redact(&text)).filter(|text| !text.trim().is_empty())
}

fn validation_errors(body: &Value, redactor: &Redactor) -> Option<String> {
    let body = ValidationErrorBody::deserialize(body).ok()?;
    let errors = body.errors(&ClientMetadata::default(), redactor);
    let lines = errors.iter().map(|error| format!("{}: {}", error.path(), error.message()));
    // Each part has been redacted.
    Some(sanitize(&lines.collect::<Vec<_>>().join("; ")))
}

/// Returns the first text under a name that usually holds a message. Outer members are searched first.
fn message(value: &Value) -> Option<&str> {
    let text = |name: &str| value.get(name)?.as_str().filter(|text| !text.is_empty());
    // An `error` that is not a code is a message.
    let error = || text("error").filter(|text| !ErrorCode::is_code(text));
    let found = MESSAGES.iter().find_map(|name| text(name)).or_else(error);
    found.or_else(|| match value {
        Value::Object(members) => members.values().find_map(message),
        Value::Array(entries) => entries.iter().find_map(message),
        _ => None,
    })
}
