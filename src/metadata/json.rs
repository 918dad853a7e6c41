//! The JSON form of client metadata, where the derived one does not do.

use serde::{Deserialize, Deserializer, Serializer};
use serde_json::{Map, Value};

use super::field::MetadataField;

/// Whether a scope is empty. Servers refuse a scope that is empty or null, so it is left out.
#[allow(clippy::ref_option, reason = "serde calls it with the field's type")]
pub(super) fn is_blank(scope: &Option<String>) -> bool {
    scope.as_deref().is_none_or(|text| text.trim().is_empty())
}

/// Reads a list, and `null` as an empty one.
pub(super) fn null_is_empty<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<String>, D::Error> {
    Option::<Vec<String>>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Writes the additional members, without those that would repeat a field's name.
pub(super) fn additional<S: Serializer>(
    members: &Map<String, Value>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer
        .collect_map(members.iter().filter(|(name, _)| MetadataField::from_name(name).is_none()))
}
