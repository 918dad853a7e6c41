//! [`Error`], its payload types, and [`Outcome`]. How a response becomes an error is in `client`.

mod api;
mod cause;
mod config;
mod outcome;
mod store;
mod transport;
mod unreadable;
mod validation;

pub use api::ApiError;
pub use config::ConfigError;
pub use outcome::Outcome;
pub use store::{StoreError, StoreErrorKind};
pub use transport::TransportError;
pub(crate) use transport::{FailureKind, TransportFailure};
pub use unreadable::UnreadableResponse;
pub use validation::{Origin, ValidationErrors};

use std::{fmt, time::Duration};

use bytes::Bytes;
use reqwest::StatusCode;

use crate::response::{ClientInformation, ResponseMeta, decode, recovery};

/// The error of every operation, except those of the `oauth` module.
///
/// Check [`outcome`](Self::outcome) first: it returns whether a client was registered, and so whether
/// you may register again. The column *retried* says what a call retries before it returns the error.
///
#[doc = include_str!("error/outcomes.md")]
///
/// `Display` prints one line: what happened, the outcome, and what to do. It does not repeat the
/// [`source`](std::error::Error::source). `Debug` prints the kind and the same line, so an error that
/// `main` returns can be read. Neither prints a secret, a token or a response body.
///
/// # Examples
///
/// ```
/// use poggio::{ClientMetadata, Error, Outcome, testing::Server};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let server = Server::start().await;
/// let metadata = ClientMetadata::new().with_redirect_uri("http://app.example/callback");
///
/// let error = server.client().register(&metadata).await.unwrap_err();
/// assert_eq!(error.outcome(), Outcome::NotRegistered);
/// match error {
///     Error::Validation(errors) => assert_eq!(errors.on("redirect_uris").count(), 1),
///     other => panic!("{other}"),
/// }
/// # }
/// ```
#[non_exhaustive]
pub enum Error {
    /// A setting is invalid. No request was sent.
    Config(ConfigError),
    /// The client metadata is invalid. This crate found that before it sent a request, or the server
    /// rejected the request.
    Validation(ValidationErrors),
    /// The server rejected the request or failed.
    Api(ApiError),
    /// No response arrived.
    Transport(TransportError),
    /// A success response cannot be read. A client was registered, or may have been; see
    /// [`outcome`](Self::outcome). Save the credentials that were recovered.
    Unreadable(UnreadableResponse),
    /// A [`RegistrationStore`](crate::RegistrationStore) failed. If a client was registered but could
    /// not be saved, the error contains it.
    Store(StoreError),
}

impl Error {
    /// Returns whether a client was registered.
    ///
    /// If [`ClientInformation::from_json`] cannot read its text, this returns
    /// [`Outcome::Registered`], because the text was saved after a registration.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Config(_) | Self::Validation(_) => Outcome::NotRegistered,
            Self::Api(error) => error.outcome(),
            Self::Transport(error) => error.outcome(),
            Self::Unreadable(error) => error.outcome(),
            Self::Store(error) => error.outcome(),
        }
    }

    /// Returns the HTTP status of the response, or `None` if no response arrived.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.response().map(ResponseMeta::status)
    }

    /// Returns the request id that the server sent, to quote in a support request, or `None` if it sent
    /// none.
    ///
    /// It is read from the header `x-request-id`, `request-id` or `x-correlation-id`.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Store(error) => error.client()?.response()?.request_id(),
            _ => self.response()?.request_id(),
        }
    }

    /// Returns how long to wait before the next request, or `None` if the response has no usable
    /// `Retry-After` header.
    ///
    /// For [`StoreErrorKind::UnknownOutcome`], returns the rest of the wait for the next automatic
    /// request.
    ///
    /// [`Duration::ZERO`] means that the next request may be sent now.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Store(error) => error.retry_after(),
            _ => self.response()?.retry_after(),
        }
    }

    /// Returns how many times the request was attempted: 0 if no attempt was made, 1 if there was no
    /// retry.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        match self {
            Self::Transport(error) => error.attempts(),
            Self::Store(error) => {
                let response = error.client().and_then(ClientInformation::response);
                response.map_or(0, ResponseMeta::attempts)
            }
            _ => self.response().map_or(0, ResponseMeta::attempts),
        }
    }

    /// Returns what to do about the error. `Display` ends with it, except for
    /// [`Config`](Self::Config), whose message already says what to do.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::Config(_) => "correct the setting",
            Self::Validation(_) => "correct the metadata, then register again",
            Self::Api(error) => error.help(),
            Self::Transport(error) => error.help(),
            Self::Unreadable(error) => error.help(),
            Self::Store(error) => error.help(),
        }
    }

    fn response(&self) -> Option<&ResponseMeta> {
        match self {
            Self::Config(_) | Self::Transport(_) | Self::Store(_) => None,
            Self::Validation(errors) => errors.response(),
            Self::Api(error) => Some(error.response()),
            Self::Unreadable(error) => error.response(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The message already says what to correct, and the outcome is always the same.
            Self::Config(error) => return error.fmt(f),
            Self::Validation(errors) => errors.fmt(f)?,
            Self::Api(error) => error.fmt(f)?,
            Self::Transport(error) => error.fmt(f)?,
            Self::Unreadable(error) => error.fmt(f)?,
            Self::Store(error) => error.fmt(f)?,
        }
        if let Some(id) = self.request_id() {
            write!(f, " [request {id}]")?;
        }
        match self {
            // The text is not a response, so there is no outcome to report.
            Self::Unreadable(error) if error.response().is_none() => write!(f, "; {}", self.help()),
            _ => write!(f, "; {}: {}", self.outcome(), self.help()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Config(_) => "Config",
            Self::Validation(_) => "Validation",
            Self::Api(_) => "Api",
            Self::Transport(_) => "Transport",
            Self::Unreadable(_) => "Unreadable",
            Self::Store(_) => "Store",
        };
        write!(f, "{kind}: {self}")
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // Skips the payload, because our own message already contains its message.
        match self {
            Self::Transport(error) => error.source(),
            Self::Unreadable(error) => error.source(),
            Self::Store(error) => error.source(),
            Self::Config(_) | Self::Validation(_) | Self::Api(_) => None,
        }
    }
}

impl From<ValidationErrors> for Error {
    fn from(errors: ValidationErrors) -> Self {
        Self::Validation(errors)
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl ClientInformation {
    /// Reads a client from saved RFC 7591 JSON, as leniently as a response is read.
    ///
    /// To write that JSON, use [`expose_json`](Self::expose_json).
    ///
    /// # Errors
    ///
    /// Returns [`Error::Unreadable`] if the text is not a JSON object with a `client_id`. The error
    /// contains the credentials that could be recovered.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        decode::client(text.as_bytes()).map_err(|reason| {
            let recovered = recovery::credentials(text.as_bytes());
            let body = Bytes::copy_from_slice(text.as_bytes());
            Error::Unreadable(UnreadableResponse::new(None, None, reason, recovered, body))
        })
    }
}
