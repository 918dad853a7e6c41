//! Everything between a typed request and an [`Answer`]: headers, deadline, attempts, size cap.
//!
//! Nothing here knows what a registration is. What is sent again is decided in `retry`; how a
//! body is read, and how it is known whether a request left, in `body`.

mod body;
mod pace;
pub(crate) mod retry;
pub(crate) mod retry_after;

use std::{
    fmt, mem,
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::{self, Either};
use progenitor_client::{ClientHooks, OperationInfo};
use reqwest::{
    Request, Response, StatusCode, Url,
    header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, USER_AGENT},
};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use self::body::SentMark;
use self::retry::Happened;
pub(crate) use self::{body::Cut, pace::Pace};
use crate::generated;

/// Of the contract, which the generator adds; the API knows no such header.
const API_VERSION: HeaderName = HeaderName::from_static("api-version");

/// The settings of a client that bear on how it sends.
#[derive(Debug)]
pub(crate) struct Transport {
    /// Where registrations are sent to.
    pub(crate) endpoint: Url,
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
    /// Of the whole call, this one with it.
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

/// One attempt in the generated client's hands: how to send, and where the answer is put.
#[derive(Clone)]
pub(crate) struct Exchange {
    transport: Arc<Transport>,
    deadline: Option<Instant>,
    result: Arc<Mutex<Option<Result<Answer, Failure>>>>,
}

impl Exchange {
    pub(crate) fn new(transport: Arc<Transport>, deadline: Option<Instant>) -> Self {
        Self { transport, deadline, result: Arc::default() }
    }

    /// Takes what the attempt came to; `None` where it was never sent.
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
    /// Sends the request that was built and keeps the answer for the façade, which reads it. The
    /// generated client gets none to read: its errors would show whole bodies.
    async fn exec(&self, mut request: Request, _: &OperationInfo) -> reqwest::Result<Response> {
        let Exchange { transport, deadline, .. } = &self.inner;
        transport.address(&mut request);
        let endpoint = &transport.endpoint;
        let result = transport.attempt(&self.client, request, endpoint, *deadline).await;
        self.inner.put(result);
        // The cheapest error there is, and nobody looks at it: that of a URL that is none.
        let nothing = self.client.get("").build();
        nothing.map(|_| Response::from(http::Response::new("")))
    }
}

impl Transport {
    /// Makes attempts, each until the deadline it is given, until one is to be handed on.
    pub(crate) async fn send<F: Future<Output = Result<Answer, Failure>>>(
        &self,
        pace: Option<&Pace>,
        mut attempt: impl FnMut(Option<Instant>) -> F,
    ) -> Result<Answer, Failure> {
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
            let mut result = attempt(deadline).await;
            match &mut result {
                Ok(answer) => answer.attempts = attempts,
                Err(failure) => failure.attempts = attempts,
            }
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

    /// Makes the generated client's request one for this endpoint, with this caller's token.
    fn address(&self, request: &mut Request) {
        if *request.url() != self.endpoint {
            request.url_mut().clone_from(&self.endpoint);
        }
        let headers = request.headers_mut();
        headers.remove(API_VERSION);
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
    }

    /// Sends a request to `endpoint`, which is its URL, until the deadline.
    pub(crate) async fn attempt(
        &self,
        http: &reqwest::Client,
        mut request: Request,
        endpoint: &Url,
        deadline: Option<Instant>,
    ) -> Result<Answer, Failure> {
        request.headers_mut().insert(USER_AGENT, self.user_agent.clone());
        // A request without a body leaves no mark: once there is a connection, it has left.
        let mark = request.body().is_some().then(|| body::mark(&mut request));
        let fail = |kind, source| {
            let sent = mark.as_ref().map_or(kind != FailureKind::Connect, SentMark::is_sent);
            Failure { sent, kind, source, attempts: 0 }
        };
        // One timer for all that is waited for.
        let mut deadline = pin!(deadline.map(sleep_until));
        let mut response = match until(deadline.as_mut(), http.execute(request)).await {
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
        let (body, cut) = body::read(&mut response, self.max_response_bytes, deadline).await;
        let retry_after = retry_after::read(&headers);
        Ok(Answer { status, headers, body, cut, retry_after, attempts: 0 })
    }
}

fn failure_kind(error: &reqwest::Error, mark: Option<&SentMark>) -> FailureKind {
    if error.is_connect() && mark.is_some_and(SentMark::is_sent) {
        // Sent, and yet no connection: it is another one, to where the answer redirected.
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

fn fits(wait: Duration, deadline: Option<Instant>) -> bool {
    deadline
        .is_none_or(|deadline| Instant::now().checked_add(wait).is_some_and(|end| end < deadline))
}

/// Waits for `work` until the deadline; `None` where that came first.
pub(crate) async fn until<T>(
    deadline: Pin<&mut Option<Sleep>>,
    work: impl Future<Output = T>,
) -> Option<T> {
    let work = pin!(work);
    let Some(deadline) = deadline.as_pin_mut() else {
        return Some(work.await);
    };
    match future::select(work, deadline).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}
