//! [`AuthorizationServer`]: the endpoints and the issuer of a server.

use std::fmt;

use reqwest::Url;

use super::error::{OAuthError, OAuthErrorKind};
use crate::{
    client::Client,
    metadata::AuthMethod,
    redact::{sanitize, sanitize_message},
    response::{Binding, ServerId},
    url,
};

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
    /// The URL at which users log in and allow access. Empty if the server has none, because its
    /// clients have no users.
    pub authorization_endpoint: String,
    /// The URL at which a client exchanges codes and refresh tokens for access tokens.
    pub token_endpoint: String,
    /// The URL at which clients register, or `None` if it is not known. Pass it to
    /// [`ClientBuilder::registration_endpoint`](crate::ClientBuilder::registration_endpoint).
    pub registration_endpoint: Option<String>,
    /// The URL at which a client revokes tokens (RFC 7009), or `None` if it is not known.
    pub revocation_endpoint: Option<String>,
    /// Whether the server adds `iss` to every callback (RFC 9207 section 3). If so, a callback
    /// without `iss` is refused.
    pub authorization_response_iss_parameter_supported: bool,
    /// The methods with which clients authenticate at the token endpoint. Empty if they are not
    /// known.
    pub token_endpoint_auth_methods_supported: Vec<AuthMethod>,
    /// The scopes that the server supports. Empty if they are not known.
    pub scopes_supported: Vec<String>,
    /// The protected resource of [`Client::discover_for`](crate::Client::discover_for), as its
    /// metadata names it. Request tokens with it as the parameter `resource` (RFC 8707).
    pub resource: Option<String>,
    /// The scopes that the protected resource requires: those of its challenge, or else of its
    /// metadata. Empty if they are not known.
    pub resource_scopes: Vec<String>,
    pub(super) source: Source,
}

/// Where the endpoints of a server come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The caller.
    Configured,
    /// Metadata with an issuer that was compared with the requested one (RFC 8414 section 3.3).
    Validated,
    /// Metadata with another issuer, or no metadata. Only the host is known.
    Host,
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
            revocation_endpoint: None,
            authorization_response_iss_parameter_supported: false,
            token_endpoint_auth_methods_supported: Vec::new(),
            scopes_supported: Vec::new(),
            resource: None,
            resource_scopes: Vec::new(),
            source: Source::Configured,
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
        self.source = Source::Configured;
        self
    }

    /// Sets the URL of the revocation endpoint.
    #[must_use]
    pub fn with_revocation_endpoint(mut self, url: impl Into<String>) -> Self {
        self.revocation_endpoint = Some(url.into());
        self
    }

    /// Sets the issuer identifier, so that the `iss` of a callback is checked.
    #[must_use]
    pub fn with_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Returns the scopes to request if the user names none: those that the resource requires, and
    /// `offline_access` if the server supports it, with which OpenID providers issue refresh
    /// tokens.
    ///
    /// Empty if the resource requires none or was not discovered. Without scopes in the request,
    /// the server chooses (RFC 6749 section 3.3).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use poggio::{Client, oauth::{Authorization, OAuth2Client, OAuthError}};
    ///
    /// # async fn authorize(poggio: &Client, oauth: &OAuth2Client) -> Result<(), OAuthError> {
    /// let server = poggio.discover_for("https://mcp.poggio.io/mcp").await?;
    /// let authorization = Authorization::new(oauth, &server, server.default_scopes());
    /// # let _ = authorization;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn default_scopes(&self) -> Vec<String> {
        const OFFLINE_ACCESS: &str = "offline_access";
        let mut scopes = self.resource_scopes.clone();
        let is_offline_access = |scope: &String| scope == OFFLINE_ACCESS;
        let is_supported = self.scopes_supported.iter().any(is_offline_access);
        if is_supported && !scopes.is_empty() && !scopes.iter().any(is_offline_access) {
            scopes.push(OFFLINE_ACCESS.to_owned());
        }
        scopes
    }

    /// Returns the issuer if the caller set it, or if metadata was validated against it (RFC 8414
    /// section 3.3). An issuer that metadata only states does not identify a server.
    pub(super) fn validated_issuer(&self) -> Option<&str> {
        self.issuer.as_deref().filter(|_| self.source != Source::Host)
    }

    /// Returns whether the endpoints were discovered, and not configured by the caller.
    pub(super) fn is_discovered(&self) -> bool {
        self.source != Source::Configured
    }

    /// Identifies the server by its token endpoint and its validated issuer.
    pub(super) fn id(&self, token_endpoint: &Url) -> ServerId {
        ServerId::new(token_endpoint, self.validated_issuer(), self.is_discovered())
    }

    /// Returns the authorization endpoint, if there is one, and the token endpoint as URLs.
    pub(super) fn endpoints(&self) -> Result<(Option<Url>, Url), OAuthError> {
        let authorization = match self.authorization_endpoint.as_str() {
            "" => None,
            url => Some(authorization_endpoint(url)?),
        };
        Ok((authorization, endpoint("token_endpoint", &self.token_endpoint)?))
    }
}

