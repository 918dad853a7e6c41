//! [`Outcome`]: whether a failed call registered a client.

use std::fmt;

use reqwest::StatusCode;

/// Whether a failed call registered a client.
///
/// A registration cannot be undone, so check the outcome before you register again.
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
#[doc(alias("idempotency", "duplicate"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// No client was registered. Registering again does not create a duplicate.
    NotRegistered,
    /// The request was sent, but it is not known whether the server acted on it. Registering again may
    /// create a duplicate.
    Unknown,
    /// A client was registered, but the response could not be read or the client could not be saved.
    /// Registering again creates a duplicate.
    Registered,
}

impl Outcome {
    /// What to do if it is not known whether a client was registered.
    pub(crate) const UNKNOWN_HELP: &str =
        "ask the server's operator before you register again, which may create a second client";

    /// Returns the outcome of a response that is not a registration. A 503 with `Retry-After` means that
    /// the server did not act on the request. A 303 usually follows a request that was processed.
    ///
    /// A 2xx has to contain an error.
    pub(crate) fn of_status(status: StatusCode, has_retry_after: bool) -> Self {
        match status.as_u16() {
            503 if has_retry_after => Self::NotRegistered,
            303 => Self::Unknown,
            200..=499 => Self::NotRegistered,
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
