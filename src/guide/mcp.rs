//! MCP clients: the crate `rmcp` with the tokens of a session.
//!
//! An MCP server requires an access token for each request. A [`Session`](crate::oauth::Session) has
//! one that is valid now, whatever expires or restarts. This page passes it to the client of
//! [`rmcp`](https://docs.rs/rmcp) 3.11.
//!
//! # The session
//!
//! [`discover_for`](crate::Client::discover_for) finds the authorization server of the MCP server. The
//! session requests tokens for this MCP server (RFC 8707) with the scopes that it requires, and
//! registers its client once:
//!
//! ```
//! use std::sync::Arc;
//! use poggio::{
//!     Client, FileStore,
//!     oauth::{LoginOptions, OAuthError, Recovery, Session},
//! };
//!
//! async fn session(url: &str) -> Result<Session, OAuthError> {
//!     let poggio = Client::from_env()?;
//!     let server = poggio.discover_for(url).await?;
//!     let store = Arc::new(FileStore::for_app("acme-agent")?);
//!     let session = Session::builder(&poggio, store).server(server).build()?;
//!     match session.access_token().await {
//!         Err(error) if error.recovery() == Recovery::LogIn => {
//!             session.login(LoginOptions::new()).await?; // opens the browser
//!         }
//!         result => drop(result?),
//!     }
//!     Ok(session)
//! }
//! ```
//!
//! For Poggio, the URL is `https://mcp.poggio.io/mcp`.
//!
//! # The connection
//!
//! `rmcp` reads the token from its `CredentialStore` before each request, and the session refreshes
//! the token before it expires. A connection works as long as the login, and a restart needs no other
//! login. `rmcp` itself stores and refreshes nothing.
//!
//! ```toml
//! [dependencies]
//! anyhow = "1"
//! async-trait = "0.1"
//! poggio = { version = "0.1", features = ["oauth2"] }
//! rmcp = { version = "3.11", features = ["auth", "client", "transport-streamable-http-client-reqwest"] }
//! ```
//!
//! <!-- ignore: rmcp is not a dependency of this crate. tests/interop/mcp compiles this code. -->
//! ```ignore
//! use anyhow::Result;
//! use async_trait::async_trait;
//! use poggio::{
//!     oauth::{LoginOptions, Session},
//!     reqwest,
//!     serde_json::{from_value, json},
//! };
//! use rmcp::{
//!     RoleClient, ServiceExt,
//!     model::{CallToolRequestParams, CallToolResult},
//!     service::{Peer, RunningService},
//!     transport::{
//!         StreamableHttpClientTransport,
//!         auth::{AuthClient, AuthError, AuthorizationManager, CredentialStore, StoredCredentials},
//!         streamable_http_client::StreamableHttpClientTransportConfig,
//!     },
//! };
//!
//! /// Gives rmcp the session's token for each request.
//! struct Tokens(Session);
//!
//! #[async_trait]
//! impl CredentialStore for Tokens {
//!     async fn load(&self) -> Result<Option<StoredCredentials>, AuthError> {
//!         let token = self.0.access_token().await;
//!         let token = token.map_err(|error| AuthError::CredentialStoreError(error.to_string()))?;
//!         let token = json!({"access_token": token.expose(), "token_type": "Bearer"});
//!         Ok(Some(StoredCredentials::new("".into(), from_value(token).ok(), Vec::new(), None)))
//!     }
//!     async fn save(&self, _: StoredCredentials) -> Result<(), AuthError> {
//!         Ok(())
//!     }
//!     async fn clear(&self) -> Result<(), AuthError> {
//!         Ok(())
//!     }
//! }
//!
//! pub async fn connect(session: &Session, url: &str) -> Result<RunningService<RoleClient, ()>> {
//!     let mut auth = AuthorizationManager::new(url).await?;
//!     auth.set_credential_store(Tokens(session.clone()));
//!     // rmcp does not use them. Without them, it reports a refused token as an internal error.
//!     auth.set_metadata(from_value(json!({"authorization_endpoint": url, "token_endpoint": url}))?);
//!     auth.configure_client_id("")?;
//!     let client = AuthClient::new(reqwest::Client::new(), auth);
//!     let config = StreamableHttpClientTransportConfig::with_uri(url);
//!     Ok(().serve(StreamableHttpClientTransport::with_client(client, config)).await?)
//! }
//! ```
//!
//! # If the server refuses the token
//!
//! A server may refuse a token before it expires, or require more scopes for a tool. The error of
//! `rmcp` then has the challenge. [`replace`](crate::oauth::Session::replace) refreshes the token, and
//! [`LoginOptions::challenge`](crate::oauth::LoginOptions::challenge) adds the scopes to those of the
//! token:
//!
//! <!-- ignore: rmcp is not a dependency of this crate. tests/interop/mcp compiles this code. -->
//! ```ignore
//! /// Calls a tool. If the server refuses the token, calls it once more with another one.
//! pub async fn call(
//!     client: &Peer<RoleClient>,
//!     session: &Session,
//!     tool: CallToolRequestParams,
//!     log_in: impl FnOnce() -> LoginOptions,
//! ) -> Result<CallToolResult> {
//!     let token = session.access_token().await?;
//!     let result = client.call_tool(tool.clone()).await;
//!     match result.as_ref().err().and_then(|error| error.auth_challenge()) {
//!         None => return Ok(result?),
//!         Some(challenge) if challenge.contains("insufficient_scope") => {
//!             session.login(log_in().challenge(challenge)).await?
//!         }
//!         Some(_) => session.replace(&token).await?,
//!     };
//!     Ok(client.call_tool(tool).await?)
//! }
//! ```
//!
//! Do not try more often: a server that sends the same challenge again does not accept this user.
//!
//! # If a GET request gets no challenge
//!
//! `discover_for` sends a GET request, to which some MCP servers respond without a challenge. If such a
//! server names its scopes or its metadata only in the challenge, connect without a token first
//! (`StreamableHttpClientTransport::from_uri`), and pass `auth_challenge()` of the error to
//! [`discover_for_challenge`](crate::Client::discover_for_challenge).
//!
//! # If the server registers no clients
//!
//! Register a client by hand, and pass its credentials to
//! [`import_client`](crate::oauth::Session::import_client) before the login.
