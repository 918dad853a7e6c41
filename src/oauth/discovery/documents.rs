//! Checks the metadata of a server (RFC 8414 section 2) and of a resource (RFC 9728 section 2).
//!
//! A member of another type counts as missing, and so does an empty one, unless it is required.

use reqwest::Url;
use serde_json::{Map, Value};

use super::places;
use crate::{
    metadata::AuthMethod,
    oauth::{
        error::{OAuthError, OAuthErrorKind},
        server::{AuthorizationServer, Source, authorization_endpoint, endpoint},
    },
    redact::sanitize,
    url::DEFAULT_BASE_URL,
};

/// The members of a document.
pub(super) type Document = Map<String, Value>;

/// An issuer identifier. Its text is compared, and its URL leads to the metadata.
pub(super) struct Issuer {
    text: String,
    pub(super) url: Url,
}

impl Issuer {
    pub(super) fn parse(name: &str, text: &str) -> Result<Self, OAuthError> {
        let text = text.trim();
        let url = endpoint(name, text)?;
        if url.query().is_some() {
            let problem = format!(
                "{name}: has a query (RFC 8414 section 2); remove the ? and everything after it"
            );
            return Err(OAuthError::new(OAuthErrorKind::Endpoint, problem));
        }
        Ok(Self { text: text.to_owned(), url })
    }

    /// Whether this is the server whose metadata names an issuer at another host.
    fn is_poggio(&self) -> bool {
        self.url.as_str().strip_suffix('/') == Some(DEFAULT_BASE_URL)
    }

    /// Whether the issuer in the metadata is this one. They are compared as strings (RFC 8414
    /// section 3.3), but a URL without a path may end with a slash.
    fn is(&self, stated: &str) -> bool {
        let is_root = self.url.path() == "/";
        let trim = |text| str::strip_suffix(text, "/").filter(|_| is_root).unwrap_or(text);
        trim(&self.text) == trim(stated)
    }
}

/// Returns the endpoints in the metadata of this issuer, or what is wrong with it.
pub(super) fn server(issuer: &Issuer, document: &Document) -> Result<AuthorizationServer, String> {
    read_server(issuer, document, |stated| issuer.is_poggio() && is_https_issuer(stated))
}

/// Returns the endpoints in the metadata of the host of a resource without metadata. Its issuer may
/// have a path: the MCP specification of 2025-03-26 does not compare it.
pub(super) fn server_of_host(
    host: &Issuer,
    document: &Document,
) -> Result<AuthorizationServer, String> {
    let is_own = |url: Url| url.origin() == host.url.origin() && url.query().is_none();
    read_server(host, document, |stated| endpoint("issuer", stated).is_ok_and(is_own))
}

/// Accepts another issuer if `is_accepted`. It then does not identify the server.
fn read_server(
    issuer: &Issuer,
    document: &Document,
    is_accepted: impl FnOnce(&str) -> bool,
) -> Result<AuthorizationServer, String> {
    let stated = text(document, "issuer").ok_or("it has no issuer")?;
    let source = if issuer.is(stated) {
        Source::Validated
    } else if is_accepted(stated) {
        Source::Host
    } else {
        let (stated, asked) = (quoted(stated), quoted(&issuer.text));
        return Err(format!("it names the issuer {stated}, not {asked}"));
    };
    let token = text(document, "token_endpoint").ok_or("it has no token_endpoint")?;
    let token = stated_endpoint(&issuer.url, "token_endpoint", token)?;
    let authorization = match text(document, "authorization_endpoint") {
        None => String::new(),
        Some(url) => {
            stated_endpoint(&issuer.url, "authorization_endpoint", url)?;
            authorization_endpoint(url).map_err(|error| error.problem())?.into()
        }
    };
    let methods = document.get("code_challenge_methods_supported").filter(|value| !value.is_null());
    if !authorization.is_empty()
        && methods.is_some_and(|methods| !strings(methods).contains(&"S256"))
    {
        return Err("the server does not support PKCE with S256, which is required".to_owned());
    }
    let registration = text(document, "registration_endpoint");
    let registration = registration
        .map(|url| stated_endpoint(&issuer.url, "registration_endpoint", url))
        .transpose()?;
    let revocation = text(document, "revocation_endpoint");
    let revocation = revocation
        .map(|url| stated_endpoint(&issuer.url, "revocation_endpoint", url))
        .transpose()?;
    let mut server = AuthorizationServer::new(authorization, token).with_issuer(stated);
    server.registration_endpoint = registration.map(String::from);
    server.revocation_endpoint = revocation.map(String::from);
    server.authorization_response_iss_parameter_supported =
        document.get("authorization_response_iss_parameter_supported") == Some(&Value::Bool(true));
    let methods = list(document, "token_endpoint_auth_methods_supported");
    server.token_endpoint_auth_methods_supported =
        methods.into_iter().map(AuthMethod::from).collect();
    server.scopes_supported = list(document, "scopes_supported");
    server.source = source;
    Ok(server)
}

