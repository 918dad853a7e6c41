//! URL rules: which hosts are loopback, which URLs this crate sends requests to, and when two
//! redirect URIs are equivalent.
//!
//! Plain `http` is accepted for loopback hosts only, and a loopback redirect URI matches on any port
//! (RFC 8252 sections 7.3 and 8.3). The rules for client metadata are in `metadata`.

use std::{net::IpAddr, num::ParseIntError};

use iri_string::{components::AuthorityComponents, types::UriStr};
use reqwest::Url;

pub(crate) const DEFAULT_BASE_URL: &str = "https://api.poggio.io";
pub(crate) const REGISTRATION_PATH: &str = "/v1/oauth/register";

/// Returns whether the host of a URL is in 127.0.0.0/8, is `[::1]`, or is `localhost`.
pub(crate) fn is_loopback(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Removes the port of a loopback redirect URI, so that two URIs that differ only in it compare
/// equal (RFC 8252 section 7.3). Returns any other URI unchanged.
pub(crate) fn without_port(uri: &str) -> String {
    let Ok(parsed) = UriStr::new(uri) else { return uri.to_owned() };
    let Some(authority) = parsed.authority_components() else { return uri.to_owned() };
    let is_http = parsed.scheme_str().eq_ignore_ascii_case("http");
    if !is_http || !is_loopback(authority.host()) || authority.userinfo().is_some() {
        return uri.to_owned();
    }
    let query = parsed.query_str().map(|query| format!("?{query}")).unwrap_or_default();
    format!("http://{}{}{query}", authority.host().to_ascii_lowercase(), parsed.path_str())
}

/// Returns the port of a URI, or `None` if it has none. Fails if the port is above 65535.
pub(crate) fn port(authority: &AuthorityComponents<'_>) -> Result<Option<u16>, ParseIntError> {
    authority.port().filter(|port| !port.is_empty()).map(str::parse).transpose()
}

/// Returns the origin of a URL, such as `https://api.poggio.io`, or `None` if it is not a URL.
pub(crate) fn origin(url: &str) -> Option<String> {
    Some(Url::parse(url).ok()?.origin().ascii_serialization())
}

/// Returns whether two endpoints are the same, apart from a version of the API in their paths, such
/// as `v1` and `v2beta`.
pub(crate) fn is_same_endpoint(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    let is_version = |segment: &str| {
        let mut chars = segment.chars();
        chars.next() == Some('v') && chars.next().is_some_and(|c| c.is_ascii_digit())
    };
    let same_path = |a: &Url, b: &Url| {
        let (a, b): (Vec<_>, Vec<_>) =
            (a.path().split('/').collect(), b.path().split('/').collect());
        a.len() == b.len()
            && a.iter().zip(&b).all(|(a, b)| a == b || (is_version(a) && is_version(b)))
    };
    match (Url::parse(a), Url::parse(b)) {
        (Ok(a), Ok(b)) => a.origin() == b.origin() && a.query() == b.query() && same_path(&a, &b),
        _ => false,
    }
}

/// Checks a base URL and returns it normalized, without a trailing slash.
///
/// The error says what is wrong with it, and shows at most the scheme and the host, because a URL may
/// contain a password.
pub(crate) fn parse_base_url(text: &str) -> Result<String, String> {
    let url = Url::parse(text.trim())
        .map_err(|error| format!("not a URL ({error}); use the form {DEFAULT_BASE_URL}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "contains a user name or password; remove it, and set a token with auth_token".into()
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has a query or a fragment; remove everything after the path".into());
    }
    if !text.contains("://") {
        return Err(format!("has no scheme; use the form {DEFAULT_BASE_URL}"));
    }
    check_scheme(&url)?;
    let text = url.as_str().trim_end_matches('/');
    if text.ends_with(REGISTRATION_PATH) {
        return Err(format!("ends with {REGISTRATION_PATH}; remove this path, which is added"));
    }
    Ok(text.to_owned())
}

/// Accepts `https`, and `http` to a loopback host.
fn check_scheme(url: &Url) -> Result<(), String> {
    match url.scheme() {
        "https" => Ok(()),
        "http" if url.host_str().is_some_and(is_loopback) => Ok(()),
        "http" => Err(format!(
            "http to {} would expose credentials, because it is not a loopback host; use https",
            url.host_str().unwrap_or("a host")
        )),
        other => Err(format!("the scheme {other} is not supported; use https")),
    }
}

/// Returns the host of a URL and, if it is not the scheme's default, the port.
pub(crate) fn host_and_port(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Parses the URL of an endpoint. The error shows at most the scheme and the host.
pub(crate) fn parse_endpoint(text: &str) -> Result<Url, String> {
    let url = Url::parse(text.trim())
        .map_err(|error| format!("not a URL ({error}); use the form https://host/path"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("contains a user name or password; remove it".into());
    }
    if url.fragment().is_some() {
        return Err("has a fragment; remove the # and everything after it".into());
    }
    check_scheme(&url)?;
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn is_loopback_accepts_only_loopback_hosts() {
        for host in ["localhost", "LocalHost", "127.0.0.1", "127.255.255.254", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in
            ["", "localhost.example", "128.0.0.1", "0.0.0.0", "[::2]", "[::]", "127.0.0.1.example"]
        {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
