//! Finding the endpoints: RFC 8414 from an authorization server, RFC 9728 from a resource.
//!
//! Strict: everything is https (or on this machine), the metadata names the very server or
//! resource that was asked, no redirect is followed. One exception is made, for Poggio, whose
//! metadata lies at `https://api.poggio.io` and names an issuer that is not this host, against
//! RFC 8414 section 3.3: there an https issuer at `poggio.io` or below is accepted, and that issuer
//! alone is then expected in its answers. Any other server that names another is refused.

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

/// RFC 8414 section 2, as far as it is used.
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

/// RFC 9728 section 2, as far as it is used.
#[derive(Deserialize)]
struct ResourceMetadata {
    resource: String,
    authorization_servers: Option<Vec<String>>,
}

const RESOURCE: &str = "oauth-protected-resource";

impl Client {
    /// Finds the endpoints of the authorization server of that issuer, such as
    /// `https://api.poggio.io` (RFC 8414).
    ///
    /// Plain http is accepted for a server on this machine, and only where this client's own
    /// [`base_url`](crate::ClientBuilder::base_url) is plain http, too.
    ///
    /// The metadata has to name this issuer, and https endpoints alone. For `https://api.poggio.io`
    /// it may name an issuer at `poggio.io` or below, as it does.
    ///
    /// # Errors
    ///
    /// [`OAuthErrorKind::Endpoint`] for an issuer that is no https URL, [`OAuthErrorKind::Discovery`] for
    /// metadata that is not there or does not hold, [`OAuthErrorKind::Transport`] where no answer came.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use poggio::Client;
    ///
    /// # async fn find() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = Client::new()?.discover("https://api.poggio.io").await?;
    /// // Register where the server says, version 2 of the API included.
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
        let asked = endpoint("issuer", issuer)?;
        if asked.query().is_some() {
            return Err(OAuthError::new(
                OAuthErrorKind::Endpoint,
                "issuer: has a ?, which no issuer has",
            ));
        }
        let at = well_known(&asked, "oauth-authorization-server");
        let metadata: ServerMetadata = self.metadata(&at).await?;
        check_issuer(&asked, issuer, &metadata.issuer)?;
        server(&asked, metadata)
    }

    /// Finds the authorization server of a resource, such as `https://mcp.poggio.io/mcp` (RFC 9728):
    /// by the challenge that the resource answers without a token, else where its metadata lies by
    /// default. Of several that it names, the first.
    ///
    /// # Errors
    ///
    /// As [`discover`](Self::discover).
    pub async fn discover_for(&self, resource: &str) -> Result<AuthorizationServer, OAuthError> {
        let asked = endpoint("resource", resource)?;
        let at = self.challenged(&asked).await?;
        let metadata: ResourceMetadata = self.metadata(&at).await?;
        if !is_same(&asked, resource, &metadata.resource) {
            return Err(wrong(&at, "it is of another resource than was asked"));
        }
        let Some(issuer) = metadata.authorization_servers.iter().flatten().next() else {
            return Err(wrong(&at, "it names no authorization server"));
        };
        as_safe("authorization_servers", &asked, issuer)?;
        self.discover(issuer).await
    }

    /// Where the metadata of a resource is, which has to be at its own host.
    async fn challenged(&self, resource: &Url) -> Result<Url, OAuthError> {
        let response = self.get(resource).await?;
        let mut params = challenge::params(&response).into_iter();
        let stated = params.find(|(name, _)| name.eq_ignore_ascii_case("resource_metadata"));
        let Some((_, stated)) = stated.filter(|_| response.status == StatusCode::UNAUTHORIZED)
        else {
            return Ok(well_known(resource, RESOURCE));
        };
        let at = named("resource_metadata", &stated)?;
        if at.origin() != resource.origin() {
            return Err(wrong(&at, "it is not at the host of the resource"));
        }
        Ok(at)
    }

    async fn metadata<T: DeserializeOwned>(&self, at: &Url) -> Result<T, OAuthError> {
        let response = self.get(at).await?;
        if response.status != StatusCode::OK {
            return Err(wrong(at, &format!("the server answered {}", response.status)));
        }
        if response.truncated.is_some() {
            return Err(wrong(at, "it did not arrive whole"));
        }
        serde_json::from_slice(&response.body)
            .map_err(|_| wrong(at, "it is not JSON with the members that it must have"))
    }

    async fn get(&self, at: &Url) -> Result<Response, OAuthError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        self.send(Method::GET, at.clone(), headers, &[]).await
    }
}

/// Between the host and the path. Of an issuer, the path goes without a slash at its end (RFC 8414
/// section 3.1); of a resource, only the slash after the host does (RFC 9728 section 3.1).
fn well_known(of: &Url, suffix: &str) -> Url {
    let path = match of.path() {
        "/" => "",
        path if suffix == RESOURCE => path,
        path => path.trim_end_matches('/'),
    };
    let mut url = of.clone();
    url.set_path(&format!("/.well-known/{suffix}{path}"));
    url
}

