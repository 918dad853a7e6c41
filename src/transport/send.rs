//! Sends a request: one attempt up to a deadline, and the loop of retries.
//!
//! Nothing here depends on what the request is for. `retry` decides about retries, and `body` reads the
//! response body.

use std::{mem, pin::pin, time::Duration};

use reqwest::{
    Request, Url,
    header::{HeaderValue, USER_AGENT},
};
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    body,
    deadline::{ends_before, with_deadline},
    retry::{self, AttemptOutcome},
    retry_after,
    sent_mark::SentMark,
};
use crate::{
    error::{FailureKind, TransportFailure},
    response::Response,
};

/// The settings for sending requests.
#[derive(Debug)]
pub(crate) struct Transport {
    /// The registration endpoint.
    pub(crate) endpoint: Url,
    pub(crate) authorization: Option<HeaderValue>,
    pub(crate) user_agent: HeaderValue,
    /// The timeout of a whole call, including waits and retries. A value too large for `Instant` means
    /// no timeout.
    pub(crate) timeout: Duration,
    pub(crate) max_retries: u32,
    pub(crate) max_response_bytes: usize,
}

impl Transport {
    /// Makes attempts until the last one is not retried. A retry that would start after the deadline is
    /// not made. Each attempt returns the response with its decoded body.
    pub(crate) async fn send<T, F>(
        &self,
        mut attempt: impl FnMut(Option<Instant>) -> F,
    ) -> Result<(Response, T), TransportFailure>
    where
        F: Future<Output = Result<(Response, T), TransportFailure>>,
    {
        let deadline = Instant::now().checked_add(self.timeout);
        let mut attempts = 0;
        loop {
            attempts += 1;
            let mut result = attempt(deadline).await;
            match &mut result {
                Ok((response, _)) => response.attempts = attempts,
                Err(failure) => failure.attempts = attempts,
            }
            let outcome = AttemptOutcome::new(result.as_ref().map(|(response, _)| response));
            let wait = retry::wait(&outcome, attempts, self.max_retries);
            let Some(wait) = wait.filter(|wait| ends_before(*wait, deadline)) else {
                return result;
            };
            tracing::info!(
                attempts,
                wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                status = result.as_ref().ok().map(|(response, _)| response.status.as_u16()),
                "retrying, because the server did not act on the request"
            );
            sleep(wait).await;
        }
    }

    /// Sends a request and reads the response, up to the deadline. A response from a URL other than
    /// `endpoint` is a failure.
    pub(crate) async fn attempt(
        &self,
        http: &reqwest::Client,
        mut request: Request,
        endpoint: &Url,
        deadline: Option<Instant>,
    ) -> Result<Response, TransportFailure> {
        request.headers_mut().insert(USER_AGENT, self.user_agent.clone());
        // Without a body to mark, a request counts as sent once there is a connection.
        let mark = request.body().is_some().then(|| SentMark::attach(&mut request));
        let fail = |kind, source| {
            let sent = mark.as_ref().map_or(kind != FailureKind::Connect, SentMark::is_sent);
            TransportFailure { sent, kind, source, attempts: 0 }
        };
        // One timer for the response and its body.
        let mut deadline = pin!(deadline.map(sleep_until));
        let mut response = match with_deadline(deadline.as_mut(), http.execute(request)).await {
            None => return Err(fail(FailureKind::Timeout, None)),
            Some(Err(error)) => {
                return Err(fail(failure_kind(&error, mark.as_ref()), Some(error)));
            }
            Some(Ok(response)) => response,
        };
        if response.url() != endpoint {
            return Err(fail(FailureKind::Redirected, None));
        }
        let (status, headers) = (response.status(), mem::take(response.headers_mut()));
        let (body, truncated) = body::read(&mut response, self.max_response_bytes, deadline).await;
        let retry_after = retry_after::read(&headers);
        Ok(Response { status, headers, body, truncated, retry_after, attempts: 1 })
    }
}

fn failure_kind(error: &reqwest::Error, mark: Option<&SentMark>) -> FailureKind {
    if error.is_connect() && mark.is_some_and(SentMark::is_sent) {
        // The request was sent, so the failed connection is one to the target of a redirect.
        FailureKind::Redirected
    } else if error.is_connect() {
        FailureKind::Connect
    } else if error.is_timeout() {
        FailureKind::Timeout
    } else if mark.is_some_and(|mark| !mark.is_sent()) {
        FailureKind::Connect
    } else {
        FailureKind::Broken
    }
}
