//! The URLs of a client: what may stand there, and the one form it is kept in.

use reqwest::Url;

use crate::loopback::is_loopback;

pub(super) const DEFAULT: &str = "https://api.poggio.io";
pub(super) const REGISTRATION_PATH: &str = "/v1/oauth/register";

/// Takes a base URL, or says in a sentence why it cannot be one; never repeats what may be a
/// password. Returns it in its normal form, without a slash at the end.
pub(super) fn parse(text: &str) -> Result<String, String> {
    let url = Url::parse(text.trim())
        .map_err(|error| format!("not a URL ({error}); write it whole, like {DEFAULT}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user name or password; pass a token with auth_token".into());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has a ? or #; leave out what follows the path".into());
    }
    if !text.contains("://") {
        return Err(format!("has no scheme; write it whole, like {DEFAULT}"));
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
