//! A loopback Poggio, for the tests of programs that register (feature `testing`).
//!
//! [`Server`] answers as a FastAPI server of Poggio's shape does: unset members come back as
//! `null`, what is of the wrong type is refused with 422 and FastAPI's list of problems, the wrong
//! method with 405. It keeps what it was sent. Where a test wants another answer, it is given a
//! script of [`Reply`]s.
//!
//! Its ids, secrets and times are the same on every run, so that snapshots of a program's output
//! are stable.
//!
//! In a program's `Cargo.toml`:
//!
//! ```toml
//! [dev-dependencies]
//! poggio = { version = "0.1", features = ["testing"] }
//! ```

mod fastapi;
mod received;
mod reply;
mod scenarios;
mod store;

pub use received::Received;
pub use reply::Reply;
pub use store::check_store;

use std::{
    collections::VecDeque,
    net::TcpListener,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use wiremock::{Mock, MockServer, MockServerBuilder, Request, ResponseTemplate, matchers::any};

use self::{fastapi::Credentials, reply::Kind};
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

#[derive(Debug, Default)]
struct State {
    script: VecDeque<Reply>,
    received: Vec<Received>,
    credentials: Credentials,
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
        let state = Arc::new(Mutex::new(State::default()));

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

    /// Adds replies to the script: the next requests are answered with them, one each, in order;
    /// after the last, the server answers as it does by itself.
    pub fn script(&self, replies: impl IntoIterator<Item = Reply>) {
        lock(&self.state).script.extend(replies);
    }

    /// Gives out random ids and secrets and this machine's time from now on, as a real server
    /// does.
    pub fn randomize(&self) {
        lock(&self.state).credentials = Credentials::Random;
    }

    /// Returns everything received so far, in order, whatever was answered.
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

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    /// Takes the next reply if it is to drop the connection.
    fn drops_connection(&mut self, request: &Request) -> bool {
        let is_next = matches!(self.script.front(), Some(Reply { kind: Kind::Disconnect, .. }));
        if is_next {
            self.script.pop_front();
            self.received.push(Received::new(request, None));
        }
        is_next
    }

    fn answer(&mut self, request: &Request) -> ResponseTemplate {
        let reply = self.script.pop_front().unwrap_or_else(Reply::registered);
        let (status, template) = reply.template(|changes| {
            let answer = fastapi::answer(request, &mut self.credentials);
            answer.changed(changes)
        });
        self.received.push(Received::new(request, Some(status)));
        template
    }
}
