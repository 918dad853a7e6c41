//! What the loopback server was sent.

use std::fmt;

use serde_json::Value;
use wiremock::Request;

use crate::ClientMetadata;

/// A request that the loopback server received, and the status it was answered with.
#[derive(Clone)]
pub struct Received {
    method: String,
    path: String,
    headers: wiremock::http::HeaderMap,
    body: Vec<u8>,
    status: Option<u16>,
}

impl Received {
    pub(super) fn new(request: &Request, status: Option<u16>) -> Self {
        Self {
            method: request.method.to_string(),
            path: request.url.path().to_owned(),
            headers: request.headers.clone(),
            body: request.body.clone(),
            status,
        }
    }

    /// Returns the method, `POST` for a registration.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Returns the path, `/v1/oauth/register` for a registration.
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

    /// Returns the status it was answered with, or `None` where the connection was dropped.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.status
    }
}

impl fmt::Debug for Received {
    /// Leaves out the headers' values, which may hold a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("body", &String::from_utf8_lossy(&self.body))
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
