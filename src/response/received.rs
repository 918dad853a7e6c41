//! A response as it arrived, whole or truncated, and not yet interpreted.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{ResponseBuilderExt, StatusCode, Url, header::HeaderMap};

use super::meta::ResponseMeta;
use crate::redact::Redactor;

/// What some servers send before JSON, in UTF-8.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A response whose body was read up to its end, or up to where it was truncated.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Without the byte order mark that some servers send.
    pub(crate) body: Bytes,
    pub(crate) truncated: Option<Truncated>,
    pub(crate) retry_after: Option<Duration>,
    /// Requests of the whole call, this one included.
    pub(crate) attempts: u32,
}

/// Why a body was truncated.
#[derive(Debug)]
pub(crate) enum Truncated {
    /// It is larger than the cap, in bytes. The rest was not read.
    TooLarge(usize),
    /// The deadline passed.
    Timeout,
    /// The connection broke.
    Broken(reqwest::Error),
}

impl Response {
    pub(crate) fn meta(&self, redactor: &Redactor<'_>) -> ResponseMeta {
        ResponseMeta::new(self.status, &self.headers, redactor)
            .with_retry_after(self.retry_after)
            .with_attempts(self.attempts)
    }

    /// Returns the status and the body, which is shared, for the generated client to decode. The URL is
    /// passed on, because reqwest parses a placeholder otherwise.
    pub(crate) fn to_http(&self, url: Url) -> http::Response<Bytes> {
        let response = http::Response::builder().url(url).body(self.body.clone());
        // Not reached: nothing of this builder can be invalid.
        let mut response = response.unwrap_or_default();
        *response.status_mut() = self.status;
        response
    }
}
