//! What can go wrong on the way to a token.

use std::{error, fmt, time::Duration};

use oauth2::{RequestTokenError, basic::BasicErrorResponse};
use reqwest::StatusCode;

use crate::{ApiError, Error, ErrorCode, StoreError, TransportError};

/// Why there is no token.
///
/// `Display` is one line; neither it nor `Debug` shows a secret, a code, a token or a raw body.
#[derive(Debug)]
#[non_exhaustive]
pub enum OAuthError {
    /// The client cannot be used as it was granted; nothing was sent.
    Client(String),
    /// The URL of an endpoint cannot be used; nothing was sent.
    Endpoint(String),
    /// What came back from the browser is not the answer to this authorization. It is not to be
    /// trusted; go on waiting, or begin anew.
    Callback(String),
    /// The server said no: at the authorization endpoint, where the user may have denied, or at
    /// the token endpoint.
    Refused(TokenError),
    /// There was no answer.
    Transport(TransportError),
    /// A success answer without a token that can be read; a token may have been issued.
    Unreadable(String),
    /// The metadata of a server or a resource cannot be trusted or read.
    Discovery(String),
    /// The registration that comes before failed.
    Registration(Error),
}

/// The refusal of an authorization or token endpoint, whatever its form: RFC 6749 JSON, FastAPI's
/// list of problems, a page.
#[derive(Clone, Debug)]
pub struct TokenError {
    code: Option<ErrorCode>,
    description: Option<String>,
    status: Option<StatusCode>,
    retry_after: Option<Duration>,
}

impl TokenError {
    pub(super) fn new(code: Option<ErrorCode>, description: Option<String>) -> Self {
        Self { code, description, status: None, retry_after: None }
    }

    pub(super) fn of(error: &ApiError) -> Self {
        Self {
            code: error.code(),
            description: error.description().map(str::to_owned),
            status: Some(error.status()),
            retry_after: error.head().retry_after,
        }
    }

    /// Returns the OAuth error code, such as `invalid_grant` or `access_denied`.
    #[must_use]
    pub fn code(&self) -> Option<&ErrorCode> {
        self.code.as_ref()
    }

    /// Returns what the server says of it, on one line, with what looks like a credential masked.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// Returns the status of the answer; `None` for an OAuth error with 400 or 401, whose code says
    /// all.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.status
    }

    /// Returns how long the server asks to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server refused")?;
        if let Some(status) = self.status {
            write!(f, " with {status}")?;
        }
        if let Some(code) = &self.code {
            write!(f, " ({code})")?;
        }
        if let Some(description) = &self.description {
            write!(f, ": {description}")?;
        }
        match self.retry_after {
            Some(wait) => write!(f, " (asks to wait {} s)", wait.as_secs()),
            None => Ok(()),
        }
    }
}

impl error::Error for TokenError {}

impl OAuthError {
    /// Returns whether the server no longer accepts the client: `invalid_client`.
    ///
    /// [`Client::with_registered`](crate::Client::with_registered) registers anew then.
    #[must_use]
    pub fn is_invalid_client(&self) -> bool {
        matches!(self, Self::Refused(error)
            if error.code == Some(ErrorCode::INVALID_CLIENT)
                && error.status.is_none_or(|status| matches!(status.as_u16(), 400 | 401)))
    }

    /// Returns what to do now, in a sentence.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::Client(_) | Self::Endpoint(_) => "nothing was sent; correct this first",
            Self::Callback(_) => "go on waiting for the right answer, or begin anew",
            Self::Refused(error) => match error.code.as_ref().map(ErrorCode::as_str) {
                Some("access_denied") => "ask again when the user wants to",
                Some("invalid_grant") => "begin anew: a code is good once, a token not for ever",
                Some("invalid_client") => "register anew: forget this client in its store",
                Some("unauthorized_client") => "register with the grant type that is used",
                Some("invalid_scope") => "ask for scopes that were registered",
                _ if error.retry_after.is_some() => "wait, then try again",
                _ if error.status.is_some_and(|status| status.is_server_error()) => {
                    "try again later; where a code or refresh token is refused then, begin anew"
                }
                _ => "correct what the server names, then try again",
            },
            Self::Transport(error) if error.is_redirected() => error.help(),
            Self::Transport(error) if error.is_sent() => {
                "the request may have been acted on: begin anew if the next attempt is refused"
            }
            Self::Transport(_) => "check the network, the proxy and the endpoint, then try again",
            Self::Unreadable(_) => "begin anew: what was issued is lost",
            Self::Discovery(_) => "check the URL, or set the endpoints yourself",
            Self::Registration(error) => error.help(),
        }
    }
}

impl fmt::Display for OAuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(problem) => write!(f, "the client cannot be used: {problem}")?,
            Self::Endpoint(problem) => write!(f, "an endpoint cannot be used: {problem}")?,
            Self::Callback(problem) => {
                write!(f, "what came back is no answer to this authorization: {problem}")?;
            }
            Self::Refused(error) => error.fmt(f)?,
            Self::Transport(error) => error.fmt(f)?,
            Self::Unreadable(problem) => write!(f, "the token cannot be read: {problem}")?,
            Self::Discovery(problem) => write!(f, "the endpoints were not found: {problem}")?,
            // It says itself what to do.
            Self::Registration(error) => return error.fmt(f),
        }
        write!(f, "; {}", self.help())
    }
}

impl error::Error for OAuthError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Transport(error) => error.source(),
            Self::Registration(error) => error.source(),
            _ => None,
        }
    }
}

impl From<Error> for OAuthError {
    fn from(error: Error) -> Self {
        Self::Registration(error)
    }
}

impl From<StoreError> for OAuthError {
    fn from(error: StoreError) -> Self {
        Self::Registration(error.into())
    }
}

impl From<RequestTokenError<OAuthError, BasicErrorResponse>> for OAuthError {
    /// One error for all that a token request can come to, so that `?` does.
    fn from(error: RequestTokenError<OAuthError, BasicErrorResponse>) -> Self {
        match error {
            RequestTokenError::Request(error) => error,
            // Cleaned before it was given to that crate.
            RequestTokenError::ServerResponse(refusal) => {
                let code = ErrorCode::read(refusal.error().as_ref());
                let description = refusal.error_description().cloned();
                Self::Refused(TokenError::new(code, description))
            }
            // Their Debug and sources can quote the body.
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                Self::Unreadable("it lacks members of a token answer".to_owned())
            }
        }
    }
}
