//! What a refusal says: the code and the description, in a JSON body, a `WWW-Authenticate` challenge or
//! a page. FastAPI's list of problems is in `validation_body`.

use serde_json::Value;

use super::{
    challenge::Challenge, error_code::ErrorCode, received::Response,
    validation_body::ValidationErrorBody,
};
use crate::{metadata::ClientMetadata, redact::Redactor};

/// The code and the description of a refusal, redacted.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) code: Option<ErrorCode>,
    pub(crate) description: Option<String>,
}

impl Refusal {
    /// Reads a response of any status. A JSON body takes precedence over the challenge, and the
    /// challenge over a page.
    pub(crate) fn read(response: &Response, redactor: &Redactor<'_>) -> Self {
        let body: Option<Value> = serde_json::from_slice(&response.body).ok();
        let challenge = Challenge::read(response, redactor);
        let (code, description) = match &body {
            Some(body) => {
                (code(body, redactor), description(body, redactor).or(challenge.description))
            }
            None => (None, challenge.description.or_else(|| redactor.excerpt(&response.body))),
        };
        Self { code: code.or(challenge.code), description }
    }
}

/// RFC 7591's `error`; some APIs have an object there, with a `code` in it. FastAPI puts either, or
/// the code alone, into `detail`.
fn code(body: &Value, redactor: &Redactor<'_>) -> Option<ErrorCode> {
    let detail = body.get("detail");
    if let Some(known) = detail.and_then(Value::as_str).and_then(ErrorCode::known) {
        return Some(known);
    }
    let error = body.get("error").or_else(|| detail?.get("error"))?;
    let text = error.as_str().or_else(|| error.get("code")?.as_str())?;
    ErrorCode::read(&redactor.redact(text))
}

/// The sentence that a JSON body holds for people, wherever it is; else what there is instead.
///
/// Values of other members are not shown: any of them may be a credential.
fn description(body: &Value, redactor: &Redactor<'_>) -> Option<String> {
    let text = match body {
        // FastAPI's list of problems, at another status than its own.
        _ if body.get("detail").is_some_and(Value::is_array) => problems(body, redactor)?,
        Value::String(text) => text.clone(),
        Value::Object(members) => match sentence(body) {
            Some(text) => text.to_owned(),
            None if members.is_empty() || code(body, redactor).is_some() => return None,
            None => {
                let names: Vec<_> = members.keys().map(String::as_str).collect();
                format!("JSON with the members {}", names.join(", "))
            }
        },
        other => sentence(other)?.to_owned(),
    };
    Some(redactor.redact(&text)).filter(|text| !text.is_empty())
}

fn problems(body: &Value, redactor: &Redactor<'_>) -> Option<String> {
    let errors =
        ValidationErrorBody::from_value(body)?.errors(&ClientMetadata::default(), redactor);
    let lines = errors.iter().map(|error| format!("{}: {}", error.path(), error.message()));
    Some(lines.collect::<Vec<_>>().join("; "))
}

/// The first text under a name that usually holds a sentence, outermost first.
fn sentence(value: &Value) -> Option<&str> {
    const NAMES: [&str; 6] = ["error_description", "detail", "message", "msg", "title", "reason"];
    let text = |name: &str| value.get(name)?.as_str().filter(|text| !text.is_empty());
    // An `error` that is no code is a sentence.
    let error = || text("error").filter(|text| ErrorCode::read(text).is_none());
    let found = NAMES.iter().find_map(|name| text(name)).or_else(error);
    found.or_else(|| match value {
        Value::Object(members) => members.values().find_map(sentence),
        Value::Array(entries) => entries.iter().find_map(sentence),
        _ => None,
    })
}
