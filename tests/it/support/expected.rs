//! The result of a call in short: the kind of error and its outcome.

use std::fmt;

use poggio::{ClientInformation, Error, Outcome};

/// The result of a call, or the expected result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Expected {
    Registered,
    Failed(&'static str, Outcome),
}

impl Expected {
    /// A request that was sent and got no response.
    pub(crate) const SENT: Self = Self::Failed("Transport", Outcome::Unknown);
    /// No request was sent.
    pub(crate) const UNSENT: Self = Self::Failed("Transport", Outcome::NotRegistered);
    /// A response that rejects the request.
    pub(crate) const REFUSED: Self = Self::Failed("Api", Outcome::NotRegistered);
    /// A response that says the server failed, or refers to another resource.
    pub(crate) const SERVER_FAILED: Self = Self::Failed("Api", Outcome::Unknown);
    /// A 2xx that is not a registration.
    pub(crate) const UNREADABLE_UNKNOWN: Self = Self::Failed("Unreadable", Outcome::Unknown);
    /// A response that cannot be decoded.
    pub(crate) const UNREADABLE: Self = Self::Failed("Unreadable", Outcome::Registered);

    /// Returns the outcome of a failure.
    pub(crate) fn outcome(self) -> Option<Outcome> {
        match self {
            Self::Registered => None,
            Self::Failed(_, outcome) => Some(outcome),
        }
    }

    pub(crate) fn of(result: &Result<ClientInformation, Error>) -> Self {
        let Err(error) = result else { return Self::Registered };
        let kind = match error {
            Error::Validation(_) => "Validation",
            Error::Api(_) => "Api",
            Error::Transport(_) => "Transport",
            Error::Unreadable(_) => "Unreadable",
            _ => "another",
        };
        Self::Failed(kind, error.outcome())
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registered => f.write_str("the client"),
            Self::Failed(kind, outcome) => write!(f, "`{kind}`, {outcome:?}"),
        }
    }
}
