//! A loopback server for tests of programs that register clients and obtain tokens (feature
//! `testing`), and a conformance suite for stores.
//!
//! [`Server`] registers clients as Poggio's FastAPI server does, and has an authorization page, a token
//! endpoint, discovery documents, and an MCP endpoint that requires a token. It records requests, and
//! a script of [`Reply`]s replaces its responses. IDs, secrets and times are the same on every run, so
//! snapshots of a program's output are stable. It accepts requests for loopback hosts only.
//!
//! [`check_store`] checks an implementation of [`RegistrationStore`](crate::RegistrationStore).
//!
//! ```toml
//! [dev-dependencies]
//! poggio = { version = "0.1", features = ["testing"] }
//! ```

mod authorize;
mod check_store;
mod discovery;
mod params;
mod received;
mod registration;
mod reply;
mod router;
mod server;
mod state;
mod token;

pub use check_store::check_store;
pub use received::Received;
pub use reply::Reply;
pub use server::Server;
