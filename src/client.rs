//! The client: its configuration, and its registrations.

mod builder;
mod environment;
mod http_client;
mod register_all;
mod register_once;
pub(crate) mod urls;

pub use builder::ClientBuilder;

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::Instant;
use tracing::{Instrument, Span, field};

use crate::{
    ClientInformation, ClientMetadata, Error, FieldWarning, Outcome, TransportError,
    UnreadableResponse,
    error::{self, Reason, ResponseHead},
    generated,
    information::{read, salvage},
    secret::BearerToken,
    text::Cleaner,
    transport::{Answer, Cut, Exchange, Failure, FailureKind, Pace, Transport},
};

/// Registers OAuth clients at Poggio. Cheap to clone; clones share their connections.
///
/// # Examples
///
/// ```no_run
/// use poggio::{Client, ClientMetadata};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), poggio::Error> {
/// let poggio = Client::new()?;
/// let metadata = ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback");
///
/// let client = poggio.register(&metadata).await?;
/// println!("registered as {}", client.client_id);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    shared: Arc<Shared>,
}

struct Shared {
    base_url: String,
    token: Option<BearerToken>,
    transport: Arc<Transport>,
    local_validation: bool,
    renewal_margin: Duration,
}

impl Client {
    /// Returns a client for `https://api.poggio.io` without a token.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] where TLS cannot be set up: the platform's certificates cannot be read,
    /// or this crate was built without a TLS feature.
    pub fn new() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// Returns a builder with the defaults.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    /// Returns a client for the base URL in `POGGIO_BASE_URL`, with the token in
    /// `POGGIO_AUTH_TOKEN`. A variable that is unset or empty leaves the default.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] that names the variable and what is wrong with its value.
    pub fn from_env() -> Result<Self, Error> {
        Self::builder().from_env()?.build()
    }

