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
    store,
    transport::retry_after,
};

#[cfg(feature = "oauth2")]
pub use oauth_parts::{discovery, token_response};

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
    let response = response(status, headers, body);
    let decoded = serde_json::from_slice(body).ok().filter(|_| status == 422);
    response_error(&response, decoded.as_ref(), metadata, Some("t0ken-canary"))
}

/// Checks the content of a store, and the calls on it.
pub fn store_document(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Err(error) = store::check_document(text) {
        check_secret_message(&error.to_string(), 1000);
        check_secret_message(&format!("{error:?}"), 1000);
    }
}

fn response(status: u16, headers: HeaderMap, body: &[u8]) -> Response {
    Response {
        status: StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST),
        host: "api.example".into(),
        headers,
        body: Bytes::copy_from_slice(body),
        truncated: None,
        retry_after: None,
        attempts: 1,
    }
}

/// Checks that a message is one short line, and does not have the secret of the corpus in it.
fn check_secret_message(message: &str, max_chars: usize) {
    assert!(!message.contains("t0ken-canary"), "{message:?}");
    check_message(message, max_chars);
}

/// Checks that a message is one short line.
fn check_message(message: &str, max_chars: usize) {
    assert!(!message.contains(char::is_control), "{message:?}");
    assert!(message.chars().count() < max_chars, "{} characters", message.chars().count());
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

#[cfg(feature = "oauth2")]
mod oauth_parts {
    use oauth2::basic::{BasicErrorResponse, BasicTokenResponse};
    use reqwest::{Url, header::HeaderMap};
    use serde_json::{Map, Value};

    use super::{check_message, check_secret_message};
    use crate::oauth;

    /// Checks the endpoints that are accepted from the metadata of a server or a resource.
    pub fn discovery(bytes: &[u8]) {
        let Ok(document) = serde_json::from_slice::<Map<String, Value>>(bytes) else { return };
        let issuers = ["https://as.example", "https://api.poggio.io", "http://127.0.0.1:8910"];
        let texts = ["resource", "issuer"].map(|name| document.get(name).and_then(Value::as_str));
        let resources = texts.into_iter().flatten().chain(["https://mcp.example/mcp"]);
        for resource in resources.filter_map(|text| Url::parse(text).ok()) {
            let (servers, urls) = oauth::discovered(&document, &issuers, &resource);
            for server in servers {
                match server {
                    Ok(server) => check_server(&server),
                    Err(problem) => check_message(&problem, 5000),
                }
            }
            for url in urls {
                match url {
                    Ok(url) => drop(check_endpoint(url.as_str())),
                    Err(problem) => check_message(&problem, 5000),
                }
            }
        }
    }

    fn check_server(server: &oauth::AuthorizationServer) {
        let is_remote = server.issuer.as_deref().is_some_and(|issuer| issuer.starts_with("https:"));
        let optional = [&server.registration_endpoint, &server.revocation_endpoint];
        let urls = optional.into_iter().flatten().chain([&server.token_endpoint]);
        for url in urls.chain(Some(&server.authorization_endpoint).filter(|url| !url.is_empty())) {
            let url = check_endpoint(url);
            assert!(!is_remote || url.scheme() == "https", "{url}");
        }
        let Ok(authorization) = Url::parse(&server.authorization_endpoint) else { return };
        for (name, _) in authorization.query_pairs() {
            let reserved =
                ["client_id", "redirect_uri", "request", "request_uri", "response_type", "state"];
            assert!(!reserved.contains(&name.to_lowercase().as_str()), "{authorization}");
        }
        check_message(&format!("{server:?}"), 20_000);
    }

    fn check_endpoint(text: &str) -> Url {
        let url = Url::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        let host = url.host_str().unwrap_or_default();
        let is_loopback = ["localhost", "[::1]"].contains(&host) || host.starts_with("127.");
        let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_loopback);
        assert!(is_safe && !host.is_empty(), "{url}");
        assert!(url.username().is_empty() && url.password().is_none(), "{url}");
        assert!(url.fragment().is_none(), "{url}");
        url
    }

    /// Checks what the `oauth2` crate gets from this body: a token response, or an error without
    /// the secrets of the request.
    pub fn token_response(bytes: &[u8]) {
        let request = b"grant_type=refresh_token&client_secret=t0ken-canary";
        for status in [200, 400, 401, 503] {
            let response = super::response(status, HeaderMap::new(), bytes);
            match oauth::read_response(&response, request, &HeaderMap::new()) {
                Ok(response) if status == 200 => {
                    let token = serde_json::from_slice::<BasicTokenResponse>(response.body());
                    assert!(token.is_ok(), "{token:?}");
                }
                Ok(response) => {
                    let error = serde_json::from_slice::<BasicErrorResponse>(response.body());
                    assert!(error.is_ok(), "{error:?}");
                    check_secret_message(&String::from_utf8_lossy(response.body()), 20_000);
                }
                Err(error) => {
                    check_secret_message(&error.to_string(), 20_000);
                    check_secret_message(&format!("{error:?}"), 20_000);
                }
            }
        }
    }
}
