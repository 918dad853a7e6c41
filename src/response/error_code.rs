//! Error codes: an open set of registered words.

use std::{borrow::Cow, fmt};

/// The `error` member of an OAuth error answer: a known code or any other, kept as it came.
///
/// The constants compare with `==`; a `match` goes by [`as_str`](Self::as_str).
///
/// Text that is not a word of at most 64 visible ASCII characters is no code.
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

            /// The constant of this text.
            pub(crate) fn known(text: &str) -> Option<Self> {
                [$(Self::$name),*].into_iter().find(|code| code == text)
            }
        }
    };
}

codes! {
    /// A redirect URI is not acceptable (RFC 7591).
    INVALID_REDIRECT_URI "invalid_redirect_uri",
    /// Another member of the metadata is not acceptable (RFC 7591).
    INVALID_CLIENT_METADATA "invalid_client_metadata",
    /// The software statement is not valid (RFC 7591).
    INVALID_SOFTWARE_STATEMENT "invalid_software_statement",
    /// The software statement is not approved here (RFC 7591).
    UNAPPROVED_SOFTWARE_STATEMENT "unapproved_software_statement",
    /// The bearer token is malformed, expired or revoked (RFC 6750).
    INVALID_TOKEN "invalid_token",
    /// The bearer token does not allow this (RFC 6750).
    INSUFFICIENT_SCOPE "insufficient_scope",
    /// The client is unknown, or did not authenticate (RFC 6749).
    INVALID_CLIENT "invalid_client",
    /// The code or refresh token is expired, used or another client's (RFC 6749).
    INVALID_GRANT "invalid_grant",
    /// The scope is unknown or more than was granted (RFC 6749).
    INVALID_SCOPE "invalid_scope",
    /// The client may not use this grant type (RFC 6749).
    UNAUTHORIZED_CLIENT "unauthorized_client",
    /// The server does not know this grant type (RFC 6749).
    UNSUPPORTED_GRANT_TYPE "unsupported_grant_type",
    /// The request is malformed (RFC 6749, RFC 6750).
    INVALID_REQUEST "invalid_request",
    /// The caller may not do this (RFC 6749).
    ACCESS_DENIED "access_denied",
    /// The server failed and says so in OAuth's terms (RFC 6749).
    SERVER_ERROR "server_error",
    /// The server is overloaded or down for maintenance (RFC 6749).
    TEMPORARILY_UNAVAILABLE "temporarily_unavailable",
}

impl ErrorCode {
    /// Takes a code that a server sent and that has been cleaned.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let is_code =
            !text.is_empty() && text.len() <= 64 && text.bytes().all(|b| b.is_ascii_graphic());
        is_code.then(|| Self(Cow::Owned(text.to_owned())))
    }

    /// Returns the code as it is written in JSON.
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
