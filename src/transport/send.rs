//! Sends a request: one attempt up to a deadline, and the loop of retries.
//!
//! Nothing here depends on what the request is for. `retry` decides about retries, and `body` reads the
//! response body.

use std::{mem, pin::pin, sync::Arc, time::Duration};

#[cfg(feature = "oauth2")]
use bytes::Bytes;
use reqwest::{
    Request, Url,
    header::{ACCEPT_ENCODING, HeaderValue, USER_AGENT},
};
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    body,
    deadline::{Deadline, ends_before},
    retry::{self, AttemptOutcome},
    retry_after,
    sent_mark::SentMark,
};
use crate::{
    error::{FailureKind, TransportFailure},
    response::Response,
};

/// The settings for sending requests.
#[derive(Clone, Debug)]
pub(crate) struct Transport {
    /// The registration endpoint.
    pub(crate) endpoint: Url,
    /// The host and port of the registration endpoint, for messages.
    pub(crate) host: Arc<str>,
    /// Set only if the registration endpoint has the origin that the token is for.
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
    /// `endpoint` is a failure. `host` is the host and port of `endpoint`.
    pub(crate) async fn attempt(
        &self,
        http: &reqwest::Client,
        request: Request,
        endpoint: &Url,
        host: &Arc<str>,
        deadline: Option<Instant>,
    ) -> Result<Response, TransportFailure> {
        // One timer for the response and its body.
        let timer = pin!(deadline.map(sleep_until));
        let mut deadline = Deadline::new(timer);
        let mut response = self.execute(http, request, endpoint, &mut deadline).await?;
        let (status, headers) = (response.status(), mem::take(response.headers_mut()));
        let limit = self.max_response_bytes;
        let (body, truncated) = body::read(&mut response, limit, &mut deadline).await;
        let retry_after = retry_after::read(&headers);
        let host = Arc::clone(host);
        Ok(Response { status, host, headers, body, truncated, retry_after, attempts: 1 })
    }

    /// Sends a request once, and returns the response without its body, which may have no end.
    #[cfg(feature = "oauth2")]
    pub(crate) async fn head(
        &self,
        http: &reqwest::Client,
        request: Request,
        endpoint: &Url,
        host: &Arc<str>,
    ) -> Result<Response, TransportFailure> {
        let timer = pin!(Instant::now().checked_add(self.timeout).map(sleep_until));
        let mut response = self.execute(http, request, endpoint, &mut Deadline::new(timer)).await?;
        let (status, headers) = (response.status(), mem::take(response.headers_mut()));
        let retry_after = retry_after::read(&headers);
        let (host, body) = (Arc::clone(host), Bytes::new());
        Ok(Response { status, host, headers, body, truncated: None, retry_after, attempts: 1 })
    }

    /// Sends a request, and returns the response before its body is read.
    async fn execute(
        &self,
        http: &reqwest::Client,
        mut request: Request,
        endpoint: &Url,
        deadline: &mut Deadline<'_>,
    ) -> Result<reqwest::Response, TransportFailure> {
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, self.user_agent.clone());
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        // Without a body to mark, a request counts as sent once there is a connection.
        let mark = request.body().is_some().then(|| SentMark::attach(&mut request));
        let is_sent = || mark.as_ref().is_none_or(SentMark::is_sent);
        match deadline.limit(http.execute(request), is_sent).await {
            None => Err(failure(FailureKind::Timeout, None, mark.as_ref())),
            Some(Err(error)) => {
                let kind = failure_kind(&error, mark.as_ref());
                Err(failure(kind, Some(error), mark.as_ref()))
            }
            Some(Ok(response)) if response.url() != endpoint => {
                Err(failure(FailureKind::Redirected, None, mark.as_ref()))
            }
            Some(Ok(response)) => Ok(response),
        }
    }
}

/// Returns the failure of a request that was sent without a [`Transport`].
#[cfg(feature = "oauth2")]
pub(crate) fn failure_of(error: reqwest::Error) -> TransportFailure {
    failure(failure_kind(&error, None), Some(error), None)
}

fn failure(
    kind: FailureKind,
    source: Option<reqwest::Error>,
    mark: Option<&SentMark>,
) -> TransportFailure {
    let sent = mark.map_or(kind != FailureKind::Connect, SentMark::is_sent);
    // The URL may have a query, which is not shown.
    let source = source.map(reqwest::Error::without_url);
    TransportFailure { sent, kind, source, attempts: 0 }
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
