//! Test your program against a Poggio on loopback: no network, no account, no registration that stays.
//!
//! The feature `testing` has a [`Server`](crate::testing::Server) that registers clients, logs users
//! in, issues tokens, and has an MCP endpoint that requires one. It responds as a FastAPI server does,
//! records the requests, and issues the same ids, secrets and times on every run.
//!
//! ```toml
//! [dev-dependencies]
//! insta = "1"
//! poggio = { version = "0.1", features = ["oauth2", "testing"] }
//! tempfile = "3"
//! tokio = { version = "1", features = ["macros", "rt-multi-thread"] }
//! ```
//!
//! # Registrations and failures
//!
//! ```
//! use poggio::{ClientMetadata, testing::{Reply, Server}};
//!
//! #[tokio::main] // in a test: #[tokio::test]
//! async fn main() -> Result<(), poggio::Error> {
//!     let server = Server::start().await;
//!     let poggio = server.client(); // a program reads server.base_url() from POGGIO_BASE_URL
//!
//!     // The first request is rate limited, the second succeeds.
//!     server.script([Reply::status(429).with_header("retry-after", "0")]);
//!
//!     let metadata = ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback");
//!     let client = poggio.register(&metadata).await?;
//!
//!     assert_eq!(client.client_id, "loopback-client-1");
//!     assert_eq!(client.response().map(|response| response.attempts()), Some(2));
//!     assert_eq!(server.requests().len(), 2);
//!     assert_eq!(server.registrations().len(), 1);
//!     Ok(())
//! }
//! ```
//!
//! [`script`](crate::testing::Server::script) replaces the next responses. A
//! [`Reply`](crate::testing::Reply) is one of these:
//!
//! | replies | for |
//! | --- | --- |
//! | `rate_limited`, `refused`, `cut_off`, `wrapped`, `lenient_shapes`, `reduced_grants` | a situation by name |
//! | `status`, `json`, `text`, `html`, `bytes` | a response of your own |
//! | `registered`, `issued`, with `with_member` and `without_member` | the server's own response, changed |
//! | `disconnect` | a connection that breaks after the request |
//!
//! Each reply can have headers (`with_header`) and a delay (`with_delay`).
//!
//! # A login without a browser
//!
//! [`allow`](crate::testing::Server::allow) and [`deny`](crate::testing::Server::deny) submit the
//! authorization page as a user does, and return the callback URL. The paths and ports differ on each
//! run, so a snapshot must not contain them.
//!
//! ```
//! use std::sync::Arc;
//!
//! use poggio::oauth::{LoginOptions, Session};
//! use poggio::{FileStore, testing::Server};
//! use tokio::sync::oneshot;
//!
//! #[tokio::main] // in a test: #[tokio::test]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let server = Server::start().await;
//!     let poggio = server.client();
//!     let folder = tempfile::tempdir()?;
//!     let store = Arc::new(FileStore::new(folder.path().join("client.json"))?);
//!     let endpoints = poggio.discover(&server.issuer()).await?;
//!     let session = Session::builder(&poggio, store).server(endpoints).build()?;
//!
//!     let (send_url, url) = oneshot::channel();
//!     let (paste, pasted) = oneshot::channel();
//!     let options = LoginOptions::new()
//!         .browser(false)
//!         .on_url(|url| send_url.send(url.to_owned()).expect("the test waits for the URL"))
//!         .pasted(async { pasted.await.expect("the test pastes a URL") });
//!     let user = async {
//!         let url = url.await.expect("the login shows a URL");
//!         paste.send(server.allow(&url).await).expect("the login waits for the callback");
//!     };
//!     let (token, ()) = tokio::join!(session.login(options), user);
//!
//!     insta::assert_debug_snapshot!(token?.scopes(), @"[]");
//!     Ok(())
//! }
//! ```
//!
//! # More of the server
//!
//! | to test | call |
//! | --- | --- |
//! | errors of the token endpoint | [`script_token`](crate::testing::Server::script_token), [`token_requests`](crate::testing::Server::token_requests) |
//! | a client that the server no longer accepts | [`revoke_client`](crate::testing::Server::revoke_client) |
//! | expired tokens and secrets | [`advance_clock`](crate::testing::Server::advance_clock), or [`Reply::issued`](crate::testing::Reply::issued) with another `expires_in` |
//! | refresh tokens that change | [`rotate_refresh_tokens`](crate::testing::Server::rotate_refresh_tokens) |
//! | an MCP server and its discovery | [`mcp_url`](crate::testing::Server::mcp_url) with [`discover_for`](crate::Client::discover_for) |
//! | programs that run twice | [`start_on`](crate::testing::Server::start_on) with the same port, and [`add_client`](crate::testing::Server::add_client) |
//!
//! [`check_store`](crate::testing::check_store) checks your own implementation of a
//! [`RegistrationStore`](crate::RegistrationStore).
