//! Requests that the server recorded.

use std::fmt;

use serde_json::Value;
use wiremock::Request;

use crate::{metadata::ClientMetadata, redact::sanitize};

/// A request that the loopback server received, and the status of its response.
#[derive(Clone)]
pub struct Received {
    method: String,
    path: String,
    headers: wiremock::http::HeaderMap,
    body: Vec<u8>,
    /// The fields of a token request, empty for other requests.
    form: Vec<(String, String)>,
    status: Option<u16>,
}

impl Received {
    pub(super) fn new(request: &Request, status: Option<u16>) -> Self {
        let is_token_request = request.url.path().ends_with("/token");
        let form: &[u8] = if is_token_request { &request.body } else { &[] };
        Self {
            method: request.method.to_string(),
            path: request.url.path().to_owned(),
            headers: request.headers.clone(),
            body: request.body.clone(),
            form: form_urlencoded::parse(form).into_owned().collect(),
            status,
        }
    }

    /// Returns the method.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Returns the path, such as `/v1/oauth/register`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the value of a header if it is text. Names are case-insensitive.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns the body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Returns the body as JSON, or `None` if it is not JSON.
    #[must_use]
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// Returns the body as [`ClientMetadata`], or `None` if it is not client metadata.
    #[must_use]
    pub fn metadata(&self) -> Option<ClientMetadata> {
        serde_json::from_slice(&self.body).ok()
    }

    /// Returns a field of a token request, decoded, including secrets. Other requests have none.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.form.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Returns the status of the response, or `None` if the connection was dropped.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.status
    }
}

impl fmt::Debug for Received {
    /// Omits headers and body, which may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, status, .. } = self;
        f.debug_struct("Received")
            .field("path", &sanitize(path))
            .field("status", status)
            .finish_non_exhaustive()
    }
}
