//! From a registered client to a token, by the [`oauth2`] crate (feature `oauth2`).
//!
//! * [`ClientInformation::oauth2_client`] makes the client of that crate, set up as the server
//!   granted it.
//! * [`Authorization`] sends a user to log in, with PKCE and state, and checks what comes back.
//! * [`CallbackListener`] waits on a loopback address for the browser to come back.
//! * Token requests go through [`Client`](crate::Client), which is an HTTP client for that crate:
//!   no redirects, its deadline and size cap, https alone, nothing secret in an error.
//! * [`Client::with_registered`](crate::Client::with_registered) renews a registration that the
//!   server no longer accepts.
//! * [`Client::discover`](crate::Client::discover) finds the endpoints of a server.
//!
//! # Examples
//!
//! A user logs in:
//!
//! ```
//! use oauth2::TokenResponse;
//! use poggio::{
//!     Client, ClientMetadata, FileStore, GrantType,
//!     oauth::{Authorization, AuthorizationServer, CallbackListener, OAuthError},
//! };
//!
//! # fn open_browser(_: &str) {}
//! async fn log_in(poggio: &Client, server: &AuthorizationServer) -> Result<(), OAuthError> {
//!     let redirect_uri = "http://127.0.0.1:8910/callback";
//!     let listener = CallbackListener::bind_or_any_port(redirect_uri).await?;
//!     let metadata = ClientMetadata::new()
//!         .with_redirect_uri(listener.redirect_uri())
//!         .with_grant_types([GrantType::AuthorizationCode, GrantType::RefreshToken]);
//!     let client = poggio.register_once(&metadata, &FileStore::for_app("acme-sync")?).await?;
//!
//!     let oauth = client.oauth2_client(server, Some(listener.redirect_uri()))?;
//!     let authorization = Authorization::new(&oauth, server, ["read"]);
//!     open_browser(authorization.url().as_str());
//!     // The URL that the browser was sent back to.
//!     let callback = listener.wait(&authorization).await?;
//!
//!     let token = authorization.exchange_code(&callback)?.request_async(poggio).await?;
//!     println!("a token for {:?}", token.expires_in());
//!
//!     if let Some(refresh_token) = token.refresh_token() {
//!         let next = oauth.exchange_refresh_token(refresh_token).request_async(poggio).await?;
//!         // A server that gives no new refresh token lets the old one stand.
//!         let refresh_token = next.refresh_token().unwrap_or(refresh_token);
//! #       let _ = refresh_token;
//!     }
//!     Ok(())
//! }
//! ```
//!
//! A client without users, with the parameters of Poggio's token endpoint, and RFC 8707's
//! `resource` for its MCP server:
//!
//! ```
//! use poggio::{Client, ClientInformation, oauth::{AuthorizationServer, OAuthError}};
//!
//! async fn token(poggio: &Client, client: &ClientInformation) -> Result<(), OAuthError> {
//!     let oauth = client.oauth2_client(&AuthorizationServer::poggio(), None)?;
//!     let token = oauth
//!         .exchange_client_credentials()
//!         .add_extra_param("org_id", "org-1")
//!         .add_extra_param("user_id", "user-1")
//!         .add_extra_param("resource", "https://mcp.poggio.io/mcp")
//!         .request_async(poggio)
//!         .await?;
//! #   let _ = token;
//!     Ok(())
//! }
//! ```

mod authorization;
mod callback_listener;
mod discovery;
mod error;
mod http;
mod renewal;
mod server;

pub use authorization::Authorization;
pub use callback_listener::CallbackListener;
pub use error::{OAuthError, TokenError};
pub use server::AuthorizationServer;

/// The crate that builds and reads the requests for tokens.
pub use oauth2;

use oauth2::{
    AuthType, AuthUrl, ClientId, EndpointNotSet, EndpointSet, RedirectUrl, TokenUrl,
    basic::BasicClient,
};

use crate::{AuthMethod, ClientInformation, loopback, text::shown};

