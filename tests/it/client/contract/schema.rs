//! The schemas of `openapi.json`: their properties, a sample value, and whether a value conforms.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

pub(super) fn contract() -> Value {
    serde_json::from_str(include_str!("../../../../openapi.json")).unwrap()
}

/// Returns the properties of a schema with their own schemas.
pub(super) fn properties(schema: &str) -> Map<String, Value> {
    let contract = contract();
    let properties = &contract["components"]["schemas"][schema]["properties"];
    let properties = properties.as_object().unwrap().clone();
    properties.into_iter().map(|(name, schema)| (name, resolve(schema))).collect()
}

fn resolve(schema: Value) -> Value {
    match schema["$ref"].as_str() {
        Some(path) => contract().pointer(path.trim_start_matches('#')).unwrap().clone(),
        None => schema,
    }
}

/// Returns a value of this schema that is neither null nor empty.
pub(super) fn sample(schema: &Value) -> Value {
    let schema = resolve(schema.clone());
    match schema["type"].as_str() {
        Some("string") => json!("sample"),
        Some("integer") => json!(1_767_225_600),
        Some("array") => json!([sample(&schema["items"])]),
        Some("object") => json!({"sample": 1}),
        _ => schema["anyOf"].get(0).map_or_else(|| json!("sample"), sample),
    }
}

/// Returns an object with a sample of each property of a schema.
pub(super) fn sample_object(schema: &str) -> Value {
    properties(schema).iter().map(|(name, schema)| (name.clone(), sample(schema))).collect()
}

/// Whether a value is of the schema's type.
pub(super) fn conforms(value: &Value, schema: &Value) -> bool {
    let schema = resolve(schema.clone());
    let conforms_to_type = match schema["type"].as_str() {
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64(),
        Some("array") => {
            value.as_array().is_some_and(|list| list.iter().all(|v| conforms(v, &schema["items"])))
        }
        Some("object") => value.is_object(),
        _ => true,
    };
    conforms_to_type || (value.is_null() && schema["nullable"] == true)
}

/// Fails with the names that only one side has.
pub(super) fn assert_same_members<A: AsRef<str>, B: AsRef<str>>(
    (one, members): (&str, impl IntoIterator<Item = A>),
    (other, others): (&str, impl IntoIterator<Item = B>),
) {
    let members: BTreeSet<_> = members.into_iter().map(|name| name.as_ref().to_owned()).collect();
    let others: BTreeSet<_> = others.into_iter().map(|name| name.as_ref().to_owned()).collect();
    let missing: Vec<_> = members.difference(&others).collect();
    assert!(missing.is_empty(), "{one} has {missing:?}, {other} does not");
    let missing: Vec<_> = others.difference(&members).collect();
    assert!(missing.is_empty(), "{other} has {missing:?}, {one} does not");
}