/// RFC 8414 section 3.3, and the exception for Poggio.
fn check_issuer(asked: &Url, issuer: &str, stated: &str) -> Result<(), OAuthError> {
    if is_same(asked, issuer, stated) || (is_poggio(asked) && is_of_poggio(stated)) {
        return Ok(());
    }
    let stated = sanitize(&format!("{stated:?}"));
    let problem = format!("it names the issuer {stated}, which was not asked");
    Err(wrong(&well_known(asked, "oauth-authorization-server"), &problem))
}

/// Whether metadata names what was asked: to the letter, but for the slash that a URL without a path
/// may have.
fn is_same(asked: &Url, text: &str, stated: &str) -> bool {
    let bare = |text| str::strip_suffix(text, "/").filter(|_| asked.path() == "/").unwrap_or(text);
    bare(text) == bare(stated)
}

/// A URL that metadata names: https, unless the metadata itself came from this machine.
fn as_safe(name: &str, asked: &Url, url: &str) -> Result<(), OAuthError> {
    let url = named(name, url)?;
    if asked.scheme() == "https" && url.scheme() != "https" {
        let problem = "http, named by a server that is not on this machine; it has to be https";
        return Err(discovery_error(format!("{name}: {problem}")));
    }
    Ok(())
}

/// A URL that a server names.
fn named(name: &str, url: &str) -> Result<Url, OAuthError> {
    endpoint(name, url).map_err(|error| error.with_kind(OAuthErrorKind::Discovery))
}

fn discovery_error(problem: impl Into<String>) -> OAuthError {
    OAuthError::new(OAuthErrorKind::Discovery, problem)
}

fn is_poggio(asked: &Url) -> bool {
    asked.as_str() == "https://api.poggio.io/"
}

fn is_of_poggio(stated: &str) -> bool {
    let Ok(url) = endpoint("issuer", stated) else { return false };
    let host = url.host_str().unwrap_or_default();
    let is_there = host == "poggio.io" || host.ends_with(".poggio.io");
    is_there && url.scheme() == "https" && url.port().is_none() && url.query().is_none()
}

fn server(asked: &Url, metadata: ServerMetadata) -> Result<AuthorizationServer, OAuthError> {
    for (name, url) in [
        ("authorization_endpoint", Some(&metadata.authorization_endpoint)),
        ("token_endpoint", Some(&metadata.token_endpoint)),
        ("registration_endpoint", metadata.registration_endpoint.as_ref()),
    ] {
        url.map(|url| as_safe(name, asked, url)).transpose()?;
    }
    let methods = metadata.code_challenge_methods_supported;
    if methods.is_some_and(|methods| !methods.iter().any(|method| method == "S256")) {
        let problem = "the server does not take S256 for PKCE, which is all that is used here";
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

fn wrong(at: &Url, problem: &str) -> OAuthError {
    discovery_error(format!("the metadata at {at}: {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(asked: &str, stated: &str) -> bool {
        check_issuer(&Url::parse(asked).unwrap(), asked, stated).is_ok()
    }

    #[test]
    fn metadata_names_the_server_that_was_asked() {
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
    fn poggio_may_name_an_issuer_of_its_own_and_no_one_else_may() {
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
        for asked in [
            "https://poggio.io",
            "https://api.poggio.io:8443",
            "https://api.poggio.io/tenant",
            "https://mcp.poggio.io",
            "https://api.poggio.io.evil.example",
        ] {
            assert!(!accepted(asked, "https://app.poggio.io"), "{asked}");
        }
    }

    #[test]
    fn a_server_elsewhere_names_no_endpoint_on_this_machine() {
        let metadata = |member: &str, url: &str| {
            let mut json = serde_json::json!({
                "issuer": "https://as.example",
                "authorization_endpoint": "https://as.example/authorize",
                "token_endpoint": "https://as.example/token",
            });
            json[member] = url.into();
            serde_json::from_value(json).unwrap()
        };
        let (far, near) = ("https://as.example", "http://127.0.0.1:1");
        for member in ["authorization_endpoint", "token_endpoint", "registration_endpoint"] {
            let found = |asked, url| server(&Url::parse(asked).unwrap(), metadata(member, url));
            let error = found(far, "http://localhost/x").unwrap_err();
            let expected = format!("{member}: http, named by a server that is not on this machine");
            assert!(error.to_string().contains(&expected), "{error}");
            assert!(found(far, "https://127.0.0.1/x").is_ok());
            assert!(found(near, "http://localhost/x").is_ok());
        }
    }

    #[test]
    fn metadata_lies_between_host_and_path() {
        let of_resource = |url: &str| well_known(&Url::parse(url).unwrap(), RESOURCE).to_string();
        let at_resource = "https://mcp.example/.well-known/oauth-protected-resource";
        assert_eq!(of_resource("https://mcp.example/"), at_resource);
        assert_eq!(of_resource("https://mcp.example/mcp/"), format!("{at_resource}/mcp/"));
        let at = |url: &str| well_known(&Url::parse(url).unwrap(), "x").to_string();
        assert_eq!(at("https://a.example"), "https://a.example/.well-known/x");
        assert_eq!(at("https://a.example/b/"), "https://a.example/.well-known/x/b");
    }
}
