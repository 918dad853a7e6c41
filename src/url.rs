//! URLs: which hosts are loopback, which URLs this crate sends to, and when two redirect URIs are
//! the same.
//!
//! Plain `http` is for loopback hosts only, and the port of a loopback redirect URI is free (RFC 8252
//! sections 7.3 and 8.3). The rules for metadata are in `metadata`.

use std::net::IpAddr;

use fluent_uri::Uri;
use reqwest::Url;

pub(crate) const DEFAULT_BASE: &str = "https://api.poggio.io";
pub(crate) const REGISTRATION_PATH: &str = "/v1/oauth/register";

/// Whether the host of a URL is in 127.0.0.0/8, `[::1]`, or the name `localhost`.
pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A redirect URI as it counts: the port of a loopback one is free (RFC 8252 section 7.3).
pub(crate) fn without_port(uri: &str) -> String {
    let Ok(parsed) = Uri::parse(uri) else { return uri.to_owned() };
    let Some(authority) = parsed.authority() else { return uri.to_owned() };
    let is_http = parsed.scheme().as_str().eq_ignore_ascii_case("http");
    if !is_http || !is_loopback(authority.host()) || authority.has_userinfo() {
        return uri.to_owned();
    }
    let query = parsed.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("http://{}{}{query}", authority.host().to_ascii_lowercase(), parsed.path())
}

/// Takes a base URL, or says in a sentence why it cannot be one; never repeats what may be a
/// password. Returns it in its normal form, without a slash at the end.
pub(crate) fn base(text: &str) -> Result<String, String> {
    let url = Url::parse(text.trim())
        .map_err(|error| format!("not a URL ({error}); write it whole, like {DEFAULT_BASE}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user name or password; pass a token with auth_token".into());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has a ? or #; leave out what follows the path".into());
    }
    if !text.contains("://") {
        return Err(format!("has no scheme; write it whole, like {DEFAULT_BASE}"));
    }
    check_scheme(&url)?;
    let text = url.as_str().trim_end_matches('/');
    if text.ends_with(REGISTRATION_PATH) {
        return Err(format!("ends with {REGISTRATION_PATH}; leave that out, it is added"));
    }
    Ok(text.to_owned())
}

/// A URL is https, or http to this machine.
fn check_scheme(url: &Url) -> Result<(), String> {
    match url.scheme() {
        "https" => Ok(()),
        "http" if url.host_str().is_some_and(is_loopback) => Ok(()),
        "http" => Err(format!(
            "http to {}, which is not this machine, would show credentials to the network; use \
             https",
            url.host_str().unwrap_or("a host")
        )),
        other => Err(format!("the scheme {other} is not one this crate speaks; use https")),
    }
}

/// Takes the URL of an endpoint, or says in a sentence why it cannot be one.
pub(crate) fn endpoint(text: &str) -> Result<Url, String> {
    let url = Url::parse(text.trim()).map_err(|error| format!("not a URL ({error})"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user name or password".into());
    }
    if url.fragment().is_some() {
        return Err("has a #; leave out what follows it".into());
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
