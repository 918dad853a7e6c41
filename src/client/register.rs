//! A registration: validation, the generated client, and its decoded response.

use std::sync::Arc;

use tokio::time::Instant;
use tracing::{Instrument, Span, field};

use super::{
    handle::Client,
    mapping::{self, Decoded},
};
use crate::{
    error::{Error, FailureKind, Outcome, TransportFailure},
    generated,
    metadata::ClientMetadata,
    response::{ClientInformation, Response, ResponseMeta},
    transport::Attempt,
};

impl Client {
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
        let span = tracing::info_span!(
            "poggio.register",
            endpoint = self.registration_endpoint(),
            status = field::Empty,
            attempts = field::Empty,
            client_id = field::Empty,
            outcome = field::Empty,
        );
        let result = self.validate_and_send(metadata).instrument(span.clone()).await;
        record(&span, &result);
        result
    }

    async fn validate_and_send(
        &self,
        metadata: &ClientMetadata,
    ) -> Result<ClientInformation, Error> {
        if self.local_validation() {
            metadata.validate()?;
        }
        let transport = self.transport();
        let token = self.shared.token.as_ref();
        match transport.send(|deadline| self.attempt(metadata, deadline)).await {
            Ok((response, decoded)) => mapping::result(response, decoded, metadata, token),
            Err(failure) => Err(mapping::transport_error(failure, transport)),
        }
    }

    async fn attempt(
        &self,
        metadata: &ClientMetadata,
        deadline: Option<Instant>,
    ) -> Result<(Response, Decoded), TransportFailure> {
        let attempt = Attempt::new(Arc::clone(&self.shared.transport), deadline);
        // The URL comes from the attempt.
        let generated = generated::Client::new_with_client("", self.http.clone(), attempt);
        let decoded = match generated.register_client(metadata).await {
            Ok(client) => Decoded::Client(client.into_inner()),
            Err(progenitor_client::Error::ErrorResponse(body)) => {
                Decoded::ValidationErrors(body.into_inner())
            }
            // Never displayed, because it prints bodies.
            Err(_) => Decoded::Nothing,
        };
        match progenitor_client::ClientInfo::inner(&generated).take() {
            Some(recorded) => recorded.map(|response| (response, decoded)),
            // Not reached: the request can be built, because its URL was parsed with the base URL.
            None => Err(TransportFailure {
                sent: false,
                kind: FailureKind::Connect,
                source: None,
                attempts: 0,
            }),
        }
    }
}

fn record(span: &Span, result: &Result<ClientInformation, Error>) {
    let (status, attempts) = match result {
        Ok(client) => {
            let response = client.response();
            (response.map(ResponseMeta::status), response.map_or(0, ResponseMeta::attempts))
        }
        Err(error) => (error.status(), error.attempts()),
    };
    span.record("status", status.map(|status| status.as_u16()));
    span.record("attempts", attempts);
    match result {
        Ok(client) => {
            // Debug escapes what would steer a terminal.
            span.record("client_id", field::debug(&client.client_id));
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
