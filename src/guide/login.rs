//! Login and tokens: from a registered client to an access token that stays valid.
//!
//! Users who must log in every hour, or who lose their login because two processes refreshed a token
//! at once, blame your application. A [`Session`](crate::oauth::Session) keeps a login: the registered
//! client, its server, and the tokens of one account, in a [store](super::stores).
//!
//! ```toml
//! [dependencies]
//! poggio = { version = "0.1", features = ["oauth2"] }
//! tokio = { version = "1", features = ["macros", "rt-multi-thread"] }
//! ```
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use poggio::oauth::{LoginOptions, OAuthError, Recovery, Session};
//! use poggio::reqwest::{Method, Request};
//! use poggio::{Client, FileStore};
//!
//! const MCP_SERVER: &str = "https://mcp.poggio.io/mcp";
//!
//! #[tokio::main]
//! async fn main() -> Result<(), OAuthError> {
//!     let poggio = Client::from_env()?;
//!     let store = Arc::new(FileStore::for_app("acme-sync")?);
//!     let session = Session::builder(&poggio, store).resource(MCP_SERVER).build()?;
//!
//!     match session.access_token().await {
//!         Err(error) if error.recovery() == Recovery::LogIn => {
//!             session.login(LoginOptions::new()).await?; // opens the browser
//!         }
//!         result => println!("expires at {:?}", result?.expires_at()),
//!     }
//!     let url = MCP_SERVER.parse().expect("it is a URL");
//!     let response = session.execute(Request::new(Method::GET, url)).await?;
//!     println!("{}", response.status());
//!     Ok(())
//! }
//! ```
//!
//! | method | what it does |
//! | --- | --- |
//! | [`access_token`](crate::oauth::Session::access_token) | returns an [`AccessToken`](crate::oauth::AccessToken) that is valid now; never opens a browser |
//! | [`login`](crate::oauth::Session::login) | registers a client if the store has none, opens the browser, listens on a loopback port, exchanges the code, saves the tokens |
//! | [`execute`](crate::oauth::Session::execute) | sends a request with the token, to the origin of the base URL or of the `resource` only; after a 401, refreshes the token once for all callers and sends the request once more |
//! | [`logout`](crate::oauth::Session::logout) | erases the account's tokens, and revokes them if the server has a revocation endpoint |
//!
//! # Refresh
//!
//! A token is replaced a minute before it expires
//! ([`refresh_margin`](crate::oauth::SessionBuilder::refresh_margin)), whichever task, process or host
//! asks first, and is returned to the others until then. The new token is saved before it is
//! returned. If you drop the future, the refresh is completed and saved. If the server responds with
//! `invalid_grant`, the login ends; after a timeout, a 429 or a 5xx, it stays as it is.
//!
//! # Login options
//!
//! [`LoginOptions`](crate::oauth::LoginOptions) has the timeout, the redirect URI, the scopes and the
//! way to the browser. A program without a browser, such as one in an SSH session, prints the URL, and
//! its user pastes the URL to which the browser was redirected:
//!
//! ```
//! use poggio::oauth::{LoginOptions, OAuthError, Session};
//!
//! /// `line` reads a line from the terminal.
//! async fn log_in(
//!     session: &Session,
//!     line: impl Future<Output = String> + Send + 'static,
//! ) -> Result<(), OAuthError> {
//!     let options = LoginOptions::new()
//!         .browser(false)
//!         .on_url(|url| println!("Open {url} and paste the URL that it leads to:"))
//!         .pasted(line);
//!     session.login(options).await?;
//!     Ok(())
//! }
//! ```
//!
//! # Accounts
//!
//! Each [`account`](crate::oauth::SessionBuilder::account) has its own token document beside the
//! registration, so one user's login never replaces another's, and all users share the client.
//!
//! # Web backends
//!
//! A backend receives the callback itself. It begins the login in one request and finishes it in
//! another, which may reach another process.
//! [`Authorization`](crate::oauth::Authorization) has the URL with PKCE and state, and its
//! [JSON](crate::oauth::Authorization::expose_json) is in the clear: keep it in a database row or an
//! encrypted cookie of that browser, and delete it afterwards.
//!
//! ```
//! use poggio::{oauth::{OAuthError, Session}, serde_json::Value};
//!
//! /// Returns the URL for the browser, and the login to save.
//! async fn begin(session: &Session) -> Result<(String, Value), OAuthError> {
//!     let authorization = session.begin_login().await?;
//!     Ok((authorization.url().to_string(), authorization.expose_json()))
//! }
//!
//! /// Handles the request to the redirect URI.
//! async fn finish(session: &Session, saved: &Value, url: &str) -> Result<(), OAuthError> {
//!     let authorization = session.restore_login(saved).await?;
//!     session.finish_login(authorization, url).await?;
//!     Ok(())
//! }
//! ```
//!
//! # Clients without users
//!
//! Metadata of [`client_credentials`](crate::ClientMetadata::client_credentials) makes a session
//! without users. Its tokens are kept by scopes, resource and parameters such as Poggio's `org_id`:
//!
//! ```
//! use std::sync::Arc;
//! use poggio::{Client, ClientMetadata, FileStore, oauth::{AccessToken, OAuthError, Session}};
//!
//! async fn token(poggio: &Client, organization: &str) -> Result<AccessToken, OAuthError> {
//!     let session = Session::builder(poggio, Arc::new(FileStore::for_app("acme-export")?))
//!         .metadata(ClientMetadata::client_credentials().with_client_name("nightly export"))
//!         .token_param("org_id", organization)
//!         .build()?;
//!     session.access_token().await
//! }
//! ```
//!
//! # More scopes (step-up)
//!
//! If a resource requires more scopes, `execute` returns an error of the kind
//! [`InsufficientScope`](crate::oauth::OAuthErrorKind::InsufficientScope). Log in again with its
//! [`required_scopes`](crate::oauth::OAuthError::required_scopes) in
//! [`add_scopes`](crate::oauth::LoginOptions::add_scopes), then send the request again.
//!
//! # Other servers
//!
//! [`discover`](crate::Client::discover) finds the endpoints of an issuer, and
//! [`discover_for`](crate::Client::discover_for) those for an MCP server or another protected
//! resource. Pass the [`AuthorizationServer`](crate::oauth::AuthorizationServer) to
//! [`SessionBuilder::server`](crate::oauth::SessionBuilder::server): the session then registers there,
//! for that resource; see the page [MCP](super::mcp). A client and its tokens are used only at their own server (RFC 9700 section 4.4).
//! If a server registers no clients, import the one that it gave you with
//! [`import_client`](crate::oauth::Session::import_client). If a server refuses loopback redirect URIs,
//! add [`application_type`](crate::ClientMetadata::with_additional) `native` to the metadata.
//!
//! # Without a session
//!
//! The module [`oauth`](crate::oauth) has the parts: a registered client for the crate `oauth2`,
//! [`CallbackListener`](crate::oauth::CallbackListener), and token requests that follow no redirect,
//! require https, and put no secret into an error.
