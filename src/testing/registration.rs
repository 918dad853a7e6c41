//! The registration endpoint, which responds as a FastAPI server does. A test replays the recorded
//! responses of a real one.

use serde_json::{Map, Value, json};
use wiremock::Request;

use super::{reply::Reply, state::State};
use crate::metadata::MetadataField;

/// The documented endpoint, and the one in the discovery document.
pub(super) const PATHS: [&str; 2] = ["/v1/oauth/register", "/v2/oauth/register"];
const GRANT_TYPES: [&str; 3] = ["authorization_code", "refresh_token", "client_credentials"];
const NOT_A_STRING: &str = "Input should be a valid string";
const UNKNOWN_GRANT_TYPE: &str =
    "Input should be 'authorization_code', 'refresh_token' or 'client_credentials'";

pub(super) fn respond(request: &Request, state: &mut State) -> Reply {
    if !PATHS.contains(&request.url.path()) {
        return Reply::not_found();
    }
    if request.method.as_str() != "POST" {
        return Reply::method_not_allowed("POST");
    }
    let Ok(body) = serde_json::from_slice(&request.body) else {
        let message = "Input should be a valid dictionary or object to extract fields from";
        let problem = problem("model_attributes_type", json!(["body"]), message, &Value::Null);
        return Reply::json(422, json!({"detail": [problem]}));
    };
    let problems = MetadataField::ALL.iter().flat_map(|field| problems(*field, &body));
    let problems: Vec<_> = problems.collect();
    if problems.is_empty() {
        return register(&body, state);
    }
    Reply::json(422, json!({"detail": problems}))
}

fn problems(field: MetadataField, body: &Map<String, Value>) -> Vec<Value> {
    let Some(value) = body.get(field.as_str()) else { return Vec::new() };
    let location = json!(["body", field.as_str()]);
    let is_array = default(field).is_array() || field == MetadataField::Contacts;
    match value {
        Value::Null if default(field).is_null() => Vec::new(),
        Value::Array(entries) if is_array => {
            let entries = entries.iter().enumerate();
            entries.filter_map(|(index, entry)| entry_problem(field, index, entry)).collect()
        }
        Value::String(_) if !is_array => Vec::new(),
        _ if is_array => {
            vec![problem("list_type", location, "Input should be a valid list", value)]
        }
        _ => vec![problem("string_type", location, NOT_A_STRING, value)],
    }
}

fn entry_problem(field: MetadataField, index: usize, entry: &Value) -> Option<Value> {
    let location = json!(["body", field.as_str(), index]);
    match entry.as_str() {
        Some(text) if GRANT_TYPES.contains(&text) => None,
        _ if field == MetadataField::GrantTypes => {
            Some(problem("literal_error", location, UNKNOWN_GRANT_TYPE, entry))
        }
        Some(_) => None,
        None => Some(problem("string_type", location, NOT_A_STRING, entry)),
    }
}

#[allow(clippy::needless_pass_by_value, reason = "each call makes its location")]
fn problem(kind: &str, location: Value, message: &str, input: &Value) -> Value {
    json!({"type": kind, "loc": location, "msg": message, "input": input})
}

/// Responds with each member as sent, or with its default.
fn register(body: &Map<String, Value>, state: &mut State) -> Reply {
    let value = |name| body.get(name).cloned();
    let members = MetadataField::ALL.iter().map(|field| {
        let name = field.as_str();
        (name, value(name).unwrap_or_else(|| default(*field)))
    });
    let (client_id, issued_at) = state.new_client_id();
    let members = members.chain([
        ("client_id", client_id.into()),
        ("client_secret", state.new_secret("secret").into()),
        ("client_id_issued_at", issued_at.into()),
        ("client_secret_expires_at", 0.into()),
    ]);
    let members: Map<_, _> = members.map(|(name, value)| (name.to_owned(), value)).collect();
    Reply::json(200, members)
}

/// Returns the value of a member that is not sent. Members without a default may be null.
fn default(field: MetadataField) -> Value {
    match field {
        MetadataField::RedirectUris => json!([]),
        MetadataField::TokenEndpointAuthMethod => json!("client_secret_post"),
        MetadataField::GrantTypes => json!(["authorization_code"]),
        MetadataField::ResponseTypes => json!(["code"]),
        _ => Value::Null,
    }
}
