//! Parts of the JSON form of client metadata that serde cannot derive.

use serde::{Deserialize, Deserializer, Serializer};
use serde_json::{Map, Value};

use super::field::MetadataField;

/// Returns whether a scope is unset or blank. It is then omitted, because servers reject an empty scope
/// or `null`.
#[allow(clippy::ref_option, reason = "serde calls it with the field's type")]
pub(super) fn is_blank(scope: &Option<String>) -> bool {
    scope.as_deref().is_none_or(|text| text.trim().is_empty())
}

/// Reads an array, and reads `null` as an empty one.
pub(super) fn null_is_empty<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<String>, D::Error> {
    Option::<Vec<String>>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Writes the additional members, except those that would duplicate a field.
pub(super) fn additional<S: Serializer>(
    members: &Map<String, Value>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer
        .collect_map(members.iter().filter(|(name, _)| MetadataField::from_name(name).is_none()))
}
