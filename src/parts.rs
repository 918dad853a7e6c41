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
    ClientInformation, ClientMetadata, ClientSecret, Error, UnreadableResponse,
    error::{Reason, answer},
    information::{read, salvage},
    transport::{Answer, retry_after},
};

/// Reads a success answer as a call does; by the contract, where it keeps to that.
pub fn answer(body: &[u8]) -> Result<ClientInformation, Error> {
    read::answer(body).map_err(unreadable)
}

/// Reads a success answer member by member.
pub fn lenient(body: &[u8]) -> Result<ClientInformation, Error> {
    read::lenient(body).map_err(unreadable)
}

fn unreadable(reason: Reason) -> Error {
    let nothing = salvage::credentials(b"");
    Error::Unreadable(UnreadableResponse::new(None, reason, nothing))
}

/// Reads a success answer both ways and salvages it: what both read is the same.
pub fn success(body: &[u8]) {
    let lenient = read::lenient(body);
    let salvaged = salvage::credentials(body);
    if let (Ok(wire), Ok(lenient)) = (serde_json::from_slice(body), &lenient) {
        let typed = read::typed(wire).ok().map(|typed| typed.expose_json());
        assert_eq!(typed, Some(lenient.expose_json()));
    }
    if let Ok(client) = &lenient {
        let found = salvaged.client_secret.as_ref().map(ClientSecret::expose);
        let secret = client.client_secret.as_ref().map(ClientSecret::expose);
        assert!(secret.is_none() || found.is_some(), "what can be read can be salvaged");
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

/// What an answer that is no success comes to for a client of this metadata.
pub fn error(status: u16, headers: HeaderMap, body: &[u8], metadata: &ClientMetadata) -> Error {
    let answer = Answer {
        status: StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST),
        headers,
        body: Bytes::copy_from_slice(body),
        cut: None,
        retry_after: None,
        attempts: 1,
    };
    answer::error(&answer, metadata, Some("t0ken-canary"))
}

fn shown(status: u16, headers: HeaderMap, body: &[u8]) {
    let metadata = ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback");
    let error = error(status, headers, body, &metadata);
    let display = error.to_string();
    assert!(!display.contains(char::is_control), "{display:?}");
    assert!(!format!("{display}{error:?}").contains("t0ken-canary"), "{display:?}");
    assert!(display.chars().count() < 20_000, "{} characters", display.chars().count());
}
