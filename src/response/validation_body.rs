//! The body of FastAPI's 422 response: `{"detail": [{"loc": […], "msg": …, "type": …}]}`.
//!
//! Decoding is lenient, because servers and their versions differ: an entry may be a string, or lack any
//! member. The invalid value is taken from the request, not from the entry's `input`, which a server may
//! change or omit.

use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use crate::{
    metadata::{ClientMetadata, FieldError, MetadataField},
    redact::Redactor,
};

/// The number of validation errors that are read. More than the number of values in a request is of no
/// use.
const MAX_ERRORS: usize = 1000;
/// The number of steps of a location that are shown.
const MAX_STEPS: usize = 32;

/// The entries of `detail`. Never empty.
#[derive(Debug)]
pub(crate) struct ValidationErrorBody(Vec<Value>);

impl<'de> Deserialize<'de> for ValidationErrorBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut body = Value::deserialize(deserializer)?;
        match body.get_mut("detail").map(Value::take) {
            Some(Value::Array(entries)) if !entries.is_empty() => Ok(Self(entries)),
            _ => Err(de::Error::custom("no array of validation errors")),
        }
    }
}

impl ValidationErrorBody {
    /// Returns the first 1000 validation errors, with the values from the request.
    pub(crate) fn errors(&self, sent: &ClientMetadata, redactor: &Redactor) -> Vec<FieldError> {
        let sent = serde_json::to_value(sent).unwrap_or_default();
        self.0.iter().take(MAX_ERRORS).map(|entry| field_error(entry, &sent, redactor)).collect()
    }
}

fn field_error(entry: &Value, sent: &Value, redactor: &Redactor) -> FieldError {
    let member = |name: &str| entry.get(name).and_then(Value::as_str);
    let is_not_empty = |text: &String| !text.trim().is_empty();
    let location = entry.get("loc").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let in_metadata = in_metadata(location);
    let message = entry.as_str().or_else(|| member("msg")).map(|text| redactor.redact(text));
    FieldError {
        path: path(in_metadata.unwrap_or(location), redactor),
        field: in_metadata.and_then(|steps| MetadataField::from_name(steps.first()?.as_str()?)),
        kind: member("type")
            .map(|kind| redactor.redact(kind))
            .filter(is_not_empty)
            .map_or("unspecified".into(), Into::into),
        message: message
            .filter(is_not_empty)
            .map_or("the server gave no reason".into(), Into::into),
        value: in_metadata.and_then(|steps| lookup(steps, sent)).cloned(),
    }
}

/// Returns the part of a location that is a path in the metadata: everything after `body`, or the whole
/// location if it begins with the name of a member. `None` if the location is not in the metadata.
fn in_metadata(location: &[Value]) -> Option<&[Value]> {
    let (first, rest) = location.split_first()?;
    match first.as_str()? {
        "body" if rest.first()?.is_string() => Some(rest),
        name if MetadataField::from_name(name).is_some() => Some(location),
        _ => None,
    }
}

/// Formats `["redirect_uris", 0]` as `redirect_uris[0]`.
fn path(location: &[Value], redactor: &Redactor) -> String {
    let mut path = String::new();
    for step in location.iter().take(MAX_STEPS) {
        match step {
            Value::String(name) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(name);
            }
            other => {
                path.push('[');
                path.push_str(&other.to_string());
                path.push(']');
            }
        }
    }
    let path = redactor.redact(&path);
    if path.trim().is_empty() { "request".to_owned() } else { path }
}

fn lookup<'a>(steps: &[Value], sent: &'a Value) -> Option<&'a Value> {
    steps.iter().try_fold(sent, |value, step| match step {
        Value::String(name) => value.get(name),
        Value::Number(index) => value.get(usize::try_from(index.as_u64()?).ok()?),
        _ => None,
    })
}
