//! [`ErrorCode`]: OAuth error codes, an open set.

use std::{borrow::Cow, fmt};

use crate::redact::Redactor;

/// The `error` member of an OAuth error response: one of the registered codes or any other.
///
/// Compare it with the constants by `==`, or `match` on [`as_str`](Self::as_str). A code has at most 64
/// visible ASCII characters; other text is never an `ErrorCode`.
///
/// Source: RFC 7591 section 3.2.2, RFC 6750 section 3.1, RFC 6749 section 5.2.
///
/// # Examples
///
/// ```
/// use poggio::ErrorCode;
///
/// let code = ErrorCode::INVALID_REDIRECT_URI;
/// assert_eq!(code.as_str(), "invalid_redirect_uri");
/// assert_eq!(code, "invalid_redirect_uri");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ErrorCode(Cow<'static, str>);

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident $text:literal,)*) => {
        impl ErrorCode {
            $($(#[$doc])* pub const $name: Self = Self(Cow::Borrowed($text));)*

            /// Returns the constant with this text.
            pub(crate) fn known(text: &str) -> Option<Self> {
                [$(Self::$name),*].into_iter().find(|code| code == text)
            }
        }
    };
}

codes! {
    /// A redirect URI is invalid (RFC 7591).
    INVALID_REDIRECT_URI "invalid_redirect_uri",
    /// Another member of the metadata is invalid (RFC 7591).
    INVALID_CLIENT_METADATA "invalid_client_metadata",
    /// The software statement is invalid (RFC 7591).
    INVALID_SOFTWARE_STATEMENT "invalid_software_statement",
    /// The server does not approve the software statement (RFC 7591).
    UNAPPROVED_SOFTWARE_STATEMENT "unapproved_software_statement",
    /// The bearer token is malformed, expired or revoked (RFC 6750).
    INVALID_TOKEN "invalid_token",
    /// The scope of the bearer token does not allow this request (RFC 6750).
    INSUFFICIENT_SCOPE "insufficient_scope",
    /// The client is unknown, or its authentication failed (RFC 6749).
    INVALID_CLIENT "invalid_client",
    /// The authorization code or refresh token is expired, revoked, or issued to another client (RFC
    /// 6749).
    INVALID_GRANT "invalid_grant",
    /// The scope is unknown, malformed, or exceeds the granted scope (RFC 6749).
    INVALID_SCOPE "invalid_scope",
    /// The client may not use this grant type (RFC 6749).
    UNAUTHORIZED_CLIENT "unauthorized_client",
    /// The server does not support this grant type (RFC 6749).
    UNSUPPORTED_GRANT_TYPE "unsupported_grant_type",
    /// The request is malformed (RFC 6749, RFC 6750).
    INVALID_REQUEST "invalid_request",
    /// The user or the server denied the request (RFC 6749).
    ACCESS_DENIED "access_denied",
    /// The server failed (RFC 6749).
    SERVER_ERROR "server_error",
    /// The server is overloaded or down for maintenance (RFC 6749).
    TEMPORARILY_UNAVAILABLE "temporarily_unavailable",
}

impl ErrorCode {
    /// Returns the code, or `None` if the text cannot be a code, or contains a credential. The text of a
    /// constant is always a code, because it is not a credential even if it contains the text of one.
    pub(crate) fn read(text: &str, redactor: &Redactor) -> Option<Self> {
        let is_safe = || Self::is_code(text) && redactor.is_safe(text);
        Self::known(text).or_else(|| is_safe().then(|| Self(Cow::Owned(text.to_owned()))))
    }

    pub(crate) fn is_code(text: &str) -> bool {
        !text.is_empty() && text.len() <= 64 && text.bytes().all(|b| b.is_ascii_graphic())
    }

    /// Returns the code as it appears in JSON.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for ErrorCode {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for ErrorCode {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
