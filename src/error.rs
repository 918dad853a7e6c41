//! The one error type, and what each error says about the registration.
//!
//! [`Error`] and its kinds, each in a file of its own. How a response becomes an error is in `client`.

mod api;
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

/// Why a registration did not give back its client.
///
/// `Display` is one line: what happened, what it means for the registration, and what to do. It
/// never repeats [`source`](std::error::Error::source), and neither it nor `Debug` shows a secret,
/// a token or a raw body.
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
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The client is not configured correctly; nothing was sent.
    Config(ConfigError),
    /// The metadata was refused, by this crate before sending or by the server.
    Validation(ValidationErrors),
    /// The server answered with something else than a registration.
    Api(ApiError),
    /// There was no answer.
    Transport(TransportError),
    /// The server registered a client, and its answer cannot be read. What could be recovered is
    /// in it: keep that.
    Unreadable(UnreadableResponse),
    /// The store of [`register_once`](crate::Client::register_once) cannot be used. Where a client
    /// was registered and could not be saved, it is in the error.
    Store(StoreError),
}

impl Error {
    /// Returns what became of the registration.
    ///
    /// Of a text that [`ClientInformation::from_json`](crate::ClientInformation::from_json) could not
    /// read, that it was one: [`Outcome::Registered`].
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Config(_) | Self::Validation(_) => Outcome::NotRegistered,
            Self::Api(error) => error.outcome(),
            Self::Transport(error) => error.outcome(),
            Self::Unreadable(_) => Outcome::Registered,
            Self::Store(error) => error.outcome(),
        }
    }

    /// Returns the status of the answer, or `None` where there was none.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.response().map(ResponseMeta::status)
    }

    /// Returns the server's name for this request, to quote to its support; `None` where it gave
    /// none.
    ///
    /// Read from `x-request-id`, `request-id` or `x-correlation-id`.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Store(error) => error.client()?.response()?.request_id(),
            _ => self.response()?.request_id(),
        }
    }

    /// Returns how long the server asks to wait before the next request, or `None` where it does
    /// not say. `Duration::ZERO` means at once.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.response()?.retry_after()
    }

    /// Returns how many requests were made: 0 where none was, 1 where nothing was sent again.
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

    /// Returns what to do now, in a sentence; `Display` ends with it, but for `Config`, which says
    /// it itself.
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
            // Nothing was sent, and the message says what to correct.
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
            // A text that was kept, of which nothing is known.
            Self::Unreadable(error) if error.response().is_none() => write!(f, "; {}", self.help()),
            _ => write!(f, "; {}: {}", self.outcome(), self.help()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // Past the payload, whose text is already in ours.
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
    /// Reads a client from RFC 7591 JSON that was kept, as leniently as a response is read.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`] if it is not a JSON object with a `client_id`.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        decode::client(text.as_bytes()).map_err(|reason| {
            let recovered = recovery::credentials(text.as_bytes());
            let body = Bytes::copy_from_slice(text.as_bytes());
            Error::Unreadable(UnreadableResponse::new(None, reason, recovered, body))
        })
    }
}
