//! [`TokenError`], the error response of an authorization or token endpoint.

use std::{error, fmt, time::Duration};

use reqwest::StatusCode;

use crate::{error::ApiError, response::ErrorCode};

/// An error response of an authorization or token endpoint, in any form: RFC 6749 JSON, FastAPI's
/// list of validation errors, or an HTML page.
///
/// # Examples
///
/// ```
/// use poggio::oauth::OAuthError;
///
/// fn needs_consent(error: &OAuthError) -> bool {
///     let code = error.refusal().and_then(|refusal| refusal.code());
///     code.is_some_and(|code| *code == "consent_required")
/// }
/// ```
#[derive(Clone, Debug)]
pub struct TokenError {
    code: Option<ErrorCode>,
    description: Option<String>,
    status: Option<StatusCode>,
    retry_after: Option<Duration>,
}

impl TokenError {
    pub(super) fn new(code: Option<ErrorCode>, description: Option<String>) -> Self {
        Self { code, description, status: None, retry_after: None }
    }

    pub(super) fn from_api_error(error: &ApiError) -> Self {
        Self {
            code: error.code(),
            description: error.description().map(str::to_owned),
            status: Some(error.status()),
            retry_after: error.response().retry_after(),
        }
    }

    /// Returns the OAuth error code, such as `invalid_grant` or `access_denied`, if the response
    /// has one.
    #[must_use]
    pub fn code(&self) -> Option<&ErrorCode> {
        self.code.as_ref()
    }

    /// Returns the server's description on one line. Text that looks like a credential is masked.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// Returns the HTTP status, or `None` for an error in a callback and for an OAuth error with
    /// status 400 or 401, whose code says everything.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.status
    }

    /// Returns how long the server asks to wait before the next request (`Retry-After`).
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server rejected the request")?;
        if let Some(status) = self.status {
            write!(f, " with {status}")?;
        }
        if let Some(code) = &self.code {
            write!(f, " ({code})")?;
        }
        if let Some(description) = &self.description {
            write!(f, ": {description}")?;
        }
        match self.retry_after {
            Some(wait) => write!(f, " (retry after {} s)", wait.as_secs()),
            None => Ok(()),
        }
    }
}

impl error::Error for TokenError {}
