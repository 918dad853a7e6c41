//! Discovers endpoints from the metadata of an authorization server (RFC 8414) or of a protected
//! resource (RFC 9728).
//!
//! The checks are strict: every URL is https or on a loopback host, the metadata must name the
//! requested server or resource, and redirects are not followed. There is one exception. Poggio
//! publishes its metadata at `https://api.poggio.io` but names an issuer at another host, contrary
//! to RFC 8414 section 3.3. For this server, an https issuer at `poggio.io` or a subdomain is
//! accepted, and its callbacks are checked against that issuer.

use reqwest::{
    Method, StatusCode, Url,
    header::{ACCEPT, HeaderMap, HeaderValue},
};
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    error::{OAuthError, OAuthErrorKind},
    server::{AuthorizationServer, endpoint},
};
use crate::{
    client::Client,
    redact::sanitize,
    response::{Response, challenge},
};

/// Authorization server metadata (RFC 8414 section 2): only the members that are used.
#[derive(Deserialize)]
struct ServerMetadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    #[serde(default)]
    registration_endpoint: Option<String>,
    #[serde(default)]
    code_challenge_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: Option<bool>,
}

/// Protected resource metadata (RFC 9728 section 2): only the members that are used.
#[derive(Deserialize)]
struct ResourceMetadata {
    resource: String,
    authorization_servers: Option<Vec<String>>,
}

const SERVER_SUFFIX: &str = "oauth-authorization-server";
const RESOURCE_SUFFIX: &str = "oauth-protected-resource";

impl Client {
    /// Returns the endpoints of the authorization server with this issuer, such as
    /// `https://api.poggio.io`, from its metadata (RFC 8414).
    ///
    /// The metadata must name this issuer and https endpoints. For `https://api.poggio.io` it may
    /// name an issuer at `poggio.io` or a subdomain, as Poggio's does. Plain http is accepted only
    /// for a loopback host, and only if the [`base_url`](crate::ClientBuilder::base_url) of this
    /// client is plain http too.
    ///
    /// # Errors
    ///
    /// Returns [`OAuthErrorKind::Endpoint`] if the issuer is not such a URL,
    /// [`OAuthErrorKind::Discovery`] if the metadata is missing or fails a check, and
    /// [`OAuthErrorKind::Transport`] if no response arrived.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use poggio::Client;
    ///
    /// # async fn find() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = Client::new()?.discover("https://api.poggio.io").await?;
    /// // The server may name another version of the API.
    /// let mut poggio = Client::builder();
    /// if let Some(url) = &server.registration_endpoint {
    ///     poggio = poggio.registration_endpoint(url);
    /// }
    /// let poggio = poggio.build()?;
    /// # let _ = poggio;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn discover(&self, issuer: &str) -> Result<AuthorizationServer, OAuthError> {
        let issuer = issuer.trim();
        let issuer_url = endpoint("issuer", issuer)?;
        if issuer_url.query().is_some() {
            return Err(OAuthError::new(
                OAuthErrorKind::Endpoint,
                "issuer: has a query (RFC 8414 section 2); remove the ? and everything after it",
            ));
        }
        let metadata_url = well_known(&issuer_url, SERVER_SUFFIX);
        let metadata: ServerMetadata = self.fetch_metadata(&metadata_url).await?;
        check_issuer(&issuer_url, issuer, &metadata.issuer)?;
        checked_server(&issuer_url, metadata)
    }

    /// Returns the endpoints of the authorization server of a protected resource, such as
    /// `https://mcp.poggio.io/mcp` (RFC 9728).
    ///
    /// The client requests the resource without a token. The challenge in the response names the
    /// metadata of the resource; without it, the metadata is at its well-known URL. If the metadata
    /// names several authorization servers, the first is used.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`discover`](Self::discover).
    pub async fn discover_for(&self, resource: &str) -> Result<AuthorizationServer, OAuthError> {
        let resource_url = endpoint("resource", resource)?;
        let metadata_url = self.resource_metadata_url(&resource_url).await?;
        let metadata: ResourceMetadata = self.fetch_metadata(&metadata_url).await?;
        if !is_same_identifier(&resource_url, resource, &metadata.resource) {
            return Err(metadata_error(&metadata_url, "it describes another resource"));
        }
        let Some(issuer) = metadata.authorization_servers.iter().flatten().next() else {
            return Err(metadata_error(&metadata_url, "it names no authorization server"));
        };
        check_scheme("authorization_servers", &resource_url, issuer)?;
        self.discover(issuer).await
    }

    /// Returns the URL of a resource's metadata, which must have the origin of the resource.
    async fn resource_metadata_url(&self, resource: &Url) -> Result<Url, OAuthError> {
        let response = self.get(resource).await?;
        let mut params = challenge::params(&response).into_iter();
        let stated = params.find(|(name, _)| name.eq_ignore_ascii_case("resource_metadata"));
        let Some((_, stated)) = stated.filter(|_| response.status == StatusCode::UNAUTHORIZED)
        else {
            return Ok(well_known(resource, RESOURCE_SUFFIX));
        };
        let url = stated_url("resource_metadata", &stated)?;
        if url.origin() != resource.origin() {
            return Err(metadata_error(&url, "it does not have the origin of the resource"));
        }
        Ok(url)
    }

    async fn fetch_metadata<T: DeserializeOwned>(&self, url: &Url) -> Result<T, OAuthError> {
        let response = self.get(url).await?;
        if response.status != StatusCode::OK {
            let problem = format!("the server responded {}", response.status);
            return Err(metadata_error(url, &problem));
        }
        if response.truncated.is_some() {
            return Err(metadata_error(url, "it was truncated"));
        }
        serde_json::from_slice(&response.body)
            .map_err(|_| metadata_error(url, "it is not JSON with the required members"))
    }

    async fn get(&self, url: &Url) -> Result<Response, OAuthError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        self.send(Method::GET, url.clone(), headers, &[]).await
    }
}

