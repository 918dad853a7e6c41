//! [`TokenError`], the error response of an authorization or token endpoint.

use std::{error, fmt, sync::Arc, time::Duration};

use reqwest::StatusCode;
use serde_json::Value;

use crate::{
    error::ApiError,
    redact::Redactor,
    response::{ErrorCode, Response, challenge},
};

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
#[derive(Clone)]
pub struct TokenError {
    /// `None` for an error that another HTTP client returned to the `oauth2` crate.
    host: Option<Arc<str>>,
    code: Option<ErrorCode>,
    description: Option<String>,
    status: Option<StatusCode>,
    retry_after: Option<Duration>,
    rejects_client: bool,
}

impl TokenError {
    pub(super) fn new(
        host: Option<Arc<str>>,
        code: Option<ErrorCode>,
        description: Option<String>,
    ) -> Self {
        let rejects_client = code == Some(ErrorCode::INVALID_CLIENT);
        Self { host, code, description, status: None, retry_after: None, rejects_client }
    }

    pub(super) fn read(response: &Response, redactor: &Redactor) -> Self {
        let error = ApiError::new(response, redactor);
        Self {
            host: Some(Arc::clone(&response.host)),
            rejects_client: rejects_client(response, error.code().as_ref()),
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

    /// Returns whether the server no longer accepts the client: it responded with the code
    /// `invalid_client`, or with 401 and either JSON that has `error` or `detail`, or a `Basic`
    /// challenge without a page.
    ///
    /// A 401 with another OAuth code, such as `invalid_grant`, does not count, and neither does the
    /// 401 of a proxy, which has no body or a page. A 429 and a 5xx say nothing about the client.
    #[must_use]
    pub fn is_invalid_client(&self) -> bool {
        self.rejects_client
    }

    /// Returns the server's description on one line. Credentials in it are masked.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// Returns the HTTP status, or `None` for an error in a callback.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.status
    }

    /// Returns how long the server asks to wait before the next request (`Retry-After`).
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Returns what the server did, in this crate's words, and what to do.
    fn class_and_help(&self) -> (&'static str, &'static str) {
        let status = self.status.map_or(0, |status| status.as_u16());
        match (self.code.as_ref().map(ErrorCode::as_str), status) {
            _ if self.rejects_client => (
                "rejected the client",
                "mark the client with RegistrationStoreExt::mark_rejected, then register again",
            ),
            (Some("access_denied"), _) => {
                ("denied access", "log in again if the user wants to grant access")
            }
            (Some("invalid_grant"), _) => (
                "rejected the code or the refresh token",
                "log in again, because the code or the refresh token is no longer valid",
            ),
            (Some("unauthorized_client"), _) => (
                "rejected this grant type for the client",
                "register a client with this grant type",
            ),
            (Some("unsupported_grant_type"), _) => {
                ("rejected the grant type", "use a grant type that the server supports")
            }
            (Some("invalid_scope"), _) => {
                ("rejected the scopes", "request only scopes that are registered")
            }
            (Some("invalid_target"), _) => {
                ("rejected the resource", "use a resource that the server knows")
            }
            (_, 300..=399) => (
                "redirected the request",
                "set the endpoint to the redirect target, because redirects are not followed",
            ),
            _ if status == 429 || self.retry_after.is_some() => {
                ("rejected the request for now", "wait, then try again")
            }
            (_, 500..) => (
                "failed",
                "try again later, and log in again if the server then rejects the code or token",
            ),
            (Some("server_error" | "temporarily_unavailable"), _) => ("failed", "try again later"),
            (None, 404 | 405) => ("rejected the request", "check the URL of the endpoint"),
            _ => (
                "rejected the request",
                "correct the request as the server describes, then try again",
            ),
        }
    }

    pub(super) fn help(&self) -> &'static str {
        self.class_and_help().1
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.host.as_deref().unwrap_or("the server"))?;
        write!(f, " {}", self.class_and_help().0)?;
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

impl fmt::Debug for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl error::Error for TokenError {}

/// Whether an error response says that the client is unknown or its authentication failed.
fn rejects_client(response: &Response, code: Option<&ErrorCode>) -> bool {
    match response.status.as_u16() {
        429 | 500.. => false,
        _ if code == Some(&ErrorCode::INVALID_CLIENT) => true,
        401 => {
            // Keycloak responds to a wrong secret with `unauthorized_client`.
            let is_other = code.is_some_and(|code| {
                ErrorCode::known(code.as_str()).is_some() && *code != ErrorCode::UNAUTHORIZED_CLIENT
            });
            !is_other && (has_error_member(response) || has_basic_challenge(response))
        }
        _ => false,
    }
}

fn has_error_member(response: &Response) -> bool {
    let body: Option<Value> = serde_json::from_slice(&response.body).ok();
    let has = |name| body.as_ref().is_some_and(|body| body.get(name).is_some_and(|v| !v.is_null()));
    has("error") || has("detail")
}

/// Whether a response without a page has a `Basic` challenge, with which RFC 6749 section 5.2 requires
/// a server to respond.
fn has_basic_challenge(response: &Response) -> bool {
    let is_page = response.body.trim_ascii_start().starts_with(b"<");
    !is_page && challenge::has_scheme(response, "Basic")
}
