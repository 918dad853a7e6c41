//! The base URL: what may stand there, and the one form it is kept in.

use std::net::IpAddr;

use reqwest::Url;

use crate::ConfigError;

pub(super) const DEFAULT: &str = "https://api.poggio.io";
pub(super) const REGISTRATION_PATH: &str = "/v1/oauth/register";

/// A base URL in its normal form, without a slash at the end.
pub(super) struct BaseUrl {
    pub(super) text: String,
    pub(super) is_https: bool,
}

pub(super) fn parse(text: &str) -> Result<BaseUrl, ConfigError> {
    let wrong = |problem: String| ConfigError::new("base_url", problem);
    let url = Url::parse(text.trim()).map_err(|error| {
        wrong(format!(
            "not a URL ({error}); write it whole, like {DEFAULT}"
        ))
    })?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            "holds a user name or password; pass a token with auth_token".into(),
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong(
            "has a ? or #; leave out what follows the path".into(),
        ));
    }
    let is_https = match url.scheme() {
        "https" => true,
        "http" if is_loopback(&url) => false,
        "http" => {
            return Err(wrong(format!(
                "http to {}, which is not this machine, would show credentials to the network; \
                 use https",
                url.host_str().unwrap_or("a host")
            )));
        }
        other => {
            return Err(wrong(format!(
                "the scheme {other} is not one this crate speaks; use https"
            )));
        }
    };
    let text = url.as_str().trim_end_matches('/');
    if text.ends_with(REGISTRATION_PATH) {
        return Err(wrong(format!(
            "ends with {REGISTRATION_PATH}; leave that out, it is added"
        )));
    }
    Ok(BaseUrl {
        text: text.to_owned(),
        is_https,
    })
}

/// Whether the URL's host is this machine: 127.0.0.0/8, `::1` or the name `localhost`.
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