    /// Returns the base URL, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.shared.base_url
    }

    /// Returns the URL that registrations are sent to.
    #[must_use]
    pub fn registration_endpoint(&self) -> &str {
        self.shared.transport.endpoint.as_str()
    }

    /// Registers a client described by `metadata`.
    ///
    /// Each call makes a new client: a program that will run again wants
    /// [`register_once`](Self::register_once).
    ///
    /// The metadata is checked first, unless
    /// [`local_validation`](ClientBuilder::local_validation) is off. The request is sent again by
    /// itself only where it is certain that the server did not act on it.
    ///
    /// Needs a tokio runtime with time and I/O enabled. A future that is dropped before it is
    /// done leaves the outcome [`Unknown`](crate::Outcome::Unknown).
    ///
    /// Source: RFC 7591 section 3.
    ///
    /// # Errors
    ///
    /// See [`Error`] for what happened, and [`Error::outcome`] for what became of the
    /// registration.
    ///
    /// # Examples
    ///
    /// ```
    /// use poggio::{ClientMetadata, testing::Server};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), poggio::Error> {
    /// let server = Server::start().await;
    /// let metadata = ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback");
    ///
    /// let client = server.client().register(&metadata).await?;
    ///
    /// assert_eq!(client.client_id, "loopback-client-1");
    /// assert_eq!(server.registrations().len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn register(&self, metadata: &ClientMetadata) -> Result<ClientInformation, Error> {
        self.register_at(metadata, None).await
    }

    /// Registers a client, at a pace that other calls share.
    async fn register_at(
        &self,
        metadata: &ClientMetadata,
        pace: Option<Arc<Pace>>,
    ) -> Result<ClientInformation, Error> {
        let span = tracing::info_span!(
            "poggio.register",
            endpoint = self.shared.transport.endpoint.as_str(),
            status = field::Empty,
            attempts = field::Empty,
            client_id = field::Empty,
            outcome = field::Empty,
        );
        let result = self.register_unobserved(metadata, pace).instrument(span.clone()).await;
        record(&span, &result);
        result
    }

    async fn register_unobserved(
        &self,
        metadata: &ClientMetadata,
        pace: Option<Arc<Pace>>,
    ) -> Result<ClientInformation, Error> {
        if self.shared.local_validation {
            metadata.validate()?;
        }
        let transport = &self.shared.transport;
        let attempt = |deadline| self.attempt(metadata, deadline);
        match transport.send(pace.as_deref(), attempt).await {
            Ok(answer) => self.read(answer, metadata),
            Err(failure) => Err(self.transport_error(failure)),
        }
    }

    async fn attempt(
        &self,
        metadata: &ClientMetadata,
        deadline: Option<Instant>,
    ) -> Result<Answer, Failure> {
        let exchange = Exchange::new(Arc::clone(&self.shared.transport), deadline);
        let generated = generated::Client::new_with_client(
            &self.shared.base_url,
            self.http.clone(),
            exchange.clone(),
        );
        // What came is in the exchange; what the generated client makes of it is blank.
        let _ = generated.register_client(metadata).await;
        // Not reached: that its request cannot be built was ruled out with the base URL.
        let unsent = Failure { sent: false, kind: FailureKind::Connect, source: None, attempts: 0 };
        exchange.take().unwrap_or(Err(unsent))
    }

    fn read(&self, answer: Answer, metadata: &ClientMetadata) -> Result<ClientInformation, Error> {
        let token = self.shared.token.as_ref().map(BearerToken::expose);
        if !answer.status.is_success() {
            return Err(error::answer::error(&answer, metadata, token));
        }
        let result = match answer.cut {
            Some(Cut::TooLarge(cap)) => Err(Reason::TooLarge(cap)),
            _ => read::answer(&answer.body),
        };
        let mut information = match result {
            Ok(information) => information,
            Err(reason) => return Err(unreadable(answer, reason, token)),
        };
        let cleaner = Cleaner::new(token, information.client_secret.as_ref());
        information.request_id = error::request_id(&answer.headers, &cleaner);
        information.status = Some(answer.status);
        information.attempts = answer.attempts;
        if answer.cut.is_some() {
            information.warnings.push(FieldWarning::new(
                "body",
                "the connection ended before the answer's declared end; its JSON is whole",
            ));
        }
        Ok(information)
    }

    #[cfg(feature = "oauth2")]
    pub(crate) fn transport(&self) -> &Transport {
        &self.shared.transport
    }

    #[cfg(feature = "oauth2")]
    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    fn transport_error(&self, failure: Failure) -> Error {
        let timeout = self.shared.transport.timeout;
        Error::Transport(TransportError::new(
            failure,
            self.shared.transport.endpoint.to_string(),
            timeout,
        ))
    }
}

fn unreadable(answer: Answer, reason: Reason, token: Option<&str>) -> Error {
    let salvaged = salvage::credentials(&answer.body);
    let cleaner = Cleaner::new(token, salvaged.client_secret.as_ref());
    let head = ResponseHead::of(&answer, &cleaner);
    let reason = match answer.cut {
        Some(Cut::Timeout) => Reason::CutByTimeout,
        Some(Cut::Broken(source)) => Reason::CutByConnection(source),
        Some(Cut::TooLarge(_)) | None => reason,
    };
    Error::Unreadable(UnreadableResponse::new(Some(head), reason, salvaged))
}

fn record(span: &Span, result: &Result<ClientInformation, Error>) {
    let (status, attempts) = match result {
        Ok(information) => (information.status(), information.attempts()),
        Err(error) => (error.status(), error.attempts()),
    };
    span.record("status", status.map(|status| status.as_u16()));
    span.record("attempts", attempts);
    match result {
        Ok(information) => {
            // Debug escapes what would steer a terminal.
            span.record("client_id", field::debug(&information.client_id));
            span.record("outcome", "registered");
        }
        Err(error) => {
            span.record(
                "outcome",
                match error.outcome() {
                    Outcome::NotRegistered => "not_registered",
                    Outcome::Unknown => "unknown",
                    Outcome::Registered => "registered_unreadable",
                },
            );
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.shared.base_url)
            .field("registration_endpoint", &self.registration_endpoint())
            .field("auth_token", &self.shared.token)
            .field("timeout", &self.shared.transport.timeout)
            .field("max_retries", &self.shared.transport.max_retries)
            .field("max_response_bytes", &self.shared.transport.max_response_bytes)
            .field("local_validation", &self.shared.local_validation)
            .finish_non_exhaustive()
    }
}
