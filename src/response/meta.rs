//! What is known of a response besides its body.

use std::time::Duration;

use reqwest::{
    StatusCode,
    header::{HeaderMap, HeaderName},
};

use crate::redact::Redactor;

/// Status and request id of a response, and the number of requests that led to it.
#[derive(Clone, Debug)]
pub struct ResponseMeta {
    status: StatusCode,
    request_id: Option<String>,
    retry_after: Option<Duration>,
    attempts: u32,
}

impl ResponseMeta {
    pub(crate) fn new(status: StatusCode, headers: &HeaderMap, redactor: &Redactor<'_>) -> Self {
        let request_id = request_id(headers, redactor);
        Self { status, request_id, retry_after: None, attempts: 1 }
    }

    pub(crate) fn with_retry_after(self, retry_after: Option<Duration>) -> Self {
        Self { retry_after, ..self }
    }

    pub(crate) fn with_attempts(self, attempts: u32) -> Self {
        Self { attempts, ..self }
    }

    /// Returns the status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the server's id of the request, to quote to its support, or `None` if it sent none.
    ///
    /// Read from `x-request-id`, `request-id` or `x-correlation-id`.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// Returns how long the server asks to wait before the next request, or `None` if it does not
    /// say.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Returns how many requests the call sent: 1 if nothing was sent again.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }
}

static REQUEST_ID: [HeaderName; 3] = [
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("request-id"),
    HeaderName::from_static("x-correlation-id"),
];

/// The first usable request id. It is shown unmasked although it looks as random as a secret, so
/// only short ids of plain characters are accepted.
fn request_id(headers: &HeaderMap, redactor: &Redactor<'_>) -> Option<String> {
    let is_plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/' | '=' | '+');
    let is_usable = |id: &&str| !id.is_empty() && id.len() <= 128 && id.chars().all(is_plain);
    let mut ids =
        REQUEST_ID.iter().filter_map(|name| Some(headers.get(name)?.to_str().ok()?.trim()));
    ids.find(is_usable).filter(|id| !redactor.contains_secret(id)).map(str::to_owned)
}
