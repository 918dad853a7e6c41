//! A loopback Poggio, for the tests of programs that register and get tokens (feature `testing`).
//!
//! [`Server`] answers as a FastAPI server of Poggio's shape does: unset members come back as
//! `null`, what is of the wrong type is refused with 422 and FastAPI's list of problems, the wrong
//! method with 405. It keeps what it was sent. Where a test wants another answer, it is given a
//! script of [`Reply`]s.
//!
//! It goes on to tokens: an authorization page for a person ([`Server::allow`] and
//! [`Server::deny`] press its buttons where there is no browser), a token endpoint that holds a
//! program to what it registered, the discovery documents, and an MCP server that wants a token.
//!
//! Its ids, secrets, codes, tokens and times are the same on every run, so that snapshots of a
//! program's output are stable.
//!
//! In a program's `Cargo.toml`:
//!
//! ```toml
//! [dev-dependencies]
//! poggio = { version = "0.1", features = ["testing"] }
//! ```

mod authenticate;
mod authorize;
mod check_store;
mod credentials;
mod discovery;
mod fastapi;
mod ledger;
mod page;
mod params;
mod person;
mod received;
mod reply;
mod scenarios;
mod state;
mod token;
mod tokens;

pub use check_store::check_store;
pub use received::Received;
pub use reply::Reply;

use std::{
    net::TcpListener,
    sync::{Arc, Mutex},
};

use wiremock::{Mock, MockServer, MockServerBuilder, Request, matchers::any};

use self::{
    credentials::Credentials,
    state::{State, lock},
};
use crate::{Client, ClientBuilder};

/// A Poggio on 127.0.0.1, on a port of its own, that ends when it is dropped.
///
/// # Examples
///
/// ```
/// use poggio::{ClientMetadata, Outcome, testing::{Reply, Server}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let server = Server::start().await;
/// let poggio = server.client();
/// let metadata = ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback");
///
/// // The first request finds the server failing, the next one a server that works.
/// server.script([Reply::status(500)]);
/// let error = poggio.register(&metadata).await.unwrap_err();
/// assert_eq!(error.outcome(), Outcome::Unknown);
///
/// let client = poggio.register(&metadata).await.unwrap();
/// assert_eq!(client.client_id, "loopback-client-1");
///
/// assert_eq!(server.requests().len(), 2);
/// let registrations = server.registrations();
/// assert_eq!(registrations.len(), 1);
/// assert_eq!(registrations[0].metadata(), Some(metadata));
/// # }
/// ```
#[derive(Debug)]
pub struct Server {
    http: MockServer,
    state: Arc<Mutex<State>>,
}

impl Server {
    /// Starts a server; any number can run side by side.
    pub async fn start() -> Self {
        Self::start_with(MockServer::builder()).await
    }

    /// Starts a server on a listener that is bound to an address of 127.0.0.1, such as one that is
    /// the same on every run: what a store keeps belongs to its server's address.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::net::TcpListener;
    /// use poggio::testing::Server;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let listener = TcpListener::bind("127.0.0.1:0")?; // or a port of your choice
    /// let address = listener.local_addr()?;
    /// let server = Server::start_on(listener).await;
    /// assert_eq!(server.base_url(), format!("http://{address}"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn start_on(listener: TcpListener) -> Self {
        Self::start_with(MockServer::builder().listener(listener)).await
    }

    async fn start_with(builder: MockServerBuilder) -> Self {
        let http = builder.disable_request_recording().start().await;
        let state = State::new(http.uri());
        let state = Arc::new(Mutex::new(state));

        let scripted = Arc::clone(&state);
        Mock::given(move |request: &Request| lock(&scripted).drops_connection(request))
            .respond_with_err(|_: &Request| std::io::Error::other("scripted disconnect"))
            .with_priority(1)
            .mount(&http)
            .await;

        let answering = Arc::clone(&state);
        Mock::given(any())
            .respond_with(move |request: &Request| lock(&answering).answer(request))
            .mount(&http)
            .await;
        Self { http, state }
    }

    /// Returns the base URL, such as `http://127.0.0.1:49152`.
    #[must_use]
    pub fn base_url(&self) -> String {
        self.http.uri()
    }

    /// Returns a client for this server, with the defaults.
    ///
    /// # Panics
    ///
    /// If no HTTP client can be made on this machine at all.
    #[must_use]
    pub fn client(&self) -> Client {
        match self.client_builder().build() {
            Ok(client) => client,
            // Nothing of it depends on the test, which could do nothing about it either.
            Err(error) => panic!("no client for the loopback server: {error}"),
        }
    }

    /// Returns a builder with this server's base URL set, for a client with other settings.
    pub fn client_builder(&self) -> ClientBuilder {
        Client::builder().base_url(self.base_url())
    }

    /// Adds replies to the script: the next registrations are answered with them, one each, in
    /// order; after the last, the server answers as it does by itself.
    ///
    /// A client is known from then on by what its answer grants it, changed members included.
    pub fn script(&self, replies: impl IntoIterator<Item = Reply>) {
        lock(&self.state).script.extend(replies);
    }

    /// Gives out random ids, secrets, codes and tokens and this machine's time from now on, as a
    /// real server does.
    pub fn randomize(&self) {
        lock(&self.state).credentials = Credentials::Random;
    }

    /// Returns every registration received so far, in order, whatever was answered, and what went
    /// to paths where there is nothing.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        lock(&self.state).received.clone()
    }

    /// Returns what was received and answered with a success status, in order: the clients that
    /// exist.
    #[must_use]
    pub fn registrations(&self) -> Vec<Received> {
        let requests = self.requests().into_iter();
        requests.filter(|received| matches!(received.status(), Some(200..=299))).collect()
    }
}
