//! FastAPI's 422: `{"detail": [{"loc": […], "msg": …, "type": …}]}`.
//!
//! Decoding is lenient, because servers and their versions differ: an entry may be a bare string or lack
//! any member. Other members of an entry (`input`, `ctx`) are not kept, because they are the server's
//! word for what was sent. The value is looked up in what was sent.

use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use crate::{
    metadata::{ClientMetadata, FieldError, MetadataField},
    redact::{Redactor, sanitize},
};

/// The problems that a server lists in `detail`; never empty.
#[derive(Debug)]
pub(crate) struct ValidationErrorBody(Vec<Value>);

impl<'de> Deserialize<'de> for ValidationErrorBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let body = Value::deserialize(deserializer)?;
        Self::from_value(&body).ok_or_else(|| de::Error::custom("no list of problems"))
    }
}

impl ValidationErrorBody {
    /// Takes the list out of a JSON body, or `None` if there is no such list.
    pub(crate) fn from_value(body: &Value) -> Option<Self> {
        let entries = body.get("detail")?.as_array().filter(|entries| !entries.is_empty())?;
        Some(Self(entries.clone()))
    }

    /// Returns the problems with the values that were sent.
    pub(crate) fn errors(&self, sent: &ClientMetadata, redactor: &Redactor<'_>) -> Vec<FieldError> {
        let sent = serde_json::to_value(sent).unwrap_or_default();
        self.0.iter().map(|entry| field_error(entry, &sent, redactor)).collect()
    }
}

fn field_error(entry: &Value, sent: &Value, redactor: &Redactor<'_>) -> FieldError {
    let member = |name: &str| entry.get(name).and_then(Value::as_str);
    let filled = |text: &String| !text.is_empty();
    let location = entry.get("loc").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let way = in_metadata(location);
    let message = entry.as_str().or_else(|| member("msg")).map(|text| redactor.redact(text));
    FieldError {
        path: path(way.unwrap_or(location), redactor),
        field: way.and_then(|way| MetadataField::from_name(way.first()?.as_str()?)),
        kind: member("type")
            .map(|kind| redactor.redact(kind))
            .filter(filled)
            .map_or("unspecified".into(), Into::into),
        message: message
            .filter(filled)
            .map_or("the server did not say what is wrong with it".into(), Into::into),
        value: way.and_then(|way| lookup(way, sent)).cloned(),
    }
}

/// The part of a location that leads through the metadata: what follows `body`, or all of it
/// where a server leaves `body` out before a member's name.
fn in_metadata(location: &[Value]) -> Option<&[Value]> {
    let (first, rest) = location.split_first()?;
    match first.as_str()? {
        "body" if rest.first()?.is_string() => Some(rest),
        name if MetadataField::from_name(name).is_some() => Some(location),
        _ => None,
    }
}

/// `["redirect_uris", 0]` as `redirect_uris[0]`.
fn path(location: &[Value], redactor: &Redactor<'_>) -> String {
    let mut path = String::new();
    for step in location {
        match step {
            Value::String(name) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(&redactor.redact(name));
            }
            other => {
                path.push('[');
                path.push_str(&redactor.redact(&other.to_string()));
                path.push(']');
            }
        }
    }
    if path.is_empty() { "request".to_owned() } else { sanitize(&path) }
}

fn lookup<'a>(way: &[Value], sent: &'a Value) -> Option<&'a Value> {
    way.iter().try_fold(sent, |value, step| match step {
        Value::String(name) => value.get(name),
        Value::Number(index) => value.get(usize::try_from(index.as_u64()?).ok()?),
        _ => None,
    })
}
