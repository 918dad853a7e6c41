//! What an error says about the registration.

use std::fmt;

use reqwest::StatusCode;

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
