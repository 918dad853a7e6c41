//! [`Unreadable`], a success response that cannot be decoded as a token.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use reqwest::StatusCode;

use crate::{redact::sanitize_message, response::Response};

/// A success response without a readable token, with its body, which may contain tokens.
pub(super) struct Unreadable {
    /// `None` for a response that passed through the `oauth2` crate.
    source: Option<(Arc<str>, StatusCode)>,
    problem: String,
    body: Bytes,
}

impl Unreadable {
    pub(super) const HELP: &'static str =
        "try again, and log in again if the server then rejects the code or token";

    pub(super) fn new(source: Option<(Arc<str>, StatusCode)>, problem: &str, body: Bytes) -> Self {
        Self { source, problem: sanitize_message(problem), body }
    }

    pub(super) fn of(response: &Response, problem: &str) -> Self {
        let source = (Arc::clone(&response.host), response.status);
        Self::new(Some(source), problem, response.body.clone())
    }

    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Some((host, status)) => write!(f, "the response of {host} ({status})")?,
            None => f.write_str("the response of the server")?,
        }
        write!(f, " could not be decoded: {}", self.problem)
    }
}
