//! A success answer that cannot be read, and what could be salvaged of it.

use std::fmt;

use super::ResponseHead;
use crate::ClientSecret;

/// The server registered a client and its answer cannot be read as one: keep what is in here, and
/// do not register again.
///
/// The client exists. Where both its id and its secret were salvaged, they can be used.
#[derive(Debug)]
pub struct UnreadableResponse(Box<Inner>);

#[derive(Debug)]
struct Inner {
    head: Option<ResponseHead>,
    reason: Reason,
    salvaged: Salvaged,
}

/// What arrived whole of the credentials.
#[derive(Clone, Debug, Default)]
pub(crate) struct Salvaged {
    pub(crate) client_id: Option<String>,
    pub(crate) client_secret: Option<ClientSecret>,
}

/// Why a success answer is none.
#[derive(Debug)]
pub(crate) enum Reason {
    Empty,
    NotJson { line: usize, column: usize },
    NotAnObject,
    NoClientId,
    TooLarge(usize),
    CutByTimeout,
    CutByConnection(reqwest::Error),
}

impl UnreadableResponse {
    pub(crate) fn new(head: Option<ResponseHead>, reason: Reason, salvaged: Salvaged) -> Self {
        Self(Box::new(Inner { head, reason, salvaged }))
    }

    /// Returns the client's id, if it arrived whole.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.0.salvaged.client_id.as_deref()
    }

    /// Returns the client's secret, if it arrived whole; never a part of it.
    #[must_use]
    pub fn client_secret(&self) -> Option<&ClientSecret> {
        self.0.salvaged.client_secret.as_ref()
    }

    pub(crate) fn head(&self) -> Option<&ResponseHead> {
        self.0.head.as_ref()
    }

    pub(crate) fn help(&self) -> &'static str {
        if self.head().is_none() {
            return "restore the text as it was kept; what could be read of it is in this error";
        }
        match (self.client_id(), self.client_secret()) {
            (Some(_), Some(_)) => {
                "do not register again; keep the client_id and client_secret that this error holds"
            }
            (None, None) => "do not register again before asking Poggio for the client",
            _ => "do not register again; keep what this error holds and ask Poggio for the rest",
        }
    }
}

impl fmt::Display for UnreadableResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.head() {
            Some(head) => write!(f, "the answer ({}) cannot be read: ", head.status)?,
            None => f.write_str("the text cannot be read: ")?,
        }
        match &self.0.reason {
            Reason::Empty => f.write_str("it is empty"),
            Reason::NotJson { line, column } => {
                write!(f, "it is not JSON (line {line}, column {column})")
            }
            Reason::NotAnObject => f.write_str("it is JSON, but not an object"),
            Reason::NoClientId => f.write_str("it has no client_id that is a non-empty string"),
            Reason::TooLarge(cap) => write!(f, "it is larger than max_response_bytes ({cap})"),
            Reason::CutByTimeout => f.write_str("time ran out in the middle of it"),
            Reason::CutByConnection(_) => f.write_str("the connection broke in the middle of it"),
        }
    }
}

impl std::error::Error for UnreadableResponse {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.reason {
            Reason::CutByConnection(error) => Some(error),
            _ => None,
        }
    }
}
