//! Client metadata with a key, read by serde.

use std::fmt;

use poggio::ClientMetadata;
use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeSeed, Error as _, IntoDeserializer, MapAccess, Visitor,
        value::MapAccessDeserializer,
    },
};

/// Client metadata with one member more.
pub(crate) struct Keyed {
    pub(crate) key: Option<String>,
    pub(crate) metadata: ClientMetadata,
}

impl<'de> Deserialize<'de> for Keyed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(KeyedVisitor)
    }
}

struct KeyedVisitor;

impl<'de> Visitor<'de> for KeyedVisitor {
    type Value = Keyed;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a key and client metadata")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Keyed, A::Error> {
        let mut key = None;
        let rest = WithoutKey { members, key: &mut key };
        let metadata = ClientMetadata::deserialize(MapAccessDeserializer::new(rest))?;
        Ok(Keyed { key, metadata })
    }
}

/// The members without `key`, which `ClientMetadata` would refuse as unknown.
struct WithoutKey<'a, A> {
    members: A,
    key: &'a mut Option<String>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for WithoutKey<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        while let Some(name) = self.members.next_key::<String>()? {
            if name != "key" {
                return seed.deserialize(name.into_deserializer()).map(Some);
            }
            if self.key.replace(self.members.next_value()?).is_some() {
                return Err(A::Error::duplicate_field("key"));
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.members.next_value_seed(seed)
    }
}
