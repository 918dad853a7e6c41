//! One attempt of the generated client, and the record of its result.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use reqwest::{Request, Url, header::AUTHORIZATION};
use tokio::time::Instant;

use super::send::Transport;
use crate::{error::TransportFailure, response::Response};

/// Sends the request of the generated client, and records the result.
pub(crate) struct Attempt {
    transport: Arc<Transport>,
    deadline: Option<Instant>,
    recorded: Mutex<Option<Result<Response, TransportFailure>>>,
}

impl Attempt {
    pub(crate) fn new(transport: Arc<Transport>, deadline: Option<Instant>) -> Self {
        Self { transport, deadline, recorded: Mutex::default() }
    }

    /// Returns the URL that the generated client sends to.
    pub(crate) fn endpoint(&self) -> Url {
        self.transport.endpoint.clone()
    }

    /// Sends the request and records the result. Returns the response for the generated client to
    /// decode, which shares its body with the recorded one.
    ///
    /// If no response arrived, returns an empty one, because the generated client accepts only a
    /// `reqwest::Error` as an error, which this crate cannot create. It is not decoded as a client, and
    /// the recorded failure is returned.
    pub(crate) async fn run(
        &self,
        http: &reqwest::Client,
        mut request: Request,
    ) -> reqwest::Response {
        let transport = &self.transport;
        if let Some(authorization) = &transport.authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        let (endpoint, host) = (&transport.endpoint, &transport.host);
        let result = transport.attempt(http, request, endpoint, host, self.deadline).await;
        let response = result.as_ref().map_or_else(
            |_| http::Response::new(Bytes::new()),
            |received| received.to_http(endpoint.clone()),
        );
        *self.lock() = Some(result);
        response.into()
    }

    /// Takes the recorded result, or returns `None` if `run` was not called.
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
