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
mod client;
mod discovery;
mod error;
mod http;
mod renewal;
mod server;
mod token_error;

pub use authorization::Authorization;
pub use callback_listener::CallbackListener;
pub use client::OAuth2Client;
pub use error::{OAuthError, OAuthErrorKind};
/// The crate that builds and reads the requests for tokens.
pub use oauth2;
pub use server::AuthorizationServer;
pub use token_error::TokenError;