/// The client of the [`oauth2`] crate with the two endpoints that Poggio has.
pub type OAuth2Client =
    BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

impl ClientInformation {
    /// Returns this client for the [`oauth2`] crate: its id, its secret, the server's endpoints, and
    /// the authentication that was granted: `client_secret_post` in the body, `client_secret_basic`
    /// in the header, `none` without a secret.
    ///
    /// `redirect_uri` is the one that users will be sent back to, if there will be any. It has to be
    /// among those that were granted, unless the server has stated nothing but the credentials; the
    /// port of a loopback one may differ (RFC 8252 section 7.3).
    ///
    /// # Errors
    ///
    /// [`OAuthError::Client`] where the granted method is another one, or needs a secret that the
    /// client does not have, or where the redirect URI was not granted;
    /// [`OAuthError::Endpoint`] where an endpoint of the server is no https URL. Nothing was sent.
    ///
    /// # Examples
    ///
    /// See [`oauth`](crate::oauth).
    pub fn oauth2_client(
        &self,
        server: &AuthorizationServer,
        redirect_uri: Option<&str>,
    ) -> Result<OAuth2Client, OAuthError> {
        let (authorization, token) = server.endpoints()?;
        let auth_type = self.auth_type()?;
        let mut client = BasicClient::new(ClientId::new(self.client_id.clone()))
            .set_auth_uri(AuthUrl::from_url(authorization))
            .set_token_uri(TokenUrl::from_url(token))
            .set_auth_type(auth_type);
        if let Some(secret) = self.client_secret.as_ref().filter(|_| !self.is_public()) {
            client = client.set_client_secret(oauth2::ClientSecret::new(secret.expose().into()));
        }
        if let Some(uri) = redirect_uri {
            client = client.set_redirect_uri(self.redirect(uri)?);
        }
        Ok(client)
    }

    fn auth_type(&self) -> Result<AuthType, OAuthError> {
        let method = &self.metadata.token_endpoint_auth_method;
        let auth_type = match method {
            // Without a secret, the body has the id alone.
            _ if self.is_public() => return Ok(AuthType::RequestBody),
            AuthMethod::ClientSecretPost => AuthType::RequestBody,
            AuthMethod::ClientSecretBasic => AuthType::BasicAuth,
            other => {
                let other = shown(other.as_str());
                return Err(OAuthError::Client(format!(
                    "token_endpoint_auth_method: {other:?} was granted, and only \
                     client_secret_post, client_secret_basic and none can be used here; register \
                     with one of these"
                )));
            }
        };
        if self.client_secret.is_none() {
            let method = method.as_str();
            return Err(OAuthError::Client(format!(
                "client_secret: the granted method {method} needs one, and the server gave none; \
                 register anew, or ask for the method none"
            )));
        }
        Ok(auth_type)
    }

    /// Whether it has nothing to authenticate with, as was granted, or since the server stated
    /// neither a method nor a secret.
    fn is_public(&self) -> bool {
        match self.auth_method() {
            Some(method) => *method == AuthMethod::None,
            None => self.client_secret.is_none(),
        }
    }

    fn redirect(&self, uri: &str) -> Result<RedirectUrl, OAuthError> {
        if uri.contains('#') {
            return Err(OAuthError::Client(format!(
                "redirect_uris: {uri:?} has a fragment (RFC 6749 section 3.1.2); leave out the # and \
                 what follows it"
            )));
        }
        let granted = &self.metadata.redirect_uris;
        let same = |other: &String| loopback::without_port(other) == loopback::without_port(uri);
        if self.states_metadata() && !granted.iter().any(same) {
            let granted = shown(&format!("{granted:?}"));
            return Err(OAuthError::Client(format!(
                "redirect_uris: {uri:?} was not granted, but {granted}; use one of these, or \
                 register with it"
            )));
        }
        RedirectUrl::new(uri.to_owned()).map_err(|error| {
            OAuthError::Client(format!("redirect_uris: {uri:?} is no URL ({error})"))
        })
    }
}
