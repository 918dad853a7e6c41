//! The error for a success response that cannot be read, with the credentials recovered from it.

use std::fmt;

use bytes::Bytes;

use crate::{
    response::{DecodeError, RecoveredCredentials, ResponseMeta, Truncated},
    secret::ClientSecret,
};

/// A success response, or saved JSON, that cannot be read as a client.
///
/// The client exists, so do not register again. If both the id and the secret were recovered, you can
/// use them.
///
/// # Examples
///
/// ```
/// use poggio::{ClientMetadata, Error, testing::{Reply, Server}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let server = Server::start().await;
/// # let metadata = ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback");
/// server.script([Reply::text(201, r#"{"client_id": "7", "client_secret": "s3cr3t", "clie"#)]);
///
/// let result = server.client().register(&metadata).await;
/// let Err(Error::Unreadable(response)) = result else { panic!() };
/// assert_eq!(response.client_id(), Some("7"));
/// assert_eq!(response.client_secret().map(|secret| secret.expose()), Some("s3cr3t"));
/// # }
/// ```
#[derive(Debug)]
pub struct UnreadableResponse(Box<Inner>);

struct Inner {
    response: Option<ResponseMeta>,
    reason: DecodeError,
    recovered: RecoveredCredentials,
    body: Bytes,
}

impl fmt::Debug for Inner {
    /// Omits the body, because it may contain a secret.
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

    /// Returns the client id, if all of it arrived.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.0.recovered.client_id.as_deref()
    }

    /// Returns the client secret, if all of it arrived.
    #[must_use]
    pub fn client_secret(&self) -> Option<&ClientSecret> {
        self.0.recovered.client_secret.as_ref()
    }

    /// Returns the bytes of the body that arrived, without a byte order mark, **with secrets in plain
    /// text**. Do not log them.
    #[must_use]
    pub fn expose_body(&self) -> &[u8] {
        &self.0.body
    }

    pub(crate) fn response(&self) -> Option<&ResponseMeta> {
        self.0.response.as_ref()
    }

    pub(crate) fn help(&self) -> &'static str {
        if self.response().is_none() {
            return "restore the text from a backup, or use the credentials in this error";
        }
        match (self.client_id(), self.client_secret()) {
            (Some(_), Some(_)) => {
                "do not register again; save the client_id and client_secret in this error"
            }
            (None, None) => "do not register again; ask Poggio for the credentials",
            _ => "do not register again; save the part in this error and ask Poggio for the rest",
        }
    }
}

impl fmt::Display for UnreadableResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.response() {
            Some(response) => {
                write!(f, "the response ({}) could not be decoded: ", response.status())?;
            }
            None => f.write_str("the saved text could not be decoded: ")?,
        }
        match &self.0.reason {
            DecodeError::Empty => f.write_str("it is empty"),
            DecodeError::NotJson { line, column } => {
                write!(f, "it is not JSON (line {line}, column {column})")
            }
            DecodeError::NotAnObject => f.write_str("it is not a JSON object"),
            DecodeError::NoClientId => {
                f.write_str("its client_id is missing, empty or not a string")
            }
            DecodeError::Truncated(Truncated::TooLarge(cap)) => {
                write!(f, "it is larger than max_response_bytes ({cap})")
            }
            DecodeError::Truncated(Truncated::Timeout) => {
                f.write_str("the call timed out before the body ended")
            }
            DecodeError::Truncated(Truncated::Broken(_)) => {
                f.write_str("the connection broke before the body ended")
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
