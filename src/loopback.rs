//! Which hosts are this machine: the one exception to TLS, and to what a redirect URI's port has
//! to be (RFC 8252 sections 7.3 and 8.3).

use std::net::IpAddr;

use fluent_uri::Uri;

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

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn this_machine_has_few_names() {
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
