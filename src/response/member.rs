//! One member of a JSON object, decoded directly into its usual form. What the member means is in
//! `decode`.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::Value;

/// The value of a member.
#[derive(Default)]
pub(super) enum Member {
    /// The member is missing or `null`.
    #[default]
    Absent,
    Text(String),
    Integer(i64),
    /// An array of strings only.
    Strings(Vec<String>),
    /// Any other value, including an array with other elements.
    Other(Value),
}

impl From<Member> for Value {
    fn from(member: Member) -> Self {
        match member {
            Member::Absent => Self::Null,
            Member::Text(text) => text.into(),
            Member::Integer(number) => number.into(),
            Member::Strings(strings) => strings.into(),
            Member::Other(value) => value,
        }
    }
}

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Member;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Member, E> {
        Ok(Member::Absent)
    }

    fn visit_str<E>(self, text: &str) -> Result<Member, E> {
        Ok(Member::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Member, E> {
        Ok(Member::Text(text))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Member, E> {
        Ok(Member::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Member, E> {
        let integer = i64::try_from(number).map(Member::Integer);
        Ok(integer.unwrap_or_else(|_| Member::Other(number.into())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Member, E> {
        Ok(Member::Other(number.into()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Member, E> {
        Ok(Member::Other(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Member, A::Error> {
        let mut strings = Vec::new();
        while let Some(entry) = entries.next_element()? {
            if let Value::String(text) = entry {
                strings.push(text);
                continue;
            }
            let mut list: Vec<_> = strings.into_iter().map(Value::String).chain([entry]).collect();
            while let Some(entry) = entries.next_element()? {
                list.push(entry);
            }
            return Ok(Member::Other(Value::Array(list)));
        }
        Ok(Member::Strings(strings))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Member, A::Error> {
        Value::deserialize(MapAccessDeserializer::new(map)).map(Member::Other)
    }
}
