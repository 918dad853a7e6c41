//! [`AuthorizationServer`]: the endpoints and the issuer of a server.

use std::fmt;

use reqwest::Url;

use super::error::{OAuthError, OAuthErrorKind};
use crate::{redact::sanitize, url};

/// The endpoints of an authorization server (RFC 8414 section 2).
///
/// # Examples
///
/// ```
/// use poggio::oauth::AuthorizationServer;
///
/// let server = AuthorizationServer::poggio()
///     .with_token_endpoint("https://poggio.acme.example/v1/oauth/token");
/// assert_eq!(server.authorization_endpoint, "https://poggio.io/app/oauth/authorize");
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthorizationServer {
    /// The issuer identifier, which the `iss` parameter of a callback must match (RFC 9207); `None`
    /// if it is not known, and then `iss` is not checked.
    pub issuer: Option<String>,
    /// The URL at which users log in and allow access.
    pub authorization_endpoint: String,
    /// The URL at which a client exchanges codes and refresh tokens for access tokens.
    pub token_endpoint: String,
    /// The URL at which clients register, or `None` if it is not known. Pass it to
    /// [`ClientBuilder::registration_endpoint`](crate::ClientBuilder::registration_endpoint).
    pub registration_endpoint: Option<String>,
    /// Whether the server adds `iss` to every callback (RFC 9207 section 3). If so, a callback
    /// without `iss` is refused.
    pub authorization_response_iss_parameter_supported: bool,
}

impl AuthorizationServer {
    /// Returns Poggio's documented endpoints: `https://poggio.io/app/oauth/authorize` and
    /// `https://api.poggio.io/v1/oauth/token`.
    ///
    /// The issuer is not documented, so the `iss` of a callback is not checked. Use
    /// [`Client::discover`](crate::Client::discover) to find the issuer.
    #[must_use]
    pub fn poggio() -> Self {
        Self::new("https://poggio.io/app/oauth/authorize", "https://api.poggio.io/v1/oauth/token")
    }

    /// Returns a server with these two endpoints and no issuer.
    pub fn new(
        authorization_endpoint: impl Into<String>,
        token_endpoint: impl Into<String>,
    ) -> Self {
        Self {
            issuer: None,
            authorization_endpoint: authorization_endpoint.into(),
            token_endpoint: token_endpoint.into(),
            registration_endpoint: None,
            authorization_response_iss_parameter_supported: false,
        }
    }

    /// Sets the URL at which users log in.
    #[must_use]
    pub fn with_authorization_endpoint(mut self, url: impl Into<String>) -> Self {
        self.authorization_endpoint = url.into();
        self
    }

    /// Sets the URL of the token endpoint.
    #[must_use]
    pub fn with_token_endpoint(mut self, url: impl Into<String>) -> Self {
        self.token_endpoint = url.into();
        self
    }

    /// Sets the issuer identifier, so that the `iss` of a callback is checked.
    #[must_use]
    pub fn with_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Returns the authorization endpoint and the token endpoint as URLs.
    pub(super) fn endpoints(&self) -> Result<(Url, Url), OAuthError> {
        Ok((
            endpoint("authorization_endpoint", &self.authorization_endpoint)?,
            endpoint("token_endpoint", &self.token_endpoint)?,
        ))
    }
}

impl fmt::Debug for AuthorizationServer {
    /// Shortens the URLs, which may come from a server.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationServer")
            .field("issuer", &self.issuer.as_deref().map(sanitize))
            .field("authorization_endpoint", &sanitize(&self.authorization_endpoint))
            .field("token_endpoint", &sanitize(&self.token_endpoint))
            .field("registration_endpoint", &self.registration_endpoint.as_deref().map(sanitize))
            .finish_non_exhaustive()
    }
}

/// Parses an endpoint, which must be https or on a loopback host; `name` is for the error.
pub(super) fn endpoint(name: &str, url: &str) -> Result<Url, OAuthError> {
    url::parse_endpoint(url)
        .map_err(|problem| OAuthError::new(OAuthErrorKind::Endpoint, format!("{name}: {problem}")))
}
