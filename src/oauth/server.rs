//! Where an authorization server is.

use reqwest::Url;

use super::error::{OAuthError, OAuthErrorKind};
use crate::url;

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
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthorizationServer {
    /// The name of the server, compared with the `iss` of its answers (RFC 9207); `None` where it
    /// is not known.
    pub issuer: Option<String>,
    /// Where users log in and allow.
    pub authorization_endpoint: String,
    /// Where codes and refresh tokens become access tokens.
    pub token_endpoint: String,
    /// Where clients register, for
    /// [`ClientBuilder::registration_endpoint`](crate::ClientBuilder::registration_endpoint);
    /// `None` where it is not known.
    pub registration_endpoint: Option<String>,
    /// Whether each answer of the authorization endpoint has an `iss` (RFC 9207 section 3), so
    /// that one without is refused.
    pub authorization_response_iss_parameter_supported: bool,
}

impl AuthorizationServer {
    /// Returns Poggio's documented endpoints: `https://poggio.io/app/oauth/authorize` and
    /// `https://api.poggio.io/v1/oauth/token`.
    ///
    /// Its issuer is not documented, and so the `iss` of its answers is not checked;
    /// [`Client::discover`](crate::Client::discover) finds it.
    #[must_use]
    pub fn poggio() -> Self {
        Self::new("https://poggio.io/app/oauth/authorize", "https://api.poggio.io/v1/oauth/token")
    }

    /// Returns a server with these endpoints, of which nothing else is known.
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

    /// Sets where users log in.
    #[must_use]
    pub fn with_authorization_endpoint(mut self, url: impl Into<String>) -> Self {
        self.authorization_endpoint = url.into();
        self
    }

    /// Sets where tokens are to be had.
    #[must_use]
    pub fn with_token_endpoint(mut self, url: impl Into<String>) -> Self {
        self.token_endpoint = url.into();
        self
    }

    /// Sets the name that the server has in its answers.
    #[must_use]
    pub fn with_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// The authorization and token endpoints, which are https or on this machine.
    pub(super) fn endpoints(&self) -> Result<(Url, Url), OAuthError> {
        Ok((
            endpoint("authorization_endpoint", &self.authorization_endpoint)?,
            endpoint("token_endpoint", &self.token_endpoint)?,
        ))
    }
}

/// A URL that may be sent to, by the name of the setting or member that has it.
pub(super) fn endpoint(name: &str, url: &str) -> Result<Url, OAuthError> {
    url::parse_endpoint(url)
        .map_err(|problem| OAuthError::new(OAuthErrorKind::Endpoint, format!("{name}: {problem}")))
}