/// Inserts `/.well-known/{suffix}` between host and path. The path of an issuer loses its final
/// slash (RFC 8414 section 3.1). The path of a resource keeps it, except for the path `/` (RFC 9728
/// section 3.1).
fn well_known(base: &Url, suffix: &str) -> Url {
    let path = match base.path() {
        "/" => "",
        path if suffix == RESOURCE_SUFFIX => path,
        path => path.trim_end_matches('/'),
    };
    let mut url = base.clone();
    url.set_path(&format!("/.well-known/{suffix}{path}"));
    url
}

/// Checks that metadata names the requested issuer (RFC 8414 section 3.3), with the exception for
/// Poggio.
fn check_issuer(url: &Url, issuer: &str, stated: &str) -> Result<(), OAuthError> {
    let is_poggio = url.as_str() == "https://api.poggio.io/";
    if is_same_identifier(url, issuer, stated) || (is_poggio && is_poggio_issuer(stated)) {
        return Ok(());
    }
    let stated = sanitize(&format!("{stated:?}"));
    let problem = format!("it names another issuer, {stated}");
    Err(metadata_error(&well_known(url, SERVER_SUFFIX), &problem))
}

/// Whether the identifier in the metadata is the requested one. They are compared as strings, but a
/// URL without a path may end with a slash.
fn is_same_identifier(url: &Url, requested: &str, stated: &str) -> bool {
    let trim = |text| str::strip_suffix(text, "/").filter(|_| url.path() == "/").unwrap_or(text);
    trim(requested) == trim(stated)
}

/// Checks a URL in the metadata of `source`: it must be https unless `source` itself is plain http.
fn check_scheme(name: &str, source: &Url, url: &str) -> Result<(), OAuthError> {
    let url = stated_url(name, url)?;
    if source.scheme() == "https" && url.scheme() != "https" {
        let problem = "http is accepted only from a loopback server; it must be https";
        return Err(discovery_error(format!("{name}: {problem}")));
    }
    Ok(())
}

/// Parses a URL in a response, so that an invalid one is the server's error and not the caller's.
fn stated_url(name: &str, url: &str) -> Result<Url, OAuthError> {
    endpoint(name, url).map_err(|error| error.with_kind(OAuthErrorKind::Discovery))
}

fn discovery_error(problem: impl Into<String>) -> OAuthError {
    OAuthError::new(OAuthErrorKind::Discovery, problem)
}

fn is_poggio_issuer(stated: &str) -> bool {
    let Ok(url) = endpoint("issuer", stated) else { return false };
    let host = url.host_str().unwrap_or_default();
    let is_poggio_host = host == "poggio.io" || host.ends_with(".poggio.io");
    is_poggio_host && url.scheme() == "https" && url.port().is_none() && url.query().is_none()
}