impl Client {
    /// Returns this client for one authorization server: the clients that it registers are used only
    /// there.
    ///
    /// [`register_once`](Self::register_once) then stores the server with the client, and does not
    /// return a client of another server.
    ///
    /// # Errors
    ///
    /// Returns [`OAuthErrorKind::Endpoint`] if the token endpoint is neither an https URL nor on a
    /// loopback host, or if the server was discovered and its token endpoint is not at the origin of
    /// the [`registration_endpoint`](Self::registration_endpoint) of this client. Metadata can name
    /// the registration endpoint of another server, whose clients it would then obtain (RFC 9700
    /// section 4.4). If such a server is the right one, configure it with
    /// [`AuthorizationServer::new`]. Nothing is sent.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use poggio::{Client, ClientMetadata, FileStore};
    ///
    /// # async fn register(metadata: &ClientMetadata) -> Result<(), poggio::oauth::OAuthError> {
    /// let server = Client::new()?.discover("https://as.example").await?;
    /// let endpoint = server.registration_endpoint.clone().expect("clients can register");
    ///
    /// let client = Client::builder().registration_endpoint(endpoint).build()?.for_server(&server)?;
    /// let registered = client.register_once(metadata, &FileStore::for_app("acme-sync")?).await?;
    /// let oauth = registered.oauth2_client(&server, Some("http://127.0.0.1:8910/callback"))?;
    /// # let _ = oauth;
    /// # Ok(())
    /// # }
    /// ```
    pub fn for_server(&self, server: &AuthorizationServer) -> Result<Self, OAuthError> {
        let token = endpoint("token_endpoint", &server.token_endpoint)?;
        let id = server.id(&token);
        let binding = Binding { endpoint: self.registration_endpoint().to_owned(), server: None };
        binding.check(&id).map_err(|problem| {
            let problem = format!(
                "token_endpoint: a client of this registration endpoint {problem}; configure the \
                 endpoints with AuthorizationServer::new if they are right"
            );
            OAuthError::new(OAuthErrorKind::Endpoint, problem)
        })?;
        Ok(self.with_server(id))
    }

    /// Returns this client with the registration endpoint of a discovered server, unless another one
    /// at that server was set, and whether the server registers clients.
    pub(super) fn at_server(
        &self,
        server: &AuthorizationServer,
    ) -> Result<(Self, bool), OAuthError> {
        let mut url = endpoint("token_endpoint", &server.token_endpoint)?;
        let is_there = self.transport().endpoint.origin() == url.origin();
        let has_endpoint = self.has_own_endpoint() || server.registration_endpoint.is_none();
        if !server.is_discovered() || (is_there && has_endpoint) {
            return Ok((self.clone(), true));
        }
        match &server.registration_endpoint {
            Some(text) => url = endpoint("registration_endpoint", text)?,
            // Nothing is sent to it. Clients that are imported for it belong to this server.
            None => url.set_path("/register"),
        }
        self.check_scheme(&url)?;
        Ok((self.with_registration_endpoint(url), server.registration_endpoint.is_some()))
    }
}

/// The parameters of an authorization request that [`Authorization`](super::Authorization) always
/// sets.
pub(super) const AUTHORIZATION_PARAMS: [&str; 7] = [
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
];

/// Other parameters that belong to the request, and not to the endpoint.
const REQUEST_PARAMS: [&str; 13] = [
    "authorization_details",
    "claims",
    "client_assertion",
    "client_secret",
    "code_verifier",
    "dpop_jkt",
    "id_token_hint",
    "nonce",
    "registration",
    "request",
    "request_uri",
    "resource",
    "response_mode",
];

/// Parses an authorization endpoint. Its query must not have a parameter of the request: a server
/// that reads the first of two would use a redirect URI, a state or a client of the endpoint's
/// author.
pub(super) fn authorization_endpoint(text: &str) -> Result<Url, OAuthError> {
    const NAME: &str = "authorization_endpoint";
    let url = endpoint(NAME, text)?;
    // Some servers split at a semicolon too, ignore case and spaces, or read `scope[]` as `scope` and
    // `redirect.uri` as `redirect_uri`.
    for pair in url.query().unwrap_or_default().split(['&', ';']) {
        let Some((name, _)) = form_urlencoded::parse(pair.as_bytes()).next() else { continue };
        let name = name.split('[').next().unwrap_or_default().trim().replace(['.', ' '], "_");
        let is_same = |reserved: &&&str| reserved.eq_ignore_ascii_case(&name);
        if let Some(reserved) = AUTHORIZATION_PARAMS.iter().chain(&REQUEST_PARAMS).find(is_same) {
            let problem = format!(
                "{NAME}: its query has {reserved}, a parameter of the request; remove it from the URL"
            );
            return Err(OAuthError::new(OAuthErrorKind::Endpoint, problem));
        }
    }
    Ok(url)
}

impl fmt::Debug for AuthorizationServer {
    /// Shortens the URLs, which may come from a server.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationServer")
            .field("issuer", &self.issuer.as_deref().map(sanitize))
            .field("authorization_endpoint", &sanitize(&self.authorization_endpoint))
            .field("token_endpoint", &sanitize(&self.token_endpoint))
            .field("registration_endpoint", &self.registration_endpoint.as_deref().map(sanitize))
            .field("resource", &self.resource.as_deref().map(sanitize))
            .field("scopes_supported", &sanitize_message(&self.scopes_supported.join(" ")))
            .field("resource_scopes", &sanitize_message(&self.resource_scopes.join(" ")))
            .finish_non_exhaustive()
    }
}

/// Parses an endpoint, which must be https or on a loopback host; `name` is for the error.
pub(super) fn endpoint(name: &str, url: &str) -> Result<Url, OAuthError> {
    url::parse_endpoint(url)
        .map_err(|problem| OAuthError::new(OAuthErrorKind::Endpoint, format!("{name}: {problem}")))
}
