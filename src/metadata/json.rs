//! Client metadata as JSON, where its derived form does not do.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::ClientMetadata;

impl Serialize for ClientMetadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for ClientMetadata {
    /// Takes an object only: the derived form would take `[]` for metadata with every default.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = ClientMetadata;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with the members of client metadata")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
                ClientMetadata::deserialize(MapAccessDeserializer::new(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// Whether a scope holds nothing to ask for. Servers refuse a scope that is empty or null.
#[allow(clippy::ref_option, reason = "serde calls it with the field's type")]
pub(super) fn is_blank(scope: &Option<String>) -> bool {
    scope.as_deref().is_none_or(|text| text.trim().is_empty())
}

pub(super) fn null_is_empty<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<String>, D::Error> {
    Option::<Vec<String>>::deserialize(deserializer).map(Option::unwrap_or_default)
}