/// Whether text is an https URL that an `iss` can be compared with.
fn is_https_issuer(text: &str) -> bool {
    let is_clean = !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\');
    let url = endpoint("issuer", text);
    is_clean && url.is_ok_and(|url| url.scheme() == "https" && url.query().is_none())
}

/// The metadata of a resource.
pub(super) struct ResourceMetadata {
    /// The resource, as the metadata names it.
    pub(super) resource: String,
    pub(super) authorization_servers: Vec<String>,
    pub(super) scopes: Vec<String>,
    /// The URL of the metadata.
    pub(super) source: Url,
}

impl ResourceMetadata {
    /// Checks that the metadata describes one of these resources (RFC 9728 section 3.3). At a
    /// well-known URL, it may describe a parent of one.
    pub(super) fn check(
        resources: &[&Url],
        source: &Url,
        document: &Document,
    ) -> Result<Self, String> {
        let stated = text(document, "resource").ok_or("it has no resource")?;
        let url = endpoint("resource", stated).map_err(|error| error.problem())?;
        let is_described = |resource: &&Url| {
            let (path, parent) = (resource.path().trim_end_matches('/'), trimmed_path(&url));
            let is_parent = || {
                path.strip_prefix(parent).is_some_and(|rest| rest.starts_with('/'))
                    && places::is_well_known(source)
            };
            url.origin() == resource.origin()
                && ((path == parent && url.query() == resource.query())
                    || (url.query().is_none() && is_parent()))
        };
        if !resources.iter().any(is_described) {
            let requested = resources.first().map(|url| url.as_str()).unwrap_or_default();
            let (stated, requested) = (quoted(stated), quoted(requested));
            return Err(format!("it describes the resource {stated}, not {requested}"));
        }
        let authorization_servers = list(document, "authorization_servers");
        if authorization_servers.is_empty() {
            return Err("it names no authorization server".to_owned());
        }
        Ok(Self {
            resource: stated.to_owned(),
            authorization_servers,
            scopes: list(document, "scopes_supported"),
            source: source.clone(),
        })
    }
}

fn trimmed_path(url: &Url) -> &str {
    url.path().trim_end_matches('/')
}

/// Returns the URL of metadata in a challenge, which must have the origin of the resource.
pub(super) fn metadata_url(resource: &Url, text: &str) -> Result<Url, String> {
    let url = endpoint("resource_metadata", text).map_err(|error| error.problem())?;
    if url.origin() != resource.origin() {
        let text = quoted(text);
        return Err(format!("resource_metadata: {text} does not have the origin of the resource"));
    }
    Ok(url)
}

/// Returns an authorization server of a resource.
pub(super) fn issuer_of_resource(source: &Url, text: &str) -> Result<Issuer, String> {
    const NAME: &str = "authorization_servers";
    stated_endpoint(source, NAME, text)?;
    Issuer::parse(NAME, text).map_err(|error| error.problem())
}

