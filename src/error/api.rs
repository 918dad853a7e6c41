//! The error for a response that is neither a registration nor a list of validation errors.

use std::fmt;

use reqwest::{
    StatusCode,
    header::{HeaderMap, HeaderName},
};

use super::outcome::Outcome;
use crate::{
    redact::Redactor,
    response::{ErrorCode, Refusal, Response, ResponseMeta},
};

/// A response with which the server rejects the request or reports a failure: any status that is not a
/// success, or a success status other than 201 with an error in its body.
///
/// The body may have any form: RFC 7591 JSON, FastAPI's `detail`, an HTML page, plain text, or nothing.
///
/// # Examples
///
/// ```
/// use poggio::{ClientMetadata, Error, ErrorCode, serde_json, testing::{Reply, Server}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let server = Server::start().await;
/// # let metadata = ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback");
/// server.script([Reply::json(401, serde_json::json!({"error": "invalid_token"}))]);
///
/// let Err(Error::Api(error)) = server.client().register(&metadata).await else { panic!() };
/// assert_eq!(error.status(), 401);
/// assert_eq!(error.code(), Some(ErrorCode::INVALID_TOKEN));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ApiError(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    response: ResponseMeta,
    headers: Headers,
    code: Option<ErrorCode>,
    description: Option<String>,
}

/// Response headers. `Debug` prints the names only, because a value may be a cookie or a credential.
#[derive(Clone)]
struct Headers(HeaderMap);

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys().map(HeaderName::as_str)).finish()
    }
}

impl ApiError {
    pub(crate) fn new(response: &Response, redactor: &Redactor) -> Self {
        let Refusal { code, description } = Refusal::read(response, redactor);
        let headers = Headers(response.headers.clone());
        Self(Box::new(Inner {
            response: response.meta(|id| redactor.is_safe(id)),
            headers,
            code,
            description,
        }))
    }

    /// Returns the HTTP status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.response.status()
    }

    /// Returns the OAuth error code from the body or, if the body has none, from the
    /// `WWW-Authenticate` challenge.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        self.0.code.clone()
    }

    /// Returns the server's description of the error on one line of at most 300 characters, or `None`
    /// if the response contains none.
    ///
    /// It is read from `error_description`, FastAPI's `detail` or a similar member of the body, then
    /// from the challenge, then from the title or the first words of a body that is not JSON. The
    /// token of the request, credentials in the response, and values that are named as credentials are
    /// masked, in any encoding.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// Returns the response headers. They are not redacted, so do not log their values.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.0.headers.0
    }

    pub(crate) fn response(&self) -> &ResponseMeta {
        &self.0.response
    }

    pub(crate) fn outcome(&self) -> Outcome {
        Outcome::of_status(self.status(), self.0.response.retry_after().is_some())
    }

    pub(crate) fn help(&self) -> &'static str {
        match self.status().as_u16() {
            300..=399 if self.outcome() == Outcome::NotRegistered => {
                "set the base URL to the redirect target, because redirects are not followed"
            }
            401 => "set a valid token with auth_token or remove it, then register again",
            403 => "use a token that is allowed to register clients, or no token",
            404 | 405 => "check the base URL, because there is no registration endpoint under it",
            429 => "wait before you register again, and use register_once to register only once",
            503 if self.outcome() == Outcome::NotRegistered => "wait, then register again",
            400 if self.0.code == Some(ErrorCode::INVALID_REDIRECT_URI) => {
                "correct the redirect URIs, or add application_type \"native\" with \
                 with_additional if the server refuses loopback URIs"
            }
            200..=299 | 400..=499 => {
                "correct the request as the server describes, then register again"
            }
            _ => Outcome::UNKNOWN_HELP,
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} responded {}", self.0.response.host(), self.status())?;
        if let Some(code) = &self.0.code {
            write!(f, " ({code})")?;
        }
        if let Some(description) = self.description() {
            write!(f, ": {description}")?;
        }
        if let Some(wait) = self.0.response.retry_after() {
            write!(f, " (retry after {} s)", wait.as_secs())?;
        }
        Ok(())
    }
}

impl std::error::Error for ApiError {}
