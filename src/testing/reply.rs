//! Responses of the server: scripted ones, and its own.

use std::time::Duration;

use serde_json::{Map, Value, json};
use wiremock::ResponseTemplate;

/// One reply of a [`Server`](super::Server)'s script.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use poggio::{serde_json, testing::Reply};
///
/// let rate_limited = Reply::rate_limited(Duration::from_secs(1));
/// let refused = Reply::json(400, serde_json::json!({"error": "invalid_redirect_uri"}));
/// let slow = Reply::registered().with_delay(Duration::from_secs(5));
/// let changed = Reply::registered().with_member("scope", "read").without_member("contacts");
/// # let _ = (rate_limited, refused, slow, changed);
/// ```
#[derive(Clone, Debug)]
#[must_use = "a reply does nothing until it is in a script"]
pub struct Reply {
    kind: Kind,
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    headers: Vec<(String, String)>,
    delay: Duration,
}

#[derive(Clone, Debug)]
enum Kind {
    /// The server's own reply, with members of a success response set or removed.
    Default(Vec<(String, Option<Value>)>),
    Fixed,
    Disconnect,
}

impl Reply {
    fn new(kind: Kind, status: u16, body: Vec<u8>) -> Self {
        // Fails in the test that sets the status, not in the server.
        assert!(
            (200..=599).contains(&status),
            "the status of a reply must be from 200 to 599, not {status}"
        );
        Self { kind, status, body, headers: Vec::new(), delay: Duration::ZERO }
    }

    /// Responds as without a script: registers the client, or refuses invalid metadata.
    pub fn registered() -> Self {
        Self::new(Kind::Default(Vec::new()), 200, Vec::new())
    }

    /// Responds as the token endpoint does without a script: issues a token, or refuses the request.
    /// Changed members are in the response only; the server keeps its own values.
    pub fn issued() -> Self {
        Self::registered()
    }

    /// Responds with a status and an empty body.
    ///
    /// # Panics
    ///
    /// Panics if the status is not in 200..=599, as do the other functions with a status.
    pub fn status(status: u16) -> Self {
        Self::bytes(status, [])
    }

    /// Responds with JSON.
    pub fn json(status: u16, body: impl Into<Value>) -> Self {
        let body = body.into().to_string();
        Self::bytes(status, body).with_header("content-type", "application/json")
    }

    /// Responds with plain text.
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self::bytes(status, body.into()).with_header("content-type", "text/plain; charset=utf-8")
    }

    /// Responds with an HTML page.
    pub fn html(status: u16, body: impl Into<String>) -> Self {
        Self::bytes(status, body.into()).with_header("content-type", "text/html; charset=utf-8")
    }

    /// Responds with any bytes and no `Content-Type`.
    pub fn bytes(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::new(Kind::Fixed, status, body.into())
    }

    /// Reads the request, then closes the connection without a response.
    pub fn disconnect() -> Self {
        Self::new(Kind::Disconnect, 500, Vec::new())
    }

    /// Sets a member of a successful [`registered`](Self::registered) or [`issued`](Self::issued)
    /// response; has no effect on other replies.
    pub fn with_member(self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.with_change(name.into(), Some(value.into()))
    }

    /// Removes a member, under the same conditions as [`with_member`](Self::with_member).
    pub fn without_member(self, name: impl Into<String>) -> Self {
        self.with_change(name.into(), None)
    }

    fn with_change(mut self, name: String, value: Option<Value>) -> Self {
        if let Kind::Default(changes) = &mut self.kind {
            changes.push((name, value));
        }
        self
    }

    /// Adds a header; `content-type` replaces the reply's own.
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into().to_ascii_lowercase();
        self.headers.retain(|(own, _)| *own != name || name != "content-type");
        self.headers.push((name, value.into()));
        self
    }

    /// Delays the response; has no effect on [`disconnect`](Self::disconnect).
    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Responds 429 with a `Retry-After` in whole seconds. No client is registered.
    pub fn rate_limited(retry_after: Duration) -> Self {
        Self::json(429, json!({"detail": "Too Many Requests"}))
            .with_header("retry-after", retry_after.as_secs().to_string())
    }

    /// Responds 422 as FastAPI does, with one error in a metadata member or in an element of its
    /// array.
    pub fn refused(
        field: impl AsRef<str>,
        entry: Option<usize>,
        kind: &str,
        message: &str,
    ) -> Self {
        let mut location = vec![json!("body"), json!(field.as_ref())];
        location.extend(entry.map(Value::from));
        Self::json(422, json!({"detail": [{"type": kind, "loc": location, "msg": message}]}))
    }

    /// Responds 201 with a body that ends after the credentials. The client exists, and the error
    /// has its credentials; `register_once` saves and returns it.
    pub fn cut_off() -> Self {
        let body = r#"{"client_id": "loopback-cut", "client_secret": "cut-secret", "client_na"#;
        Self::text(201, body)
    }

    /// Responds 201 with the client inside another object. The result is that of
    /// [`cut_off`](Self::cut_off).
    pub fn wrapped() -> Self {
        let client = json!({"client_id": "loopback-wrapped", "client_secret": "wrapped-secret"});
        Self::json(201, json!({"status": "ok", "data": client}))
    }

    /// Registers a client with an unusual but readable response: times as strings, the scope as an
    /// array, a name of the wrong type (a warning), and more or fewer members.
    pub fn lenient_shapes() -> Self {
        Self::registered()
            .with_member("client_id_issued_at", "1767225600")
            .with_member("client_secret_expires_at", "0")
            .with_member("scope", json!(["read", "write"]))
            .with_member("client_name", 7)
            .with_member("registration_client_uri", "https://api.example/clients/1")
            .without_member("redirect_uris")
    }

    /// Registers a client, but always grants `client_secret_basic`, and no refresh tokens.
    pub fn reduced_grants() -> Self {
        Self::registered()
            .with_member("token_endpoint_auth_method", "client_secret_basic")
            .with_member("grant_types", json!(["authorization_code"]))
    }

    pub(super) fn not_found() -> Self {
        Self::json(404, json!({"detail": "Not Found"}))
    }

    pub(super) fn method_not_allowed(allow: &str) -> Self {
        Self::json(405, json!({"detail": "Method Not Allowed"})).with_header("allow", allow)
    }

    pub(super) fn is_disconnect(&self) -> bool {
        matches!(self.kind, Kind::Disconnect)
    }

    /// Returns what is sent; `default` makes the server's own reply.
    pub(super) fn resolve(self, default: impl FnOnce() -> Self) -> Self {
        let Kind::Default(changes) = self.kind else { return self };
        let mut reply = default();
        reply.delay = self.delay;
        if let (200, Ok(mut members)) =
            (reply.status, serde_json::from_slice::<Map<String, Value>>(&reply.body))
        {
            for (name, value) in changes {
                match value {
                    Some(value) => members.insert(name, value),
                    None => members.remove(&name),
                };
            }
            reply.body = Value::Object(members).to_string().into_bytes();
        }
        self.headers.into_iter().fold(reply, |reply, (name, value)| reply.with_header(name, value))
    }

    pub(super) fn into_template(self) -> ResponseTemplate {
        let template = ResponseTemplate::new(self.status).set_body_bytes(self.body);
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        template.append_headers(headers).set_delay(self.delay)
    }
}