/// Parses a URL in the metadata of `source`: it must be https unless `source` itself is plain http.
fn stated_endpoint(source: &Url, name: &str, text: &str) -> Result<Url, String> {
    let url = endpoint(name, text).map_err(|error| error.problem())?;
    if source.scheme() == "https" && url.scheme() != "https" {
        return Err(format!(
            "{name}: http is accepted only from a loopback server; it must be https"
        ));
    }
    Ok(url)
}

fn text<'d>(document: &'d Document, name: &str) -> Option<&'d str> {
    document.get(name)?.as_str().map(str::trim).filter(|text| !text.is_empty())
}

/// Returns the strings of an array, or the words of a string.
fn list(document: &Document, name: &str) -> Vec<String> {
    document.get(name).map(strings).unwrap_or_default().into_iter().map(str::to_owned).collect()
}

fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(entries) => {
            let texts = entries.iter().filter_map(Value::as_str).map(str::trim);
            texts.filter(|text| !text.is_empty()).collect()
        }
        Value::String(words) => words.split_ascii_whitespace().collect(),
        _ => Vec::new(),
    }
}

fn quoted(text: &str) -> String {
    sanitize(&format!("{text:?}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn server_of(
        issuer: &str,
        stated: &str,
        endpoint: &str,
    ) -> Result<AuthorizationServer, String> {
        let document = json!({
            "issuer": stated,
            "authorization_endpoint": "https://as.example/authorize",
            "token_endpoint": endpoint,
        });
        server(&Issuer::parse("issuer", issuer).unwrap(), document.as_object().unwrap())
    }

    fn is_accepted(issuer: &str, stated: &str) -> bool {
        server_of(issuer, stated, "https://as.example/token").is_ok()
    }

    #[test]
    fn server_requires_the_requested_issuer() {
        assert!(is_accepted("https://as.example", "https://as.example"));
        assert!(is_accepted("https://as.example/", "https://as.example"));
        assert!(is_accepted("https://as.example/tenant", "https://as.example/tenant"));
        assert!(!is_accepted("https://as.example/tenant", "https://as.example/tenant/"));
        for stated in [
            "https://as.example//",
            "https://other.example",
            "https://as.example.evil.example",
            "https://as.example/tenant",
            "http://as.example",
            "https://poggio.io",
            "",
        ] {
            assert!(!is_accepted("https://as.example", stated), "{stated}");
        }
    }

    #[test]
    fn validated_issuer_is_none_if_poggio_names_another_issuer() {
        let server = |issuer: &str, stated: &str| {
            server_of(issuer, stated, "https://as.example/token").unwrap()
        };
        let strict = server("https://as.example", "https://as.example");
        assert_eq!(strict.validated_issuer(), Some("https://as.example"));
        let poggio = server("https://api.poggio.io/", "https://securetoken.google.com/poggio");
        assert_eq!(poggio.issuer.as_deref(), Some("https://securetoken.google.com/poggio"));
        assert_eq!(poggio.validated_issuer(), None);
        assert!(strict.is_discovered() && poggio.is_discovered());
        let configured = AuthorizationServer::poggio().with_issuer("https://poggio.io");
        assert_eq!(configured.validated_issuer(), Some("https://poggio.io"));
        assert!(!configured.is_discovered());
    }

    #[test]
    fn server_refuses_loopback_http_endpoints_of_a_remote_server() {
        let (remote, loopback) = ("https://as.example", "http://127.0.0.1:1");
        let error = server_of(remote, remote, "http://localhost/x").unwrap_err();
        assert!(error.starts_with("token_endpoint: http is accepted only from a loopback server"));
        assert!(server_of(remote, remote, "https://127.0.0.1/x").is_ok());
        assert!(server_of(loopback, loopback, "http://localhost/x").is_ok());
    }
}