/// Checks the members of the metadata that was read from `source`.
fn checked_server(
    source: &Url,
    metadata: ServerMetadata,
) -> Result<AuthorizationServer, OAuthError> {
    for (name, url) in [
        ("authorization_endpoint", Some(&metadata.authorization_endpoint)),
        ("token_endpoint", Some(&metadata.token_endpoint)),
        ("registration_endpoint", metadata.registration_endpoint.as_ref()),
    ] {
        url.map(|url| check_scheme(name, source, url)).transpose()?;
    }
    let methods = metadata.code_challenge_methods_supported;
    if methods.is_some_and(|methods| !methods.iter().any(|method| method == "S256")) {
        let problem = "the server does not support PKCE with S256, which is required";
        return Err(discovery_error(problem));
    }
    Ok(AuthorizationServer {
        issuer: Some(metadata.issuer),
        authorization_endpoint: metadata.authorization_endpoint,
        token_endpoint: metadata.token_endpoint,
        registration_endpoint: metadata.registration_endpoint,
        authorization_response_iss_parameter_supported: metadata
            .authorization_response_iss_parameter_supported
            == Some(true),
    })
}

fn metadata_error(url: &Url, problem: &str) -> OAuthError {
    discovery_error(format!("the metadata at {url}: {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(issuer: &str, stated: &str) -> bool {
        check_issuer(&Url::parse(issuer).unwrap(), issuer, stated).is_ok()
    }

    #[test]
    fn check_issuer_requires_the_requested_issuer() {
        assert!(accepted("https://as.example", "https://as.example"));
        assert!(accepted("https://as.example/", "https://as.example"));
        assert!(accepted("https://as.example/tenant", "https://as.example/tenant"));
        assert!(!accepted("https://as.example/tenant", "https://as.example/tenant/"));
        for stated in [
            "https://as.example//",
            "https://other.example",
            "https://as.example.evil.example",
            "https://as.example/tenant",
            "http://as.example",
            "https://poggio.io",
            "",
        ] {
            assert!(!accepted("https://as.example", stated), "{stated}");
        }
    }

    #[test]
    fn check_issuer_accepts_another_poggio_host_only_for_the_poggio_api() {
        for stated in ["https://poggio.io", "https://app.poggio.io/oauth", "https://api.poggio.io"]
        {
            assert!(accepted("https://api.poggio.io", stated), "{stated}");
        }
        for stated in [
            "http://poggio.io",
            "https://poggio.io.evil.example",
            "https://evilpoggio.io",
            "https://poggio.io:8443",
            "https://user@poggio.io",
            "https://poggio.io/?x=1",
            "https://evil.example/poggio.io",
            "poggio.io",
        ] {
            assert!(!accepted("https://api.poggio.io", stated), "{stated}");
        }
        for issuer in [
            "https://poggio.io",
            "https://api.poggio.io:8443",
            "https://api.poggio.io/tenant",
            "https://mcp.poggio.io",
            "https://api.poggio.io.evil.example",
        ] {
            assert!(!accepted(issuer, "https://app.poggio.io"), "{issuer}");
        }
    }

    #[test]
    fn checked_server_refuses_loopback_http_endpoints_of_a_remote_server() {
        let metadata = |member: &str, url: &str| {
            let mut json = serde_json::json!({
                "issuer": "https://as.example",
                "authorization_endpoint": "https://as.example/authorize",
                "token_endpoint": "https://as.example/token",
            });
            json[member] = url.into();
            serde_json::from_value(json).unwrap()
        };
        let (remote, loopback) = ("https://as.example", "http://127.0.0.1:1");
        for member in ["authorization_endpoint", "token_endpoint", "registration_endpoint"] {
            let checked =
                |source, url| checked_server(&Url::parse(source).unwrap(), metadata(member, url));
            let error = checked(remote, "http://localhost/x").unwrap_err();
            let expected = format!("{member}: http is accepted only from a loopback server");
            assert!(error.to_string().contains(&expected), "{error}");
            assert!(checked(remote, "https://127.0.0.1/x").is_ok());
            assert!(checked(loopback, "http://localhost/x").is_ok());
        }
    }

    #[test]
    fn well_known_inserts_the_suffix_between_host_and_path() {
        let well_known =
            |url: &str, suffix| well_known(&Url::parse(url).unwrap(), suffix).to_string();
        let resource = |url| well_known(url, RESOURCE_SUFFIX);
        let base = "https://mcp.example/.well-known/oauth-protected-resource";
        assert_eq!(resource("https://mcp.example/"), base);
        assert_eq!(resource("https://mcp.example/mcp/"), format!("{base}/mcp/"));
        let issuer = |url| well_known(url, "x");
        assert_eq!(issuer("https://a.example"), "https://a.example/.well-known/x");
        assert_eq!(issuer("https://a.example/b/"), "https://a.example/.well-known/x/b");
    }
}
