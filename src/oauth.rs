//! From a registered client to a token, through the [`oauth2`] crate (feature `oauth2`).
//!
//! * [`Session`] keeps a login: it registers a client, logs a user in, and returns an access token that
//!   is refreshed and saved. The items below are what it is made of.
//! * [`ClientInformation::oauth2_client`](crate::ClientInformation::oauth2_client) returns the
//!   client of that crate, configured with what the server granted.
//! * [`Authorization`] has the URL at which a user logs in, with PKCE and state, and checks the
//!   callback.
//! * [`CallbackListener`] receives the callback on a loopback address.
//! * [`Client`](crate::Client) sends the token requests: it is an HTTP client for that crate. It
//!   follows no redirects, applies its deadline and size cap, requires https except on loopback,
//!   and puts no secret into an error.
//! * [`Client::discover`](crate::Client::discover) and
//!   [`discover_for`](crate::Client::discover_for) find the endpoints of a server.
//! * [`Client::for_server`](crate::Client::for_server) registers clients for one server, and no other
//!   server obtains them.
//!
//! In a token, `scopes()` is `None` if the response has no `scope`: the server then granted what was
//! requested (RFC 6749 section 5.1). For an empty `scope`, which grants nothing, it is one empty
//! scope.
//!
//! # Errors of a token request
//!
//! `request_async` returns the error of the [`oauth2`] crate, whose text may be only "Request
//! failed". In a function that returns [`OAuthError`], `?` converts it. In any other function, convert
//! it with `map_err(OAuthError::from)`; see [`OAuthError`].
//!
//! # Loopback redirect URIs
//!
//! Some servers take a client for a `web` application and refuse its loopback or custom-scheme
//! redirect URI, unless the registration has `application_type` `native` (OpenID Connect Dynamic
//! Client Registration section 2). Poggio does not document this member, so it is not sent. For such
//! a server, add it with
//! [`with_additional("application_type", "native")`](crate::ClientMetadata::with_additional).
//!
//! # Examples
//!
//! Logging in a user:
//!
//! ```
//! use poggio::{
//!     Client, ClientMetadata, FileStore, GrantType,
//!     oauth::{
//!         Authorization, AuthorizationServer, CallbackListener, OAuthError, oauth2::TokenResponse,
//!     },
//! };
//!
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
//!     println!("open {} in a browser", authorization.url());
//!     // The URL to which the server redirected the browser.
//!     let callback = listener.wait(&authorization).await?;
//!
//!     let token = authorization.exchange_code(&callback)?.request_async(poggio).await?;
//!     println!("a token for {:?}", token.expires_in());
//!
//!     if let Some(refresh_token) = token.refresh_token() {
//!         let next = oauth.exchange_refresh_token(refresh_token).request_async(poggio).await?;
//!         // Without a new refresh token, the old one stays valid.
//!         let refresh_token = next.refresh_token().unwrap_or(refresh_token);
//! #       let _ = refresh_token;
//!     }
//!     Ok(())
//! }
//! ```
//!
//! A token for a client without users. `org_id` and `user_id` are parameters of Poggio's token
//! endpoint, and `resource` (RFC 8707) names its MCP server:
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

mod access_token;
mod authorization;
mod callback_listener;
mod client;
mod discovery;
mod error;
mod http;
mod recovery;
mod server;
mod session;
mod token_error;
mod unreadable;

pub use access_token::AccessToken;
pub use authorization::Authorization;
pub use callback_listener::CallbackListener;
pub use client::OAuth2Client;
#[cfg(any(fuzzing, feature = "__bench"))]
pub(crate) use discovery::parts::{issuers, servers};
pub use error::{OAuthError, OAuthErrorKind};
#[cfg(any(fuzzing, feature = "__bench"))]
pub(crate) use http::read_response;
/// The crate that builds token requests and parses their responses.
pub use oauth2;
pub use recovery::Recovery;
pub use server::AuthorizationServer;
pub use session::{LoginOptions, Logout, SavedLogin, Session, SessionBuilder};
pub use token_error::TokenError;
