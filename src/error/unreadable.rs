//! A success answer that cannot be read, and what could be recovered of it.

use std::fmt;

use bytes::Bytes;

use crate::{
    response::{DecodeError, RecoveredCredentials, ResponseMeta, Truncated},
    secret::ClientSecret,
};

/// The server registered a client and its answer cannot be read as one: keep what is in here, and
/// do not register again.
///
/// The client exists. Where both its id and its secret were recovered, they can be used.
#[derive(Debug)]
pub struct UnreadableResponse(Box<Inner>);

struct Inner {
    response: Option<ResponseMeta>,
    reason: DecodeError,
    recovered: RecoveredCredentials,
    body: Bytes,
}

impl fmt::Debug for Inner {
    /// Leaves the body out, which may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner")
            .field("response", &self.response)
            .field("reason", &self.reason)
            .field("recovered", &self.recovered)
            .finish_non_exhaustive()
    }
}

impl UnreadableResponse {
    pub(crate) fn new(
        response: Option<ResponseMeta>,
        reason: DecodeError,
        recovered: RecoveredCredentials,
        body: Bytes,
    ) -> Self {
        Self(Box::new(Inner { response, reason, recovered, body }))
    }

    /// Returns the client's id, if it arrived whole.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.0.recovered.client_id.as_deref()
    }

    /// Returns the client's secret, if it arrived whole; never a part of it.
    #[must_use]
    pub fn client_secret(&self) -> Option<&ClientSecret> {
        self.0.recovered.client_secret.as_ref()
    }

    /// Returns the body as it arrived, **with secrets in the clear**: up to its end, or up to where it
    /// was truncated. `Debug` does not show it.
    #[must_use]
    pub fn expose_body(&self) -> &[u8] {
        &self.0.body
    }

    pub(crate) fn response(&self) -> Option<&ResponseMeta> {
        self.0.response.as_ref()
    }

    pub(crate) fn help(&self) -> &'static str {
        if self.response().is_none() {
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
        match self.response() {
            Some(response) => write!(f, "the answer ({}) cannot be read: ", response.status())?,
            None => f.write_str("the text cannot be read: ")?,
        }
        match &self.0.reason {
            DecodeError::Empty => f.write_str("it is empty"),
            DecodeError::NotJson { line, column } => {
                write!(f, "it is not JSON (line {line}, column {column})")
            }
            DecodeError::NotAnObject => f.write_str("it is JSON, but not an object"),
            DecodeError::NoClientId => {
                f.write_str("it has no client_id that is a non-empty string")
            }
            DecodeError::Truncated(Truncated::TooLarge(cap)) => {
                write!(f, "it is larger than max_response_bytes ({cap})")
            }
            DecodeError::Truncated(Truncated::Timeout) => {
                f.write_str("time ran out in the middle of it")
            }
            DecodeError::Truncated(Truncated::Broken(_)) => {
                f.write_str("the connection broke in the middle of it")
            }
        }
    }
}

impl std::error::Error for UnreadableResponse {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.reason {
            DecodeError::Truncated(Truncated::Broken(error)) => Some(error),
            _ => None,
        }
    }
}
