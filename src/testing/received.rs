//! What the loopback server was sent.

use std::fmt;

use serde_json::Value;
use wiremock::Request;

use super::params;
use crate::ClientMetadata;

/// A request that the loopback server received, and the status it was answered with.
#[derive(Clone)]
pub struct Received {
    method: String,
    path: String,
    headers: wiremock::http::HeaderMap,
    body: Vec<u8>,
    status: Option<u16>,
    /// The fields of a token request, `None` for any other request.
    form: Option<Vec<(String, String)>>,
}

/// The fields of a token request whose values are fit to be shown.
const SHOWN_FIELDS: [&str; 7] =
    ["grant_type", "client_id", "redirect_uri", "scope", "resource", "org_id", "user_id"];
/// Those whose names are. Of a body that is no form, anything can be a name.
const SECRET_FIELDS: [&str; 4] = ["client_secret", "code", "code_verifier", "refresh_token"];

impl Received {
    pub(super) fn new(request: &Request, status: Option<u16>) -> Self {
        Self {
            method: request.method.to_string(),
            path: request.url.path().to_owned(),
            headers: request.headers.clone(),
            body: request.body.clone(),
            status,
            form: None,
        }
    }

    pub(super) fn at_token_endpoint(request: &Request, status: Option<u16>) -> Self {
        Self { form: Some(params::pairs(&request.body)), ..Self::new(request, status) }
    }

    /// Returns the method, `POST` for a registration or token request.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Returns the path, such as `/v1/oauth/register` for a registration.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the header of that name in any case, or `None` where there is none or it is not
    /// text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns all headers in the order they came, those that are text.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
    }

    /// Returns the body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Returns the body as JSON, or `None` where it is none.
    #[must_use]
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// Returns the body as client metadata, or `None` where it is none.
    #[must_use]
    pub fn metadata(&self) -> Option<ClientMetadata> {
        serde_json::from_slice(&self.body).ok()
    }

    /// Returns the fields of a token request, decoded, in the order they came, **secrets in the
    /// clear**; none for any other request.
    pub fn form(&self) -> impl Iterator<Item = (&str, &str)> {
        self.form.iter().flatten().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns the first field of that name of a token request, decoded, or `None` where there is
    /// none.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.form().find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    /// Returns the status it was answered with, or `None` where the connection was dropped.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.status
    }
}

impl fmt::Debug for Received {
    /// Leaves out the headers' values, which may hold a token, and of a token request all values
    /// that are or may be a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Received");
        shown.field("method", &self.method).field("path", &self.path);
        if self.form.is_some() {
            let redacted = |(name, value)| match name {
                _ if SHOWN_FIELDS.contains(&name) => (name, value),
                _ if SECRET_FIELDS.contains(&name) => (name, "[redacted]"),
                _ => ("[other]", "[redacted]"),
            };
            shown.field("form", &self.form().map(redacted).collect::<Vec<_>>());
        } else if serde_json::from_slice::<serde_json::Value>(&self.body).is_ok() {
            shown.field("body", &String::from_utf8_lossy(&self.body));
        } else {
            // A form that went astray, with a code or a secret in it.
            shown.field("body", &format_args!("[{} bytes that are not JSON]", self.body.len()));
        }
        shown.field("status", &self.status).finish_non_exhaustive()
    }
}
