//! What every answer has besides its body.

use std::{fmt, time::Duration};

use reqwest::{
    StatusCode,
    header::{HeaderMap, HeaderName},
};

use crate::{text::Cleaner, transport::Answer};

/// Status and headers of an answer, and how many requests it took.
#[derive(Clone)]
pub(crate) struct ResponseHead {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) request_id: Option<String>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) attempts: u32,
}

impl ResponseHead {
    pub(crate) fn of(answer: &Answer, cleaner: &Cleaner<'_>) -> Self {
        Self {
            status: answer.status,
            headers: answer.headers.clone(),
            request_id: request_id(&answer.headers, cleaner),
            retry_after: answer.retry_after,
            attempts: answer.attempts,
        }
    }
}

static REQUEST_ID: [HeaderName; 3] = [
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("request-id"),
    HeaderName::from_static("x-correlation-id"),
];

/// The server's name for the request. It is shown unmasked, being as random as a secret is: so
/// only plain short ones are taken.
pub(crate) fn request_id(headers: &HeaderMap, cleaner: &Cleaner<'_>) -> Option<String> {
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/' | '=' | '+');
    let usable = |id: &&str| !id.is_empty() && id.len() <= 128 && id.chars().all(plain);
    let mut ids =
        REQUEST_ID.iter().filter_map(|name| Some(headers.get(name)?.to_str().ok()?.trim()));
    ids.find(usable).filter(|id| !cleaner.knows(id)).map(str::to_owned)
}

impl fmt::Debug for ResponseHead {
    /// Names the headers only: a value may be a cookie or a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.keys().map(HeaderName::as_str).collect();
        f.debug_struct("ResponseHead")
            .field("status", &self.status)
            .field("headers", &names)
            .field("request_id", &self.request_id)
            .field("retry_after", &self.retry_after)
            .field("attempts", &self.attempts)
            .finish()
    }
}
