//! The one error type, and what each error says of the registration.
//!
//! How an answer becomes an error is in `answer`; the kinds of error have a file each.

pub(crate) mod answer;
mod api;
mod code;
mod config;
mod head;
mod store;
mod transport;
mod unreadable;

pub use api::ApiError;
pub use code::ErrorCode;
pub use config::ConfigError;
pub(crate) use head::{ResponseHead, request_id};
pub use store::{StoreError, StoreErrorKind};
pub use transport::TransportError;
pub use unreadable::UnreadableResponse;
pub(crate) use unreadable::{Reason, Salvaged};

use std::{fmt, time::Duration};

use reqwest::StatusCode;

use crate::ValidationErrors;

/// What an error says of the registration: the first thing to look at.
///
/// # Examples
///
/// ```
/// use poggio::{Error, Outcome};
///
/// fn may_register_again(error: &Error) -> bool {
///     match error.outcome() {
///         Outcome::NotRegistered => true,
///         Outcome::Unknown | Outcome::Registered => false,
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// No client was registered. To register again makes no second one.
    NotRegistered,
    /// The request was sent and no one can say what became of it. To register again may make a
    /// second client.
    Unknown,
    /// A client was registered, though its answer could not be read, or could not be saved. To
    /// register again does make a second client.
    Registered,
}

impl Outcome {
    /// What a status other than 2xx says; a 503 that asks to come back later has done nothing.
    pub(crate) fn of_status(status: StatusCode, has_retry_after: bool) -> Self {
        match status.as_u16() {
            503 if has_retry_after => Self::NotRegistered,
            300..=499 => Self::NotRegistered,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NotRegistered => "no client was registered",
            Self::Unknown => "a client may have been registered",
            Self::Registered => "a client was registered",
        })
    }
}

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
    /// The server registered a client, and its answer cannot be read. What could be salvaged is
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
        self.head().map(|head| head.status)
    }

    /// Returns the server's name for this request, to quote to its support; `None` where it gave
    /// none.
    ///
    /// Read from `x-request-id`, `request-id` or `x-correlation-id`.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Store(error) => error.client()?.request_id(),
            _ => self.head()?.request_id.as_deref(),
        }
    }

    /// Returns how long the server asks to wait before the next request, or `None` where it does
    /// not say. `Duration::ZERO` means at once.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.head()?.retry_after
    }

    /// Returns how many requests were made: 0 where none was, 1 where nothing was sent again.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        match self {
            Self::Transport(error) => error.attempts(),
            Self::Store(error) => error.client().map_or(0, crate::ClientInformation::attempts),
            _ => self.head().map_or(0, |head| head.attempts),
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

    fn head(&self) -> Option<&ResponseHead> {
        match self {
            Self::Config(_) | Self::Transport(_) | Self::Store(_) => None,
            Self::Validation(errors) => errors.head(),
            Self::Api(error) => Some(error.head()),
            Self::Unreadable(error) => error.head(),
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
            Self::Unreadable(error) if error.head().is_none() => write!(f, "; {}", self.help()),
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
