//! Where a client belongs: its registration endpoint and its authorization server. A client is never
//! used at another server, which could otherwise obtain its secret and its codes (RFC 9700 section
//! 4.4).

use std::fmt;

use reqwest::Url;
use serde::{Deserialize, Serialize};

use crate::{redact::sanitize, url};

/// An authorization server: the origin of its token endpoint, and its issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServerId {
    origin: String,
    /// `None` if it is not known, or was not validated (RFC 8414 section 3.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    /// Whether the endpoints come from metadata, and not from the caller.
    #[serde(skip)]
    is_discovered: bool,
}

#[cfg_attr(not(feature = "oauth2"), allow(dead_code, reason = "only `oauth` names servers"))]
impl ServerId {
    pub(crate) fn new(token_endpoint: &Url, issuer: Option<&str>, is_discovered: bool) -> Self {
        let origin = token_endpoint.origin().ascii_serialization();
        Self { origin, issuer: issuer.map(str::to_owned), is_discovered }
    }

    /// Returns what to store of a server, given what was stored before.
    ///
    /// Metadata can name the token endpoint of another server. Its issuer is stored only if it has
    /// the same origin, so that it cannot take over a client of that server.
    pub(crate) fn to_stored(&self, earlier: Option<&Self>) -> Self {
        let is_own = |issuer: &&String| {
            !self.is_discovered || url::origin(issuer).as_ref() == Some(&self.origin)
        };
        let issuer = earlier.and_then(|earlier| earlier.issuer.as_ref());
        let issuer = issuer.or(self.issuer.as_ref().filter(is_own)).cloned();
        Self { origin: self.origin.clone(), issuer, is_discovered: false }
    }

    fn is_same(&self, other: &Self) -> bool {
        let has_other_issuer = match (&self.issuer, &other.issuer) {
            (Some(issuer), Some(other)) => {
                issuer.trim_end_matches('/') != other.trim_end_matches('/')
            }
            _ => false,
        };
        self.origin == other.origin && !has_other_issuer
    }
}

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&sanitize(&self.origin))?;
        match &self.issuer {
            Some(issuer) if *issuer != self.origin => {
                write!(f, " (issuer {:?})", sanitize(issuer))
            }
            _ => Ok(()),
        }
    }
}

/// Where a client belongs.
#[derive(Clone, Debug)]
pub(crate) struct Binding {
    /// The registration endpoint.
    pub(crate) endpoint: String,
    /// `None` if it is not known yet.
    pub(crate) server: Option<ServerId>,
}

impl Binding {
    /// Returns an error that names both servers if the client must not be used at `requested`.
    #[cfg_attr(not(feature = "oauth2"), allow(dead_code, reason = "only `oauth` uses clients"))]
    pub(crate) fn check(&self, requested: &ServerId) -> Result<(), String> {
        check_server(&self.endpoint, self.server.as_ref(), requested)
    }
}

/// Returns an error that names both servers if a client of this registration endpoint and this server
/// must not be used at `requested`.
///
/// If its server is not known yet, the client may be used at the origin of its registration endpoint,
/// and at a server that the caller configured.
pub(crate) fn check_server(
    endpoint: &str,
    server: Option<&ServerId>,
    requested: &ServerId,
) -> Result<(), String> {
    let own = match server {
        Some(server) if server.is_same(requested) => return Ok(()),
        Some(server) => server.to_string(),
        None => {
            let origin = url::origin(endpoint);
            if !requested.is_discovered || origin.as_ref() == Some(&requested.origin) {
                return Ok(());
            }
            origin.unwrap_or_else(|| "a server that is not known".to_owned())
        }
    };
    Err(format!("belongs to {own}, but was requested for {requested}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDPOINT: &str = "https://h.example/register";

    fn server(token_endpoint: &str, issuer: Option<&str>, is_discovered: bool) -> ServerId {
        ServerId::new(&Url::parse(token_endpoint).unwrap(), issuer, is_discovered)
    }

    #[test]
    fn client_of_an_unknown_server_is_used_at_its_own_origin_or_at_a_configured_server() {
        for (token_endpoint, is_discovered, is_accepted) in [
            ("https://h.example/v1/token", true, true),
            ("https://h.example:443/v2/token", true, true),
            ("https://h.example:8443/token", true, false),
            ("http://h.example/token", true, false),
            ("https://e.example/token", true, false),
            ("https://h.example.e.example/token", true, false),
            ("https://e.example/token", false, true),
        ] {
            let requested = server(token_endpoint, None, is_discovered);
            let result = check_server(ENDPOINT, None, &requested);
            assert_eq!(result.is_ok(), is_accepted, "{token_endpoint} {result:?}");
        }
    }

    #[test]
    fn client_of_a_known_server_is_used_only_there() {
        let h = "https://h.example/tenant";
        let own = server("https://h.example/v1/token", Some(h), false).to_stored(None);
        for (token_endpoint, issuer, is_discovered, is_accepted) in [
            ("https://h.example/v2/token", Some(h), true, true),
            ("https://h.example/v1/token", Some("https://h.example/tenant/"), true, true),
            ("https://h.example/v1/token", None, false, true),
            ("https://h.example/v1/token", Some("https://h.example/other"), true, false),
            ("https://h.example/v1/token", Some("https://e.example"), true, false),
            ("https://e.example/v1/token", Some(h), true, false),
            ("https://e.example/v1/token", None, false, false),
        ] {
            let requested = server(token_endpoint, issuer, is_discovered);
            let result = check_server(ENDPOINT, Some(&own), &requested);
            assert_eq!(result.is_ok(), is_accepted, "{requested} {result:?}");
        }
    }

    #[test]
    fn display_names_an_issuer_that_is_not_the_origin() {
        let shown = |issuer| server("https://h.example/v1/token", issuer, false).to_string();
        assert_eq!(shown(None), "https://h.example");
        assert_eq!(shown(Some("https://h.example")), "https://h.example");
        let tenant = r#"https://h.example (issuer "https://h.example/tenant")"#;
        assert_eq!(shown(Some("https://h.example/tenant")), tenant);
    }

    #[test]
    fn stored_issuer_is_one_of_the_origin_or_of_the_caller() {
        let stored = |issuer, is_discovered, earlier: Option<&ServerId>| {
            server("https://h.example/token", Some(issuer), is_discovered).to_stored(earlier).issuer
        };
        let own = || Some("https://h.example/a".to_owned());
        assert_eq!(stored("https://h.example/a", true, None), own());
        assert_eq!(stored("https://e.example", true, None), None);
        assert_eq!(stored("https://e.example", false, None).unwrap(), "https://e.example");
        let earlier = server("https://h.example/token", Some("https://h.example/a"), false);
        assert_eq!(stored("https://h.example/b", true, Some(&earlier)), own());
    }
}
