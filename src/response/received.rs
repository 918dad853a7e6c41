//! A response as it arrived, complete or truncated, before it is decoded.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use reqwest::{ResponseBuilderExt, StatusCode, Url, header::HeaderMap};

use super::meta::{ResponseMeta, request_id};
use crate::redact::Redactor;

/// The UTF-8 byte order mark, which some servers send before JSON.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A response whose body was read to its end, or until it was truncated.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    /// The host and port of the endpoint.
    pub(crate) host: Arc<str>,
    pub(crate) headers: HeaderMap,
    /// Without a byte order mark.
    pub(crate) body: Bytes,
    pub(crate) truncated: Option<Truncated>,
    pub(crate) retry_after: Option<Duration>,
    /// The number of attempts in this call, including this one.
    pub(crate) attempts: u32,
}

/// Why a body was truncated.
#[derive(Debug)]
pub(crate) enum Truncated {
    /// The body is larger than this limit in bytes. The rest was not read.
    TooLarge(usize),
    /// The deadline passed.
    Timeout,
    /// The connection broke.
    Broken(reqwest::Error),
}

impl Response {
    pub(crate) fn meta(&self, redactor: &Redactor<'_>) -> ResponseMeta {
        ResponseMeta {
            status: self.status,
            host: Arc::clone(&self.host),
            request_id: request_id(&self.headers, redactor),
            retry_after: self.retry_after,
            attempts: self.attempts,
        }
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
