//! `Client::register`: validates the metadata, calls the generated client, and records the span.

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
    /// Registers a new client with this metadata and returns its credentials.
    ///
    /// Every successful call creates one more client. Use [`register_once`](Self::register_once) in a
    /// program that runs more than once.
    ///
    /// The metadata is validated first, unless
    /// [`local_validation`](crate::ClientBuilder::local_validation) is off. The request is retried only
    /// if it is certain that the server did not act on it, and at most
    /// [`max_retries`](crate::ClientBuilder::max_retries) times.
    ///
    /// Requires a tokio runtime with time and I/O enabled. If you drop the future before it completes,
    /// the outcome is [`Unknown`](crate::Outcome::Unknown).
    ///
    /// Source: RFC 7591 section 3.
    ///
    /// # Errors
    ///
    /// * [`Error::Validation`]: the metadata is invalid. No client was registered.
    /// * [`Error::Api`]: the server rejected the request, and no client was registered. If the server
    ///   failed (5xx), the outcome is usually unknown.
    /// * [`Error::Transport`]: no response arrived. If the request was sent, the outcome is unknown;
    ///   otherwise no client was registered.
    /// * [`Error::Unreadable`]: a success response cannot be read. A client was registered, or, if
    ///   nothing in the response shows one, the outcome is unknown.
    ///
    /// [`Error::outcome`] returns the outcome of each error.
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
    #[doc(alias("dcr", "dynamic client registration", "rfc7591", "create_client"))]
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
            Ok((response, decoded)) => {
                let mut client = mapping::result(response, decoded, metadata, token)?;
                client.binding = Some(Arc::clone(self.binding()));
                Ok(client)
            }
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
            // The error is dropped, because its `Display` prints the body.
            Err(_) => Decoded::Nothing,
        };
        match progenitor_client::ClientInfo::inner(&generated).take() {
            Some(recorded) => recorded.map(|response| (response, decoded)),
            // Not reached: building the request cannot fail, because its URL was parsed before.
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
            // `Debug` escapes control characters.
            span.record("client_id", field::debug(client.shown_id()));
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
