//! A response as it arrived, complete or truncated, before it is decoded.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use reqwest::{
    ResponseBuilderExt, StatusCode, Url,
    header::{CONTENT_ENCODING, HeaderMap},
};

use super::meta::{ResponseMeta, request_id};
use crate::redact::sanitize;

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

impl fmt::Display for Truncated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(limit) => write!(f, "it is larger than max_response_bytes ({limit})"),
            Self::Timeout => f.write_str("the call timed out before the body ended"),
            Self::Broken(_) => f.write_str("the connection broke before the body ended"),
        }
    }
}

impl Response {
    /// Returns the content codings of the body, such as `gzip`, or `None` if there is none. Requests
    /// accept none, so a body with one is not decoded.
    pub(crate) fn content_coding(&self) -> Option<String> {
        let values = self.headers.get_all(CONTENT_ENCODING).iter();
        let texts: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        let codings = texts.iter().flat_map(|text| text.split(',')).map(str::trim);
        let is_coding =
            |coding: &&str| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity");
        let codings: Vec<_> = codings.filter(is_coding).collect();
        Some(sanitize(&codings.join(", "))).filter(|codings| !codings.is_empty())
    }

    /// Returns the parts that are not in the body, with the request id if `is_safe` accepts it.
    pub(crate) fn meta(&self, is_safe: impl Fn(&str) -> bool) -> ResponseMeta {
        ResponseMeta {
            status: self.status,
            host: Arc::clone(&self.host),
            request_id: request_id(&self.headers, is_safe),
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
