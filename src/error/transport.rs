//! The error for a call that ended without a response.

use std::{fmt, sync::Arc, time::Duration};

use super::{cause::Cause, outcome::Outcome};

/// A call that ended without a response.
#[derive(Debug)]
pub(crate) struct TransportFailure {
    /// Whether the server may have received a part of the request.
    pub(crate) sent: bool,
    pub(crate) kind: FailureKind,
    pub(crate) source: Option<reqwest::Error>,
    pub(crate) attempts: u32,
}

/// How a call ended without a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// The connection was not established, or not in time.
    Connect,
    /// The deadline passed.
    Timeout,
    /// The connection broke, or the response is not HTTP.
    Broken,
    /// The caller's HTTP client followed a redirect, so the response is not the endpoint's.
    Redirected,
}

/// A call that ended without a response: no connection was established, the call timed out, or the
/// connection broke.
///
/// The error of the HTTP client is the [`source`](std::error::Error::source).
///
/// # Examples
///
/// ```
/// use poggio::{ClientMetadata, Error, Outcome, testing::{Reply, Server}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let server = Server::start().await;
/// # let metadata = ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback");
/// server.script([Reply::disconnect()]);
///
/// let error = server.client().register(&metadata).await.unwrap_err();
/// assert_eq!(error.outcome(), Outcome::Unknown);
/// assert!(matches!(error, Error::Transport(error) if error.is_sent() && !error.is_timeout()));
/// # }
/// ```
#[derive(Debug)]
pub struct TransportError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    failure: TransportFailure,
    cause: Option<Cause>,
    host: Arc<str>,
    timeout: Duration,
}

impl TransportError {
    /// `host` is the host and port of the endpoint.
    pub(crate) fn new(failure: TransportFailure, host: Arc<str>, timeout: Duration) -> Self {
        let cause = failure.source.as_ref().and_then(Cause::of);
        Self(Box::new(Inner { failure, cause, host, timeout }))
    }

    /// Returns whether the request may have reached the server.
    ///
    /// If this returns `false`, no byte of the request body was written, so the server cannot have
    /// acted on the request.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        self.0.failure.sent
    }

    /// Returns whether the call timed out, while connecting or as a whole.
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
        // A redirect that was followed may have been a 303, which usually follows a processed request.
        if self.is_sent() { Outcome::Unknown } else { Outcome::NotRegistered }
    }

    pub(crate) fn help(&self) -> &'static str {
        match self.0.failure.kind {
            FailureKind::Redirected => {
                "build the HTTP client with redirect(Policy::none()), and ask the server's operator \
                 before you register again"
            }
            _ if self.is_sent() => Outcome::UNKNOWN_HELP,
            _ => self.connection_help(),
        }
    }

    /// Returns what to do if the server cannot have acted on the request, or if that does not matter.
    pub(crate) fn connection_help(&self) -> &'static str {
        let help = self.0.cause.map(Cause::help);
        help.unwrap_or("check the network, the proxy and the URL, then try again")
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { failure, cause, host, timeout } = &*self.0;
        let sent =
            if failure.sent { "after the request was sent" } else { "before the request was sent" };
        match failure.kind {
            FailureKind::Connect if cause.is_some_and(Cause::is_proxy) => {
                write!(f, "could not connect to {host} through the proxy")?;
            }
            FailureKind::Connect => write!(f, "could not connect to {host}")?,
            FailureKind::Timeout => {
                write!(f, "no response from {host} ")?;
                match failure.source {
                    None => write!(f, "within {timeout:?}, {sent}")?,
                    // The timeout of the caller's HTTP client, whose length is not known.
                    Some(_) => write!(f, "in time, {sent}")?,
                }
            }
            FailureKind::Broken => write!(f, "the connection to {host} broke {sent}")?,
            FailureKind::Redirected => {
                write!(f, "{host} redirected, and the HTTP client followed the redirect")?;
            }
        }
        let has_cause = matches!(failure.kind, FailureKind::Connect | FailureKind::Broken);
        if let Some(cause) = cause.filter(|_| has_cause) {
            write!(f, ": {cause}")?;
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
