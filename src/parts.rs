//! The functions that read bytes from a server, for the fuzz targets (`fuzz/`) and the benchmarks
//! (`benches/`). Not part of the public API.
#![allow(
    missing_docs,
    clippy::missing_errors_doc,
    clippy::must_use_candidate,
    clippy::result_large_err,
    reason = "not part of the public API"
)]

use bytes::Bytes;
use reqwest::{
    StatusCode,
    header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
};

use crate::{
    ClientInformation, ClientMetadata, Error,
    client::response_error,
    response::{Response, recovery},
    transport::retry_after,
};

/// Checks that a secret that can be decoded from a success response can also be recovered from it.
pub fn success(body: &[u8]) {
    let recovered = recovery::credentials(body).client_secret;
    if let Ok(client) = serde_json::from_slice::<ClientInformation>(body) {
        let decoded = client.client_secret;
        assert!(decoded.is_none() || recovered.is_some(), "the secret was not recovered");
    }
}

/// Checks the error of a response with this status and body.
pub fn refusal(status: u16, body: &[u8]) {
    check_error(status, HeaderMap::new(), body);
}

/// Checks the error of a response with this `WWW-Authenticate` header.
pub fn challenge(value: &[u8]) {
    if let Ok(value) = HeaderValue::from_bytes(value) {
        check_error(401, HeaderMap::from_iter([(WWW_AUTHENTICATE, value)]), b"");
    }
}

/// Reads the values of `Retry-After` and `Date`, separated by a line feed.
pub fn retry_after(values: &[u8]) {
    let names: [HeaderName; 2] = [RETRY_AFTER, reqwest::header::DATE];
    let values = values.split(|byte| *byte == b'\n').map(HeaderValue::from_bytes);
    let headers = names.into_iter().zip(values.filter_map(Result::ok));
    let _ = retry_after::read(&headers.collect());
}

/// Returns the error of a response to a registration of this metadata.
pub fn error(status: u16, headers: HeaderMap, body: &[u8], metadata: &ClientMetadata) -> Error {
    let response = Response {
        status: StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST),
        host: "api.example".into(),
        headers,
        body: Bytes::copy_from_slice(body),
        truncated: None,
        retry_after: None,
        attempts: 1,
    };
    let decoded = serde_json::from_slice(body).ok().filter(|_| status == 422);
    response_error(&response, decoded.as_ref(), metadata, Some("t0ken-canary"))
}

/// Checks that the error is short and has neither control characters nor the token in it.
fn check_error(status: u16, headers: HeaderMap, body: &[u8]) {
    let metadata = ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback");
    let error = error(status, headers, body, &metadata);
    let display = error.to_string();
    assert!(!display.contains(char::is_control), "{display:?}");
    assert!(!format!("{display}{error:?}").contains("t0ken-canary"), "{display:?}");
    assert!(display.chars().count() < 20_000, "{} characters", display.chars().count());
}
