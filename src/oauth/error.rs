//! [`OAuthError`], the error of every operation in `oauth`. The server's own words are a
//! [`TokenError`].

use std::{error, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use oauth2::{RequestTokenError, basic::BasicErrorResponse};
use secrecy::SecretString;

use super::{token_error::TokenError, unreadable::Unreadable};
use crate::{
    error::{Error, StoreError, TransportError},
    redact::{Redactor, sanitize_message},
    response::{ErrorCode, recovery},
};

/// The error of every operation in [`oauth`](crate::oauth).
///
/// [`kind`](Self::kind) says what failed. `Display` is one line with what happened and what to do;
/// the error of a discovery has one more line for each URL that was tried. `Debug` is the kind and
/// the same text, so an error that `main` returns can be read. Neither shows a secret, a code, a
/// token or a raw body.
///
/// A token request of the [`oauth2`] crate returns that crate's own error, whose text is only
/// "Request failed" if the cause is an `OAuthError`. `?` converts it in a function that returns
/// `OAuthError`. For any other error type, convert it first:
///
/// ```
/// use poggio::{Client, oauth::{OAuth2Client, OAuthError}};
///
/// async fn token(poggio: &Client, oauth: &OAuth2Client) -> Result<(), Box<dyn std::error::Error>> {
///     let request = oauth.exchange_client_credentials();
///     let token = request.request_async(poggio).await.map_err(OAuthError::from)?;
/// #   let _ = token;
///     Ok(())
/// }
/// ```
///
/// # Examples
///
/// ```
/// use poggio::oauth::{OAuthError, OAuthErrorKind};
///
/// fn must_log_in_again(error: &OAuthError) -> bool {
///     error.kind() == OAuthErrorKind::Refused
///         && error.refusal().and_then(|refusal| refusal.code()).is_some_and(|code| *code == "invalid_grant")
/// }
/// ```
#[derive(Clone)]
pub struct OAuthError(Arc<Inner>);

struct Inner {
    kind: OAuthErrorKind,
    cause: Cause,
}

enum Cause {
    Problem(String),
    Discovery(Report),
    Refusal(TokenError),
    Unreadable(Unreadable),
    Transport(TransportError),
    Registration(Error),
    Scopes { host: String, required: Vec<String> },
}

/// The URLs that a discovery tried.
struct Report {
    /// The URL whose server was not found.
    url: String,
    /// One line for each URL that was tried.
    lines: Vec<String>,
    /// The last request without a response.
    failure: Option<OAuthError>,
    /// Whether a server failed, and may respond otherwise later.
    is_unavailable: bool,
}

/// The kind of an [`OAuthError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OAuthErrorKind {
    /// The granted metadata does not allow this use of the client. Nothing was sent.
    Client,
    /// The URL of an endpoint is invalid. Nothing was sent to it.
    Endpoint,
    /// The callback listener could not be bound, or its redirect URI is not the one of the
    /// authorization. Nothing was sent.
    Listener,
    /// The callback does not belong to this authorization. Do not trust it; continue to wait, or
    /// start a new authorization.
    Callback,
    /// The user denied access, or the authorization or token endpoint rejected the request.
    /// [`OAuthError::refusal`] returns the server's error.
    Refused,
    /// No response arrived.
    Transport,
    /// A success response could not be decoded. [`OAuthError::expose_body`] returns its body. A
    /// [`Session`](super::Session) saves a new refresh token that arrived completely, and the next
    /// call uses it.
    Unreadable,
    /// The metadata of a server or a resource is missing or fails a check.
    Discovery,
    /// No user has logged in, or the login has ended: [`Session::login`](super::Session::login) is
    /// required.
    LoginRequired,
    /// A login ended without a callback.
    TimedOut,
    /// A resource requires more scopes. [`OAuthError::required_scopes`] returns them.
    InsufficientScope,
    /// The runtime was shut down during the call.
    Interrupted,
    /// The registration, its store or the configuration failed. [`OAuthError::registration`]
    /// returns the error with its outcome.
    Registration,
}

impl OAuthError {
    pub(super) fn new(kind: OAuthErrorKind, problem: impl Into<String>) -> Self {
        Self(Arc::new(Inner { kind, cause: Cause::Problem(sanitize_message(&problem.into())) }))
    }

    pub(super) fn refused(refusal: TokenError) -> Self {
        let cause = Cause::Refusal(refusal);
        Self(Arc::new(Inner { kind: OAuthErrorKind::Refused, cause }))
    }

    pub(super) fn unreadable(response: Unreadable) -> Self {
        let cause = Cause::Unreadable(response);
        Self(Arc::new(Inner { kind: OAuthErrorKind::Unreadable, cause }))
    }

