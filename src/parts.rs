//! The readers of a server's bytes by themselves, for what fuzzes and measures them (`fuzz/`,
//! `benches/`).
#![allow(
    missing_docs,
    clippy::missing_errors_doc,
    clippy::must_use_candidate,
    clippy::result_large_err,
    reason = "no part of the public interface"
)]

use bytes::Bytes;
use reqwest::{
    StatusCode,
    header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
};

use crate::{
    ClientInformation, ClientMetadata, ClientSecret, Error,
    client::refused,
    response::{Response, recovery},
    transport::retry_after,
};

/// Reads a success response and recovers its credentials: what can be read can be recovered.
pub fn success(body: &[u8]) {
    let recovered = recovery::credentials(body);
    if let Ok(client) = serde_json::from_slice::<ClientInformation>(body) {
        let found = recovered.client_secret.as_ref().map(ClientSecret::expose);
        let secret = client.client_secret.as_ref().map(ClientSecret::expose);
        assert!(secret.is_none() || found.is_some(), "what can be read can be recovered");
    }
}

/// Maps a refusal or failure; what is shown of it is short and steers no terminal.
pub fn refusal(status: u16, body: &[u8]) {
    shown(status, HeaderMap::new(), body);
}

pub fn challenge(value: &[u8]) {
    if let Ok(value) = HeaderValue::from_bytes(value) {
        shown(401, HeaderMap::from_iter([(WWW_AUTHENTICATE, value)]), b"");
    }
}

/// Two header values, a line each: `Retry-After` and `Date`.
pub fn retry_after(values: &[u8]) {
    let names: [HeaderName; 2] = [RETRY_AFTER, reqwest::header::DATE];
    let values = values.split(|byte| *byte == b'\n').map(HeaderValue::from_bytes);
    let headers = names.into_iter().zip(values.filter_map(Result::ok));
    let _ = retry_after::read(&headers.collect());
}

/// What a response that is not a success comes to for a client of this metadata.
pub fn error(status: u16, headers: HeaderMap, body: &[u8], metadata: &ClientMetadata) -> Error {
    let response = Response {
        status: StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST),
        headers,
        body: Bytes::copy_from_slice(body),
        truncated: None,
        retry_after: None,
        attempts: 1,
    };
    let decoded = serde_json::from_slice(body).ok().filter(|_| status == 422);
    refused(&response, decoded.as_ref(), metadata, Some("t0ken-canary"))
}

fn shown(status: u16, headers: HeaderMap, body: &[u8]) {
    let metadata = ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback");
    let error = error(status, headers, body, &metadata);
    let display = error.to_string();
    assert!(!display.contains(char::is_control), "{display:?}");
    assert!(!format!("{display}{error:?}").contains("t0ken-canary"), "{display:?}");
    assert!(display.chars().count() < 20_000, "{} characters", display.chars().count());
}
