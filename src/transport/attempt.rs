//! One attempt in the hands of the generated client, and the record of what it came to.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use reqwest::{Request, ResponseBuilderExt};
use tokio::time::Instant;

use super::send::Transport;
use crate::{error::TransportFailure, response::Response};

/// How the generated client sends its one request, and where the response is recorded.
pub(crate) struct Attempt {
    transport: Arc<Transport>,
    deadline: Option<Instant>,
    recorded: Mutex<Option<Result<Response, TransportFailure>>>,
}

impl Attempt {
    pub(crate) fn new(transport: Arc<Transport>, deadline: Option<Instant>) -> Self {
        Self { transport, deadline, recorded: Mutex::default() }
    }

    /// Sends the request to the endpoint and records what came of it. Returns the response to be
    /// decoded, which shares its body with the record; without a response, a placeholder, because the
    /// generated client expects an error of reqwest's that nobody can make.
    pub(crate) async fn run(
        &self,
        http: &reqwest::Client,
        mut request: Request,
    ) -> reqwest::Response {
        let transport = &self.transport;
        transport.address(&mut request);
        let endpoint = &transport.endpoint;
        let result = transport.attempt(http, request, endpoint, self.deadline).await;
        let mut response = http::Response::builder();
        let mut body = bytes::Bytes::new();
        if let Ok(received) = &result {
            // The URL is passed on, because reqwest parses a placeholder otherwise.
            response = response.status(received.status).url(endpoint.clone());
            body = received.body.clone();
        }
        *self.lock() = Some(result);
        // A status that was received is a valid one.
        response.body(body).map(Into::into).unwrap_or_else(|_| http::Response::new("").into())
    }

    /// Whether a response was recorded.
    pub(crate) fn has_response(&self) -> bool {
        matches!(*self.lock(), Some(Ok(_)))
    }

    /// Takes the record; `None` if nothing was sent.
    pub(crate) fn take(&self) -> Option<Result<Response, TransportFailure>> {
        self.lock().take()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Result<Response, TransportFailure>>> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt").finish_non_exhaustive()
    }
}