    pub(super) fn login_required(problem: &str) -> Self {
        Self::new(OAuthErrorKind::LoginRequired, problem)
    }

    pub(super) fn insufficient_scope(host: String, required: Vec<String>) -> Self {
        let (kind, cause) = (OAuthErrorKind::InsufficientScope, Cause::Scopes { host, required });
        Self(Arc::new(Inner { kind, cause }))
    }

    /// The error if the runtime shuts down while a task works for this call.
    pub(super) fn interrupted() -> Self {
        Self::new(OAuthErrorKind::Interrupted, "the runtime is shutting down")
    }

    pub(super) fn transport(error: TransportError) -> Self {
        let cause = Cause::Transport(error);
        Self(Arc::new(Inner { kind: OAuthErrorKind::Transport, cause }))
    }

    pub(super) fn discovery(
        kind: OAuthErrorKind,
        url: String,
        lines: Vec<String>,
        failure: Option<Self>,
        is_unavailable: bool,
    ) -> Self {
        let cause = Cause::Discovery(Report { url, lines, failure, is_unavailable });
        Self(Arc::new(Inner { kind, cause }))
    }

    /// Returns what happened, without what to do.
    pub(super) fn problem(&self) -> String {
        match &self.0.cause {
            Cause::Problem(problem) => problem.clone(),
            Cause::Transport(error) => error.to_string(),
            Cause::Refusal(refusal) => refusal.to_string(),
            Cause::Unreadable(response) => response.to_string(),
            _ => self.to_string(),
        }
    }

    /// Returns whether a server failed during a discovery, and may respond otherwise later.
    pub(super) fn is_unavailable(&self) -> bool {
        matches!(&self.0.cause, Cause::Discovery(report) if report.is_unavailable)
    }

    /// Returns whether no connection was established.
    pub(super) fn is_unsent(&self) -> bool {
        matches!(&self.0.cause, Cause::Transport(error) if !error.is_sent())
    }

    /// Returns the kind of error.
    #[must_use]
    pub fn kind(&self) -> OAuthErrorKind {
        self.0.kind
    }

    /// Returns the server's error response, or `None` if the server did not refuse.
    #[must_use]
    pub fn refusal(&self) -> Option<&TokenError> {
        match &self.0.cause {
            Cause::Refusal(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// Returns the error of the registration, or `None` if it is another error. A client may have
    /// been registered: see [`Error::outcome`].
    #[must_use]
    pub fn registration(&self) -> Option<&Error> {
        match &self.0.cause {
            Cause::Registration(error) => Some(error),
            _ => None,
        }
    }

    /// Returns how long the server asks to wait before the next request, or `None` if it does not
    /// say.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match &self.0.cause {
            Cause::Refusal(refusal) => refusal.retry_after(),
            Cause::Registration(error) => error.retry_after(),
            _ => None,
        }
    }

    /// Returns the scopes that a resource requires (RFC 6750 section 3.1), or an empty list if it did
    /// not name them, or if this is another error.
    #[doc(alias("step-up", "insufficient_scope"))]
    #[must_use]
    pub fn required_scopes(&self) -> &[String] {
        match &self.0.cause {
            Cause::Scopes { required, .. } => required,
            _ => &[],
        }
    }

    /// Returns the bytes of a success response that could not be decoded, **with tokens in plain
    /// text**, or `None` if this is another error. Do not log them.
    ///
    /// They are not decoded in any way, except that a UTF-8 byte order mark is removed.
    #[must_use]
    pub fn expose_body(&self) -> Option<&[u8]> {
        match &self.0.cause {
            Cause::Unreadable(response) => Some(response.body()),
            _ => None,
        }
    }

    /// Returns the refresh token that a response which could not be decoded has.
    pub(super) fn recovered_refresh_token(&self) -> Option<SecretString> {
        match &self.0.cause {
            Cause::Unreadable(response) => recovery::refresh_token(response.body()),
            _ => None,
        }
    }

    pub(super) fn is_invalid_grant(&self) -> bool {
        self.refusal().and_then(TokenError::code).is_some_and(|code| *code == "invalid_grant")
    }

    /// Returns whether the server no longer accepts the client: see
    /// [`TokenError::is_invalid_client`].
    ///
    /// A [`Session`](super::Session) then registers another client.
    #[must_use]
    pub fn is_invalid_client(&self) -> bool {
        self.refusal().is_some_and(TokenError::is_invalid_client)
    }

    /// Returns a sentence that says what to do.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match &self.0.cause {
            Cause::Refusal(refusal) => refusal.help(),
            Cause::Unreadable(_) => Unreadable::HELP,
            Cause::Transport(error) if error.is_redirected() => {
                "build the HTTP client with redirect(Policy::none())"
            }
            Cause::Transport(error) if error.is_sent() => Unreadable::HELP,
            Cause::Transport(error) => error.connection_help(),
            Cause::Registration(error) => error.help(),
            Cause::Discovery(_) if self.kind() == OAuthErrorKind::Transport => {
                "check the network, the proxy and the URL, then try again"
            }
            Cause::Discovery(_) if self.is_unavailable() => {
                "try again later, and check the URL if the server then still fails"
            }
            Cause::Discovery(_) => {
                "check the URL, or set the endpoints with AuthorizationServer::new"
            }
            Cause::Scopes { .. } => "log in again with the required scopes",
            Cause::Problem(_) => match self.kind() {
                OAuthErrorKind::LoginRequired => "log in",
                OAuthErrorKind::TimedOut => "log in again, and complete the login in the browser",
                OAuthErrorKind::Interrupted => "call it again in a running runtime",
                OAuthErrorKind::Client | OAuthErrorKind::Endpoint | OAuthErrorKind::Listener => {
                    "nothing was sent: correct this, then try again"
                }
                OAuthErrorKind::Callback => "wait for another callback, or log in again",
                _ => "log in again",
            },
        }
    }
}

