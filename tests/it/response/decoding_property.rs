//! The lenient decoding against a model: for random objects, the test works out itself what is expected.

use std::collections::BTreeMap;

use poggio::{ClientInformation, ClientSecret, Error, MetadataField, SecretExpiry};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};

use crate::support::property_runner;

const CREDENTIALS: [&str; 4] =
    ["client_id", "client_secret", "client_id_issued_at", "client_secret_expires_at"];

/// Values of every type. No text is a number, which a time may be (see `decoding`).
fn value() -> impl Strategy<Value = Value> {
    let text = || "x[!-~]{0,6}".prop_map(Value::from);
    let other = || select(vec![json!(null), json!(""), json!(7), json!(true), json!({"a": "b"})]);
    let entry = prop_oneof![3 => text(), 1 => other()];
    prop_oneof![
        3 => text(),
        2 => vec(entry, 0..4).prop_map(Value::from),
        2 => (0..4_000_000_000_i64).prop_map(Value::from),
        2 => other(),
    ]
}

/// Members in any order, with repeated and unknown ones. The first is usually a `client_id`.
fn members() -> impl Strategy<Value = Vec<(String, Value)>> {
    let fields = MetadataField::ALL.iter().map(|field| field.as_str());
    let names = CREDENTIALS.into_iter().chain(fields).chain(["x-a", "x-b", ""]);
    let member = (select(names.map(str::to_owned).collect::<Vec<_>>()), value());
    let id = prop::option::weighted(0.9, Just(("client_id".to_owned(), json!("id"))));
    (id, vec(member, 0..25)).prop_map(|(id, members)| id.into_iter().chain(members).collect())
}

#[derive(Debug, Default, PartialEq)]
struct Decoded {
    /// The members of the contract that have a value.
    values: BTreeMap<String, Value>,
    additional: BTreeMap<String, Value>,
    /// The members, or entries of a list, with a warning.
    warned: Vec<String>,
}

impl Decoded {
    fn expected(members: &[(String, Value)]) -> Self {
        let mut decoded = Self::default();
        // The last of repeated members replaces those before it.
        for (name, value) in members.iter().cloned().collect::<BTreeMap<_, _>>() {
            decoded.add(name, value);
        }
        if !decoded.values.contains_key("client_secret") {
            decoded.values.remove("client_secret_expires_at");
        }
        let method = decoded.values.entry("token_endpoint_auth_method".into());
        method.or_insert("client_secret_post".into());
        decoded.warned.sort();
        decoded
    }

    fn add(&mut self, name: String, value: Value) {
        let is_list = ["redirect_uris", "grant_types", "response_types", "contacts"];
        let is_list = is_list.contains(&name.as_str());
        let is_time = name.ends_with("_at");
        let is_known = CREDENTIALS.contains(&&*name) || MetadataField::from_name(&name).is_some();
        match value {
            value if !is_known => drop(self.additional.insert(name, value)),
            Value::Null => {}
            Value::String(text) if text.is_empty() => {}
            Value::String(_) if !is_list && !is_time => drop(self.values.insert(name, value)),
            Value::Number(_) if is_time => drop(self.values.insert(name, value)),
            Value::Array(entries) if is_list || name == "scope" => self.add_list(name, entries),
            value => {
                self.warned.push(name.clone());
                self.additional.insert(name, value);
            }
        }
    }

    fn add_list(&mut self, name: String, entries: Vec<Value>) {
        let is_absent = |entry: &Value| entry.is_null() || entry == "";
        let is_wrong = |entry: &Value| !is_absent(entry) && !entry.is_string();
        let wrong = entries.iter().enumerate().filter(|(_, entry)| is_wrong(entry));
        self.warned.extend(wrong.map(|(i, _)| format!("{name}[{i}]")));
        let texts: Vec<_> =
            entries.iter().filter_map(Value::as_str).filter(|t| !t.is_empty()).collect();
        if !texts.is_empty() {
            let value = if name == "scope" { json!(texts.join(" ")) } else { json!(texts) };
            self.values.insert(name.clone(), value);
        }
        if entries.iter().any(is_wrong) {
            self.additional.insert(name, entries.into());
        }
    }

    fn actual(client: &ClientInformation) -> Self {
        let Ok(Value::Object(values)) = serde_json::to_value(&client.metadata) else { panic!() };
        let mut values: BTreeMap<_, _> =
            values.into_iter().filter(|(_, value)| *value != json!([])).collect();
        let expires_at = match client.client_secret_expires_at {
            SecretExpiry::Never => Some(0),
            SecretExpiry::At(at) => Some(at.timestamp()),
            SecretExpiry::Unspecified => None,
        };
        let secret = client.client_secret.as_ref().map(|secret| secret.expose().into());
        let issued_at = client.client_id_issued_at.map(|at| at.timestamp().into());
        let credentials = [
            Some(client.client_id.as_str().into()),
            secret,
            issued_at,
            expires_at.map(Value::from),
        ];
        for (name, value) in CREDENTIALS.into_iter().zip(credentials) {
            values.extend(value.map(|value| (name.to_owned(), value)));
        }
        let additional = client.additional.iter();
        let additional = additional.map(|(name, value)| (name.to_owned(), value.clone())).collect();
        let warnings = client.warnings().iter();
        let mut warned: Vec<_> = warnings.map(|warning| warning.path().to_owned()).collect();
        warned.sort();
        Self { values, additional, warned }
    }
}

#[test]
fn from_json_decodes_random_members_as_the_model_does() {
    let result = property_runner(2000).run(&members(), |members| {
        let texts: Vec<_> =
            members.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
        let text = format!("{{{}}}", texts.join(","));
        let expected = Decoded::expected(&members);
        let secret = expected.values.get("client_secret").and_then(Value::as_str);
        match ClientInformation::from_json(&text) {
            Ok(client) => prop_assert_eq!(Decoded::actual(&client), expected, "{}", text),
            Err(Error::Unreadable(error)) => {
                prop_assert!(!expected.values.contains_key("client_id"), "{}", text);
                if secret.is_some() {
                    prop_assert_eq!(error.client_secret().map(ClientSecret::expose), secret);
                }
            }
            Err(error) => prop_assert!(false, "{}", error),
        }
        Ok(())
    });
    result.unwrap();
}
