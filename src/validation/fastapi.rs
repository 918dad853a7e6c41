//! Reads FastAPI's list of problems: `{"detail": [{"loc": […], "msg": …, "type": …}]}`.
//!
//! Lenient, because servers and their versions differ: an entry may be a bare string or lack any
//! member. What an entry holds besides (`input`, `ctx`) is not kept, since it is a server's word
//! for what was sent; the value is looked up in what was sent.

use serde_json::Value;

use super::FieldError;
use crate::{
    ClientMetadata, MetadataField,
    text::{self, Cleaner},
};

/// The problems listed in an answer's `detail`, or `None` where there is no such list.
pub(crate) fn read(
    body: &Value,
    sent: &ClientMetadata,
    cleaner: &Cleaner<'_>,
) -> Option<Vec<FieldError>> {
    let entries = body.get("detail")?.as_array().filter(|entries| !entries.is_empty())?;
    let sent = serde_json::to_value(sent).unwrap_or_default();
    Some(entries.iter().map(|entry| field_error(entry, &sent, cleaner)).collect())
}

fn field_error(entry: &Value, sent: &Value, cleaner: &Cleaner<'_>) -> FieldError {
    let member = |name: &str| entry.get(name).and_then(Value::as_str);
    let filled = |text: &String| !text.is_empty();
    let location = entry.get("loc").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let way = in_metadata(location);
    let message = entry.as_str().or_else(|| member("msg")).map(|text| cleaner.clean(text));
    FieldError {
        path: path(way.unwrap_or(location), cleaner),
        field: way.and_then(|way| MetadataField::from_name(way.first()?.as_str()?)),
        kind: member("type")
            .map(|kind| cleaner.clean(kind))
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
fn path(location: &[Value], cleaner: &Cleaner<'_>) -> String {
    let mut path = String::new();
    for step in location {
        match step {
            Value::String(name) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(&cleaner.clean(name));
            }
            other => {
                path.push('[');
                path.push_str(&cleaner.clean(&other.to_string()));
                path.push(']');
            }
        }
    }
    if path.is_empty() { "request".to_owned() } else { text::shown(&path) }
}

fn lookup<'a>(way: &[Value], sent: &'a Value) -> Option<&'a Value> {
    way.iter().try_fold(sent, |value, step| match step {
        Value::String(name) => value.get(name),
        Value::Number(index) => value.get(usize::try_from(index.as_u64()?).ok()?),
        _ => None,
    })
}
