//! The `WWW-Authenticate` challenge of a response (RFC 9110 section 11.6.1, RFC 6750 section 3).

use http_auth::ChallengeParser;
#[cfg(feature = "oauth2")]
use reqwest::header::HeaderValue;
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

use super::{error_code::ErrorCode, received::Response};
use crate::redact::Redactor;

/// Returns the values of a parameter in all `WWW-Authenticate` headers.
#[cfg(feature = "oauth2")]
pub(crate) fn values(headers: &HeaderMap, name: &str) -> Vec<String> {
    let params = params(headers).into_iter();
    params.filter(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
}

/// Returns headers with this `WWW-Authenticate` header, or none if no header can have the text.
#[cfg(feature = "oauth2")]
pub(crate) fn headers(www_authenticate: &str) -> HeaderMap {
    let value = HeaderValue::from_str(www_authenticate).ok();
    value.into_iter().map(|value| (WWW_AUTHENTICATE, value)).collect()
}

/// Returns the scopes of all `WWW-Authenticate` headers.
#[cfg(feature = "oauth2")]
pub(crate) fn scopes(headers: &HeaderMap) -> Vec<String> {
    let scopes = values(headers, "scope").join(" ");
    scopes.split_ascii_whitespace().map(str::to_owned).collect()
}

/// Returns the names and values of the parameters of all `WWW-Authenticate` headers.
fn params(headers: &HeaderMap) -> Vec<(String, String)> {
    let values = headers.get_all(WWW_AUTHENTICATE).iter();
    // The parser accepts ASCII only. Other bytes are replaced, so that the rest can be read.
    let ascii = |byte: &u8| if byte.is_ascii() { char::from(*byte) } else { '?' };
    let texts: Vec<String> =
        values.map(|value| value.as_bytes().iter().map(ascii).collect()).collect();
    let challenges = texts.iter().flat_map(|text| ChallengeParser::new(text)).flatten();
    let params = challenges.flat_map(|challenge| challenge.params);
    params.map(|(name, value)| (name.to_owned(), value.to_unescaped())).collect()
}

/// Returns whether a challenge has this scheme.
#[cfg(feature = "oauth2")]
pub(crate) fn has_scheme(response: &Response, scheme: &str) -> bool {
    let values = response.headers.get_all(WWW_AUTHENTICATE).iter();
    let mut challenges =
        values.filter_map(|value| value.to_str().ok()).flat_map(ChallengeParser::new).flatten();
    challenges.any(|challenge| challenge.scheme.eq_ignore_ascii_case(scheme))
}

/// The error code and the description from a `WWW-Authenticate` header, redacted.
#[derive(Default)]
pub(super) struct Challenge {
    pub(super) code: Option<ErrorCode>,
    pub(super) description: Option<String>,
}

impl Challenge {
    pub(super) fn read(response: &Response, redactor: &Redactor) -> Self {
        let mut challenge = Self::default();
        for (name, text) in params(&response.headers) {
            if name.eq_ignore_ascii_case("error") && challenge.code.is_none() {
                challenge.code = ErrorCode::read(&text, redactor);
            } else if name.eq_ignore_ascii_case("error_description") && !text.is_empty() {
                challenge.description.get_or_insert(redactor.redact(&text));
            }
        }
        challenge
    }
}
