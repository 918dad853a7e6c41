//! The error for a success response that cannot be read, with the credentials recovered from it.

use std::fmt;

use bytes::Bytes;

use super::outcome::Outcome;
use crate::{
    response::{DecodeError, RecoveredCredentials, ResponseMeta, Truncated},
    secret::ClientSecret,
};

/// A success response, or saved JSON, that cannot be read as a client.
///
/// A client exists if the status is 201, if a credential was recovered, or if the body was truncated
/// before it could show: the outcome is [`Outcome::Registered`], so do not register again. If both the
/// id and the secret were recovered, you can use them. If the whole body of another 2xx is not a
/// registration, such as a page, the outcome is [`Outcome::Unknown`].
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
    description: Option<String>,
    reason: DecodeError,
    recovered: RecoveredCredentials,
    body: Bytes,
}

impl fmt::Debug for Inner {
    /// Omits the body, because it may contain a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner")
            .field("response", &self.response)
            .field("description", &self.description)
            .field("reason", &self.reason)
            .field("recovered", &self.recovered)
            .finish_non_exhaustive()
    }
}

impl UnreadableResponse {
    pub(crate) fn new(
        response: Option<ResponseMeta>,
        description: Option<String>,
        reason: DecodeError,
        recovered: RecoveredCredentials,
        body: Bytes,
    ) -> Self {
        Self(Box::new(Inner { response, description, reason, recovered, body }))
    }

    /// Saved JSON counts as registered, because it was saved after a registration.
    pub(crate) fn outcome(&self) -> Outcome {
        let RecoveredCredentials { client_id, client_secret } = &self.0.recovered;
        let is_created = self.response().is_none_or(|response| response.status().as_u16() == 201);
        let is_truncated = matches!(
            self.0.reason,
            DecodeError::Truncated(_) | DecodeError::Coded { is_truncated: true, .. }
        );
        if is_created || is_truncated || client_id.is_some() || client_secret.is_some() {
            Outcome::Registered
        } else {
            Outcome::Unknown
        }
    }

    /// Returns the server's error code and message on one line, or `None` if the body is not JSON with
    /// either.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
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

    /// Returns the bytes of the body that arrived, **with secrets in plain text**. Do not log them.
    ///
    /// They are not decoded in any way, except that a UTF-8 byte order mark is removed. If the response
    /// has a content coding, the bytes are still encoded.
    #[must_use]
    pub fn expose_body(&self) -> &[u8] {
        &self.0.body
    }

    pub(crate) fn response(&self) -> Option<&ResponseMeta> {
        self.0.response.as_ref()
    }

    pub(crate) fn help(&self) -> &'static str {
        if self.outcome() == Outcome::Unknown {
            return Outcome::UNKNOWN_HELP;
        }
        if self.response().is_none() {
            return "restore the text from a backup, or use the credentials in this error";
        }
        match (self.client_id(), self.client_secret()) {
            (Some(_), Some(_)) => {
                "do not register again; save the client_id and client_secret in this error"
            }
            (None, None) => "do not register again; ask the server's operator for the credentials",
            _ => {
                "do not register again; save the part in this error and ask the server's operator \
                 for the rest"
            }
        }
    }
}

impl fmt::Display for UnreadableResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.response() {
            Some(response) => {
                let (host, status) = (response.host(), response.status());
                write!(f, "the response of {host} ({status}) could not be decoded: ")?;
            }
            None => f.write_str("the saved text could not be decoded: ")?,
        }
        match &self.0.reason {
            DecodeError::Empty => f.write_str("it is empty")?,
            DecodeError::Coded { coding, .. } => {
                write!(f, "it has the content coding {coding}, which was not requested")?;
            }
            DecodeError::NotJson { line, column } => {
                write!(f, "it is not JSON (line {line}, column {column})")?;
            }
            DecodeError::NotAnObject => f.write_str("it is not a JSON object")?,
            DecodeError::NoClientId => {
                f.write_str("its client_id is missing, empty or not a string")?;
            }
            DecodeError::Truncated(truncated) => write!(f, "{truncated}")?,
        }
        match self.description() {
            Some(description) => write!(f, " (it says: {description})"),
            None => Ok(()),
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