impl fmt::Display for OAuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.cause {
            Cause::Refusal(refusal) => refusal.fmt(f)?,
            Cause::Unreadable(response) => response.fmt(f)?,
            Cause::Transport(error) => error.fmt(f)?,
            // Its message already says what to do.
            Cause::Registration(error) => return error.fmt(f),
            Cause::Discovery(Report { url, lines, .. }) => {
                write!(f, "no authorization server was found for {url}")?;
                for line in lines {
                    write!(f, "\n  {line}")?;
                }
                return write!(f, "\n{}", self.help());
            }
            Cause::Scopes { host, required } => {
                let scopes = sanitize_message(&required.join(" "));
                write!(f, "{} requires more scopes ({scopes})", sanitize_message(host))?;
            }
            Cause::Problem(problem) => {
                let what = match self.kind() {
                    OAuthErrorKind::LoginRequired => "a login is required",
                    OAuthErrorKind::TimedOut => "the login timed out",
                    OAuthErrorKind::Interrupted => "the call was interrupted",
                    OAuthErrorKind::Client => "the client cannot be used",
                    OAuthErrorKind::Endpoint => "an endpoint cannot be used",
                    OAuthErrorKind::Listener => "cannot listen for the callback",
                    OAuthErrorKind::Callback => "the callback does not match this authorization",
                    _ => "the access token cannot be used",
                };
                write!(f, "{what}: {problem}")?;
            }
        }
        write!(f, "; {}", self.help())
    }
}

impl fmt::Debug for OAuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.kind())
    }
}

impl error::Error for OAuthError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.0.cause {
            Cause::Transport(error) => error.source(),
            Cause::Registration(error) => error.source(),
            Cause::Discovery(report) => report.failure.as_ref()?.source(),
            Cause::Problem(_) | Cause::Refusal(_) | Cause::Unreadable(_) | Cause::Scopes { .. } => {
                None
            }
        }
    }
}

impl From<Error> for OAuthError {
    fn from(error: Error) -> Self {
        let cause = Cause::Registration(error);
        Self(Arc::new(Inner { kind: OAuthErrorKind::Registration, cause }))
    }
}

impl From<StoreError> for OAuthError {
    fn from(error: StoreError) -> Self {
        Error::from(error).into()
    }
}

impl From<RequestTokenError<OAuthError, BasicErrorResponse>> for OAuthError {
    /// Converts every error of a token request, so that `?` works in a function that returns
    /// [`OAuthError`].
    fn from(error: RequestTokenError<OAuthError, BasicErrorResponse>) -> Self {
        match error {
            RequestTokenError::Request(error) => error,
            // Another HTTP client returned it: `http` returns an `OAuthError`.
            RequestTokenError::ServerResponse(refusal) => {
                let code = ErrorCode::read(refusal.error().as_ref(), &Redactor::default());
                let description = refusal.error_description().cloned();
                let description = description.map(|text| sanitize_message(&text));
                Self::refused(TokenError::new(None, code, description))
            }
            // The `Debug` text and the sources of these errors can quote the body.
            RequestTokenError::Parse(_, body) => {
                Self::unreadable(Unreadable::new(None, "it lacks required members", body.into()))
            }
            RequestTokenError::Other(_) => {
                Self::unreadable(Unreadable::new(None, "it is empty", Bytes::new()))
            }
        }
    }
}
