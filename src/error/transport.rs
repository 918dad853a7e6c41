//! A call that ended without an answer.

use std::{fmt, time::Duration};

use super::outcome::Outcome;

/// A call that ended without a response.
#[derive(Debug)]
pub(crate) struct TransportFailure {
    /// Whether any part of the request may have left.
    pub(crate) sent: bool,
    pub(crate) kind: FailureKind,
    pub(crate) source: Option<reqwest::Error>,
    pub(crate) attempts: u32,
}

/// How a call ended without a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// No connection, or none in time.
    Connect,
    /// The deadline passed.
    Timeout,
    /// The connection broke, or the peer does not speak HTTP.
    Broken,
    /// The HTTP client followed a redirect with a GET, so its response is not one to this request.
    Redirected,
}

/// No answer came: no connection, a timeout, a connection that broke.
///
/// What the network said is its [`source`](std::error::Error::source).
#[derive(Debug)]
pub struct TransportError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    failure: TransportFailure,
    endpoint: String,
    timeout: Duration,
}

impl TransportError {
    pub(crate) fn new(failure: TransportFailure, endpoint: String, timeout: Duration) -> Self {
        Self(Box::new(Inner { failure, endpoint, timeout }))
    }

    /// Returns whether the request may have reached the server. `false` is certain: no byte of its
    /// body was written, so the server cannot have acted on it.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        self.0.failure.sent
    }

    /// Returns whether time ran out, be it for the connection or for the whole call.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        let failure = &self.0.failure;
        failure.kind == FailureKind::Timeout
            || failure.source.as_ref().is_some_and(reqwest::Error::is_timeout)
    }

    #[cfg(feature = "oauth2")]
    pub(crate) fn is_redirected(&self) -> bool {
        self.0.failure.kind == FailureKind::Redirected
    }

    pub(crate) fn attempts(&self) -> u32 {
        self.0.failure.attempts
    }

    pub(crate) fn outcome(&self) -> Outcome {
        // A redirect is a refusal like any other 3xx; only its target answered with something.
        let redirected = self.0.failure.kind == FailureKind::Redirected;
        if self.is_sent() && !redirected { Outcome::Unknown } else { Outcome::NotRegistered }
    }

    pub(crate) fn help(&self) -> &'static str {
        match (self.0.failure.kind, self.outcome()) {
            (FailureKind::Redirected, _) => {
                "build the client given to http_client with redirect(Policy::none()), and set the \
                 base URL that the server names"
            }
            (_, Outcome::NotRegistered) => {
                "check the network, the proxy and the base URL, then register again"
            }
            _ => "registering again may make a second client; ask Poggio before you do",
        }
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { failure, endpoint, timeout } = &*self.0;
        let sent =
            if failure.sent { "after the request was sent" } else { "before anything was sent" };
        match failure.kind {
            FailureKind::Connect => write!(f, "could not connect to {endpoint}")?,
            FailureKind::Timeout => {
                write!(f, "no answer from {endpoint} ")?;
                match failure.source {
                    None => write!(f, "within {timeout:?}, {sent}")?,
                    // A timeout of the caller's own HTTP client.
                    Some(_) => write!(f, "in time, {sent}")?,
                }
            }
            FailureKind::Broken => write!(f, "the connection to {endpoint} broke {sent}")?,
            FailureKind::Redirected => {
                write!(f, "{endpoint} redirects, and the HTTP client in use followed")?;
            }
        }
        match failure.attempts {
            0 | 1 => Ok(()),
            attempts => write!(f, " (attempt {attempts})"),
        }
    }
}

impl std::error::Error for TransportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.failure.source.as_ref().map(|error| error as _)
    }
}
