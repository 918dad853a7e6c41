//! [`Server`]: starts it, controls it, and returns what it recorded.

use std::{
    fmt,
    net::TcpListener,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use wiremock::{Mock, MockServer, MockServerBuilder, Request, matchers::any};

use super::{authorize, discovery, received::Received, reply::Reply, router::Router, token};
use crate::{
    client::{Client, ClientBuilder},
    response::ClientInformation,
    url::is_loopback,
};

/// A loopback server on 127.0.0.1. Each has another port. It stops when it is dropped.
///
/// # Examples
///
/// ```
/// use poggio::{ClientMetadata, Outcome, testing::{Reply, Server}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let server = Server::start().await;
/// server.script([Reply::status(500)]);
/// let poggio = server.client();
/// let metadata = ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback");
///
/// let error = poggio.register(&metadata).await.unwrap_err();
/// assert_eq!(error.outcome(), Outcome::Unknown);
/// let client = poggio.register(&metadata).await.unwrap();
/// assert_eq!(client.client_id, "loopback-client-1");
/// assert_eq!(server.requests().len(), 2);
/// assert_eq!(server.registrations()[0].metadata(), Some(metadata));
/// # }
/// ```
#[doc(alias("mock", "fake", "emulator"))]
pub struct Server {
    http: MockServer,
    router: Arc<Mutex<Router>>,
}

impl Server {
    /// Starts a server on any free port.
    pub async fn start() -> Self {
        Self::start_with(MockServer::builder()).await
    }

    /// Starts a server on a listener that is bound to a loopback address. With the same port on each
    /// run, it finds the clients that a store keeps for this address.
    pub async fn start_on(listener: TcpListener) -> Self {
        Self::start_with(MockServer::builder().listener(listener)).await
    }

    async fn start_with(builder: MockServerBuilder) -> Self {
        let http = builder.disable_request_recording().start().await;
        let mut router = Router::default();
        router.state.base_url = http.uri();
        let router = Arc::new(Mutex::new(router));
        let matching = Arc::clone(&router);
        Mock::given(move |request: &Request| lock(&matching).drops_connection(request))
            .respond_with_err(|_: &Request| std::io::Error::other("scripted disconnect"))
            .with_priority(1)
            .mount(&http)
            .await;
        let responding = Arc::clone(&router);
        Mock::given(any())
            .respond_with(move |request: &Request| {
                lock(&responding).respond(request).into_template()
            })
            .mount(&http)
            .await;
        Self { http, router }
    }

    fn router(&self) -> MutexGuard<'_, Router> {
        lock(&self.router)
    }

    /// Returns the base URL, such as `http://127.0.0.1:49152`.
    #[must_use]
    pub fn base_url(&self) -> String {
        self.http.uri()
    }

    /// Returns a client for this server with the default settings.
    ///
    /// # Panics
    ///
    /// Panics if this machine cannot create an HTTP client.
    #[must_use]
    pub fn client(&self) -> Client {
        let client = self.client_builder().build();
        client.unwrap_or_else(|error| {
            panic!("could not build a client for the loopback server: {error}")
        })
    }

    /// Returns a builder with this server's base URL, for a client with other settings.
    pub fn client_builder(&self) -> ClientBuilder {
        Client::builder().base_url(self.base_url())
    }

    /// Returns the issuer, which is the base URL.
    #[must_use]
    pub fn issuer(&self) -> String {
        self.base_url()
    }

    /// Returns the URL of the authorization page, which requires PKCE with S256.
    #[must_use]
    pub fn authorization_endpoint(&self) -> String {
        format!("{}{}", self.base_url(), authorize::PATH)
    }

    /// Returns the URL of the token endpoint, which also exists under `/v2`.
    ///
    /// A code can be used once, for 10 minutes. An access token expires after one hour. Public clients
    /// get a new refresh token with each refresh. Reuse of a code or of a replaced refresh token
    /// revokes all tokens of the login.
    #[must_use]
    pub fn token_endpoint(&self) -> String {
        format!("{}{}", self.base_url(), token::PATHS[0])
    }

    /// Returns the URL of an MCP endpoint, which requires an access token for its URL as the
    /// `resource` (RFC 8707), and otherwise responds 401 with a challenge.
    #[must_use]
    pub fn mcp_url(&self) -> String {
        format!("{}{}", self.base_url(), discovery::MCP)
    }

    /// Adds replies to the script of the registration endpoint. Each of the next registrations takes
    /// one; after the last one, the server responds as without a script.
    ///
    /// The server remembers a client as a successful response describes it, with changed members.
    pub fn script(&self, replies: impl IntoIterator<Item = Reply>) {
        self.router().registrations.script.extend(replies);
    }

    /// Adds replies to the script of the token endpoint.
    pub fn script_token(&self, replies: impl IntoIterator<Item = Reply>) {
        self.router().tokens.script.extend(replies);
    }

    /// Returns every registration request in order of arrival, and the requests to unknown paths.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        self.router().registrations.received.clone()
    }

    /// Returns the requests that registered a client: those with a success status.
    #[must_use]
    pub fn registrations(&self) -> Vec<Received> {
        let requests = self.requests().into_iter();
        requests.filter(|received| matches!(received.status(), Some(200..=299))).collect()
    }

    /// Returns every token request in order of arrival; see [`Received::field`].
    #[must_use]
    pub fn token_requests(&self) -> Vec<Received> {
        self.router().tokens.received.clone()
    }

    /// Allows an authorization request as a user does in a browser, and returns the URL that the
    /// browser would open next: the redirect URI with a code, or with an error.
    ///
    /// # Panics
    ///
    /// Panics if the server shows an error page instead, because the client or its redirect URI is
    /// not registered, or if the host of the URL is not a loopback host.
    pub async fn allow(&self, authorization_url: &str) -> String {
        self.decide(authorization_url, "allow").await
    }

    /// Denies an authorization request, and returns the URL that the browser would open next.
    ///
    /// # Panics
    ///
    /// Panics in the same cases as [`allow`](Self::allow).
    pub async fn deny(&self, authorization_url: &str) -> String {
        self.decide(authorization_url, "deny").await
    }

    async fn decide(&self, url: &str, decision: &str) -> String {
        let parsed = reqwest::Url::parse(url).ok();
        let is_local = parsed.is_some_and(|url| url.host_str().is_some_and(is_loopback));
        assert!(is_local, "{url} is not the URL of a loopback server");
        let request = self.client().http().post(url).body(format!("decision={decision}"));
        let response = request.send().await;
        let response = response.unwrap_or_else(|error| panic!("the request failed: {error}"));
        match response.headers().get("location").and_then(|url| url.to_str().ok()) {
            Some(url) => url.to_owned(),
            None => {
                panic!("the server did not redirect: {}", response.text().await.unwrap_or_default())
            }
        }
    }

    /// Adds a client that is already registered, such as one of an earlier run. A new server has no
    /// clients.
    pub fn add_client(&self, client: &ClientInformation) {
        self.router().state.add_client(client.clone());
    }

    /// Removes a client, its codes and its tokens, so that its requests fail with `invalid_client`.
    pub fn revoke_client(&self, client_id: &str) {
        self.router().state.revoke_client(client_id);
    }

    /// Sets whether clients with a secret also get a new refresh token with each refresh. The
    /// default is false: their refresh tokens stay valid.
    pub fn rotate_refresh_tokens(&self, on: bool) {
        self.router().state.rotates_refresh_tokens = on;
    }

    /// Moves the server's clock forward, so that codes, tokens and secrets expire.
    pub fn advance_clock(&self, by: Duration) {
        self.router().state.clock_offset += by;
    }

    /// Makes later IDs, secrets, codes and tokens random, and times of issue current, as on a real
    /// server.
    pub fn use_random_ids(&self) {
        self.router().state.uses_random_ids = true;
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("base_url", &self.base_url()).finish_non_exhaustive()
    }
}

fn lock(router: &Mutex<Router>) -> MutexGuard<'_, Router> {
    router.lock().unwrap_or_else(PoisonError::into_inner)
}
