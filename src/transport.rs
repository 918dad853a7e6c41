//! Everything between a typed request and an [`Answer`]: headers, deadline, attempts, size cap.
//!
//! Nothing here knows what a registration is. What is sent again is decided in `retry`; how a
//! body is read, and how it is known whether a request left, in `body`.

mod body;
mod pace;
pub(crate) mod retry;
pub(crate) mod retry_after;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use progenitor_client::{ClientHooks, OperationInfo};
use reqwest::{
    Request, Response, StatusCode,
    header::{AUTHORIZATION, HeaderMap, HeaderValue, USER_AGENT},
};
use tokio::time::{Instant, sleep, timeout_at};

pub(crate) use self::{body::Cut, pace::Pace};
use self::body::SentMark;
use self::retry::Happened;
use crate::generated;

/// The settings of a client that bear on how it sends.
#[derive(Debug)]
pub(crate) struct Transport {
    pub(crate) authorization: Option<HeaderValue>,
    pub(crate) user_agent: HeaderValue,
    /// Bounds a whole call, waits and retries included; what a clock cannot hold is no bound.
    pub(crate) timeout: Duration,
    pub(crate) max_retries: u32,
    pub(crate) max_response_bytes: usize,
}

/// What a server answered, whole or up to where it was cut.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) cut: Option<Cut>,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) attempts: u32,
}

/// A call that ended without an answer.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Whether any part of the request may have left.
    pub(crate) sent: bool,
    pub(crate) kind: FailureKind,
    pub(crate) source: Option<reqwest::Error>,
    pub(crate) attempts: u32,
}

/// How a call ended without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// No connection came about, be it that time ran out for it.
    Connect,
    /// Time ran out.
    Timeout,
    /// The connection broke, or spoke something that is not HTTP.
    Broken,
    /// The HTTP client followed a redirect with a GET, so what it brought is no answer.
    Redirected,
}

/// One call in the generated client's hands: how to send, and where the answer is put.
#[derive(Clone)]
pub(crate) struct Exchange {
    transport: Arc<Transport>,
    pace: Option<Arc<Pace>>,
    result: Arc<Mutex<Option<Result<Answer, Failure>>>>,
}

impl Exchange {
    pub(crate) fn new(transport: Arc<Transport>, pace: Option<Arc<Pace>>) -> Self {
        Self { transport, pace, result: Arc::default() }
    }

    /// Takes what the call came to; `None` where it was never sent.
    pub(crate) fn take(&self) -> Option<Result<Answer, Failure>> {
        self.result.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, result: Result<Answer, Failure>) {
        *self.result.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").finish_non_exhaustive()
    }
}

impl ClientHooks<Exchange> for generated::Client {
    /// Sends, keeps the answer for the façade, and gives the generated client a copy to decode.
    async fn exec(&self, request: Request, _: &OperationInfo) -> reqwest::Result<Response> {
        let Exchange { transport, pace, .. } = &self.inner;
        let result = transport.send(&self.client, request, pace.as_deref()).await;
        let mut copy = http::Response::new(Bytes::new());
        match &result {
            Ok(answer) => {
                *copy.status_mut() = answer.status;
                *copy.body_mut() = answer.body.clone();
            }
            // The generated client's view of a failure is never looked at.
            Err(_) => *copy.status_mut() = StatusCode::BAD_GATEWAY,
        }
        self.inner.put(result);
        Ok(Response::from(copy))
    }
}

impl Transport {
    async fn send(
        &self,
        http: &reqwest::Client,
        mut request: Request,
        pace: Option<&Pace>,
    ) -> Result<Answer, Failure> {
        self.finish_headers(request.headers_mut());
        let mut deadline = Instant::now().checked_add(self.timeout);
        let mut attempts = 0;
        loop {
            let turn = match pace {
                None => None,
                Some(pace) => {
                    let asked = Instant::now();
                    match pace.turn(attempts).await {
                        Ok(turn) => {
                            deadline = deadline.and_then(|at| at.checked_add(asked.elapsed()));
                            Some(turn)
                        }
                        Err(refusal) => return Ok(refusal),
                    }
                }
            };
            attempts += 1;
            let result = self.attempt(http, &request, deadline, attempts).await;
            // Where all calls hold still, the wait is theirs, and done before the next turn.
            let shared = turn.and_then(|turn| turn.end(&result, attempts));
            let wait = retry::wait(&Happened::of(&result), attempts, self.max_retries);
            let wait = wait.filter(|wait| shared.is_some() || fits(*wait, deadline));
            let Some(wait) = wait.map(|own| shared.unwrap_or(own)) else {
                return result;
            };
            tracing::info!(
                attempts,
                wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                status = result.as_ref().ok().map(|answer| answer.status.as_u16()),
                "sending again: the server did not act on the request"
            );
            if shared.is_none() {
                sleep(wait).await;
            }
        }
    }

    fn finish_headers(&self, headers: &mut HeaderMap) {
        // The contract's version, which the generator adds; the API knows no such header.
        headers.remove("api-version");
        headers.insert(USER_AGENT, self.user_agent.clone());
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
    }

    async fn attempt(
        &self,
        http: &reqwest::Client,
        request: &Request,
        deadline: Option<Instant>,
        attempts: u32,
    ) -> Result<Answer, Failure> {
        let (copy, mark) = body::marked(request);
        let fail = |kind, source| {
            let sent = mark.is_sent();
            Failure { sent, kind, source, attempts }
        };
        let response = match until(deadline, http.execute(copy)).await {
            None => return Err(fail(FailureKind::Timeout, None)),
            Some(Err(error)) => return Err(fail(failure_kind(&error, &mark), Some(error))),
            Some(Ok(response)) => response,
        };
        if response.url() != request.url() {
            return Err(fail(FailureKind::Redirected, None));
        }
        let (status, headers) = (response.status(), response.headers().clone());
        let (body, cut) = body::read(response, self.max_response_bytes, deadline).await;
        let retry_after = retry_after::read(&headers);
        Ok(Answer { status, headers, body, cut, retry_after, attempts })
    }
}

fn failure_kind(error: &reqwest::Error, mark: &SentMark) -> FailureKind {
    if error.is_connect() && mark.is_sent() {
        // Sent, and yet no connection: it is another one, to where the answer redirected.
        FailureKind::Redirected
    } else if error.is_connect() {
        FailureKind::Connect
    } else if error.is_timeout() {
        FailureKind::Timeout
    } else if !mark.is_sent() {
        FailureKind::Connect
    } else {
        FailureKind::Broken
    }
}

fn fits(wait: Duration, deadline: Option<Instant>) -> bool {
    deadline
        .is_none_or(|deadline| Instant::now().checked_add(wait).is_some_and(|end| end < deadline))
}

/// Waits for `work` until the deadline; `None` where that came first.
pub(crate) async fn until<T>(
    deadline: Option<Instant>,
    work: impl Future<Output = T>,
) -> Option<T> {
    match deadline {
        Some(deadline) => timeout_at(deadline, work).await.ok(),
        None => Some(work.await),
    }
}
