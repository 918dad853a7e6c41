//! How a FastAPI server of Poggio's shape answers by itself.
//!
//! Held against a real one by a test that replays what that answered. Only the words and the
//! position of a JSON syntax error differ.

use serde_json::{Map, Value, json};
use wiremock::Request;

use super::credentials::Credentials;
use crate::MetadataField;

/// The documented endpoint, and the one that the discovery document names.
pub(super) const PATHS: [&str; 2] = ["/v1/oauth/register", "/v2/oauth/register"];
const GRANT_TYPES: [&str; 3] = ["authorization_code", "refresh_token", "client_credentials"];

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<Value>,
}

impl Answer {
    pub(super) fn new(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Some(body) }
    }

    pub(super) fn not_found() -> Self {
        Self::new(404, json!({"detail": "Not Found"}))
    }

    pub(super) fn method_not_allowed(allow: &str) -> Self {
        let answer = Self::new(405, json!({"detail": "Method Not Allowed"}));
        answer.with_header("allow", allow.into())
    }

    pub(super) fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// With members of a success answer set or left out.
    pub(super) fn changed(mut self, changes: &[(String, Option<Value>)]) -> Self {
        if let (200, Some(Value::Object(members))) = (self.status, &mut self.body) {
            for (name, value) in changes {
                match value {
                    Some(value) => members.insert(name.clone(), value.clone()),
                    None => members.remove(name),
                };
            }
        }
        self
    }
}

pub(super) fn answer(request: &Request, credentials: &mut Credentials) -> Answer {
    let path = request.url.path();
    let without_slash = path.strip_suffix('/').filter(|path| PATHS.contains(path));
    match (without_slash, request.method.as_str()) {
        (Some(path), _) => {
            let host = request.headers.get("host").and_then(|host| host.to_str().ok());
            let location = format!("http://{}{path}", host.unwrap_or_default());
            Answer { status: 307, headers: vec![("location", location)], body: None }
        }
        (None, "POST") if PATHS.contains(&path) => register(request, credentials),
        (None, _) if PATHS.contains(&path) => Answer::method_not_allowed("POST"),
        _ => Answer::not_found(),
    }
}

fn register(request: &Request, credentials: &mut Credentials) -> Answer {
    let body = match body(request) {
        Ok(Value::Object(body)) => body,
        Ok(other) => {
            return refused(&[problem(
                "model_attributes_type",
                &json!(["body"]),
                "Input should be a valid dictionary or object to extract fields from",
                &other,
            )]);
        }
        Err(answer) => return answer,
    };
    let problems = problems(&body);
    if !problems.is_empty() {
        return refused(&problems);
    }
    if body.get("client_name").and_then(Value::as_str) == Some("refuse me") {
        return Answer::new(400, json!({"detail": "client_name is not allowed"}));
    }
    registered(&body, credentials)
}

/// The body as FastAPI takes it: JSON by its media type, else the text itself.
fn body(request: &Request) -> Result<Value, Answer> {
    if request.body.is_empty() {
        let missing = problem("missing", &json!(["body"]), "Field required", &Value::Null);
        return Err(refused(&[missing]));
    }
    let content_type = request.headers.get("content-type").and_then(|value| value.to_str().ok());
    let media_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let subtype = media_type.strip_prefix("application/").unwrap_or_default();
    if subtype != "json" && !subtype.ends_with("+json") {
        return Ok(String::from_utf8_lossy(&request.body).into());
    }
    let Ok(text) = std::str::from_utf8(&request.body) else {
        return Err(Answer::new(400, json!({"detail": "There was an error parsing the body"})));
    };
    serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
        let lines_before = text.lines().take(error.line().saturating_sub(1));
        let position = lines_before.map(|line| line.len() + 1).sum::<usize>() + error.column();
        let invalid = problem(
            "json_invalid",
            &json!(["body", position.saturating_sub(1)]),
            "JSON decode error",
            &json!({}),
        );
        refused(&[with_context(invalid, "error", "Expecting value")])
    })
}

fn problems(body: &Map<String, Value>) -> Vec<Value> {
    let fields = MetadataField::ALL.iter().map(|field| (*field, body.get(field.as_str())));
    fields
        .filter_map(|(field, value)| Some((field, value?)))
        .flat_map(|(field, value)| {
            let nullable = !matches!(
                field,
                MetadataField::RedirectUris
                    | MetadataField::TokenEndpointAuthMethod
                    | MetadataField::GrantTypes
                    | MetadataField::ResponseTypes
            );
            match field {
                _ if nullable && value.is_null() => Vec::new(),
                MetadataField::RedirectUris
                | MetadataField::GrantTypes
                | MetadataField::ResponseTypes
                | MetadataField::Contacts => list_problems(field, value),
                _ if value.is_string() => Vec::new(),
                _ => vec![not_a_string(&json!(["body", field.as_str()]), value)],
            }
        })
        .collect()
}

fn list_problems(field: MetadataField, value: &Value) -> Vec<Value> {
    let Value::Array(entries) = value else {
        let location = json!(["body", field.as_str()]);
        return vec![problem("list_type", &location, "Input should be a valid list", value)];
    };
    entries
        .iter()
        .enumerate()
        .filter_map(|(i, entry)| {
            let location = json!(["body", field.as_str(), i]);
            if field == MetadataField::GrantTypes {
                let known = entry.as_str().is_some_and(|text| GRANT_TYPES.contains(&text));
                return (!known).then(|| not_a_grant_type(&location, entry));
            }
            (!entry.is_string()).then(|| not_a_string(&location, entry))
        })
        .collect()
}

fn not_a_string(location: &Value, value: &Value) -> Value {
    problem("string_type", location, "Input should be a valid string", value)
}

fn not_a_grant_type(location: &Value, value: &Value) -> Value {
    let [first, second, third] = GRANT_TYPES;
    let expected = format!("'{first}', '{second}' or '{third}'");
    let problem = problem("literal_error", location, &format!("Input should be {expected}"), value);
    with_context(problem, "expected", &expected)
}

pub(super) fn problem(kind: &str, location: &Value, message: &str, input: &Value) -> Value {
    json!({"type": kind, "loc": location, "msg": message, "input": input})
}

fn with_context(mut problem: Value, name: &str, text: &str) -> Value {
    if let Value::Object(members) = &mut problem {
        members.insert("ctx".into(), json!({name: text}));
    }
    problem
}

pub(super) fn refused(problems: &[Value]) -> Answer {
    Answer::new(422, json!({"detail": problems}))
}

/// Every member comes back: as sent, else its default, else null.
fn registered(body: &Map<String, Value>, credentials: &mut Credentials) -> Answer {
    let (client_id, issued_at) = credentials.client_id();
    let client_secret = credentials.secret("secret");
    let mut members = Map::new();
    for field in MetadataField::ALL {
        let default = match field {
            MetadataField::RedirectUris => json!([]),
            MetadataField::TokenEndpointAuthMethod => json!("client_secret_post"),
            MetadataField::GrantTypes => json!(["authorization_code"]),
            MetadataField::ResponseTypes => json!(["code"]),
            _ => Value::Null,
        };
        let value = body.get(field.as_str()).cloned().unwrap_or(default);
        members.insert(field.as_str().to_owned(), value);
    }
    members.insert("client_id".into(), client_id.into());
    members.insert("client_secret".into(), client_secret.into());
    members.insert("client_id_issued_at".into(), issued_at.into());
    members.insert("client_secret_expires_at".into(), 0.into());
    Answer::new(200, members.into())
}
