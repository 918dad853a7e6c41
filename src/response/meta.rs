//! [`ResponseMeta`]: the parts of a response that are not in its body.

use std::{sync::Arc, time::Duration};

use reqwest::{
    StatusCode,
    header::{HeaderMap, HeaderName},
};

use crate::redact::Redactor;

/// The status, the host and the request id of a response, and the number of attempts that led to it.
///
/// # Examples
///
/// ```
/// use poggio::{ClientMetadata, testing::{Reply, Server}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), poggio::Error> {
/// # let server = Server::start().await;
/// # let metadata = ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback");
/// server.script([Reply::registered().with_header("x-request-id", "req-7")]);
///
/// let client = server.client().register(&metadata).await?;
/// let response = client.response().unwrap();
/// assert_eq!((response.request_id(), response.attempts()), (Some("req-7"), 1));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ResponseMeta {
    pub(super) status: StatusCode,
    pub(super) host: Arc<str>,
    pub(super) request_id: Option<String>,
    pub(super) retry_after: Option<Duration>,
    pub(super) attempts: u32,
}

impl ResponseMeta {
    /// Returns these parts for `Debug`. The request id of a success is searched for credentials here,
    /// and not when it is read.
    pub(super) fn shown(&self, redactor: &Redactor) -> Self {
        let request_id = self.request_id.as_deref().map(|id| redactor.redact(id));
        Self { request_id, ..self.clone() }
    }

    /// Returns the HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the host that responded, with its port if the URL has one, such as `api.poggio.io`.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the request id that the server sent, to quote in a support request, or `None` if it sent
    /// none.
    ///
    /// It is read from the header `x-request-id`, `request-id` or `x-correlation-id`.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// Returns how long to wait before the next request, or `None` if the response has no usable
    /// `Retry-After` header.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Returns how many times the call attempted the request: 1 if there was no retry.
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

/// Returns the first usable request id. Errors show it, so only short ids with plain characters are
/// accepted, and only if `is_safe` accepts them.
pub(super) fn request_id(headers: &HeaderMap, is_safe: impl Fn(&str) -> bool) -> Option<String> {
    let is_plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/' | '=' | '+');
    let is_usable = |id: &&str| !id.is_empty() && id.len() <= 128 && id.chars().all(is_plain);
    let mut ids =
        REQUEST_ID.iter().filter_map(|name| Some(headers.get(name)?.to_str().ok()?.trim()));
    ids.find(is_usable).filter(|id| is_safe(id)).map(str::to_owned)
}
