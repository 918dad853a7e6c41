//! The client secret that the server issues, and the bearer token that the caller sets.
//!
//! Both are wiped from memory on drop, and neither is ever printed. This crate cannot wipe the copies
//! in the buffers of the HTTP and TLS libraries.

use std::{fmt, sync::Arc};

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroize};

/// A client secret (RFC 6749 section 2.3.1).
///
/// The server shows it once, and this crate never prints it: `Debug` prints
/// `ClientSecret([redacted])`, and there is no `Display`, `Serialize` or `PartialEq`. To read it, call
/// [`expose`](Self::expose). The memory is wiped on drop.
///
/// # Examples
///
/// ```
/// use poggio::ClientSecret;
///
/// let secret = ClientSecret::from("s3cr3t");
/// assert_eq!(format!("{secret:?}"), "ClientSecret([redacted])");
/// assert_eq!(secret.expose(), "s3cr3t");
/// ```
#[derive(Clone)]
pub struct ClientSecret(SecretString);

impl ClientSecret {
    /// Returns the secret as plain text. Do not log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret([redacted])")
    }
}

impl From<&str> for ClientSecret {
    fn from(secret: &str) -> Self {
        Self(SecretString::from(secret))
    }
}

impl From<String> for ClientSecret {
    /// Copies the secret and wipes the given string.
    fn from(secret: String) -> Self {
        Self(into_secret(secret))
    }
}

/// Copies the text and wipes the original.
///
/// `SecretString::from(String)` shrinks the string instead, and so may leave a copy behind that is not
/// wiped.
pub(crate) fn into_secret(mut text: String) -> SecretString {
    let secret = SecretString::from(text.as_str());
    text.zeroize();
    secret
}

/// The bearer token that authorizes a registration (RFC 6750).
/// Clones share one copy, which is wiped when the last one is dropped.
#[derive(Clone)]
pub(crate) struct BearerToken(Arc<SecretString>);

impl BearerToken {
    /// Checks a token. The error says what is wrong with it, and never contains the token.
    pub(crate) fn parse(token: &str) -> Result<Self, &'static str> {
        if token.is_empty() {
            return Err("empty; leave it unset to register without a token");
        }
        if token.starts_with("Bearer ") || token.starts_with("bearer ") {
            return Err("starts with \"Bearer\"; set the token without that word");
        }
        if token.chars().any(|c| !c.is_ascii_graphic()) {
            return Err("contains a space, a line break or another character that a token cannot \
                 have; check how it was copied or read");
        }
        Ok(Self(Arc::new(SecretString::from(token))))
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Returns the value of the `Authorization` header, marked as sensitive so that `Debug` does not
    /// print it.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        bearer_header(self.expose())
    }
}

/// Returns the value of the `Authorization` header (RFC 6750 section 2.1), marked as sensitive, or
/// `None` if the token contains a character that a header cannot.
pub(crate) fn bearer_header(token: &str) -> Option<HeaderValue> {
    let mut text = format!("Bearer {token}");
    let header = HeaderValue::from_str(&text).ok();
    text.zeroize();
    header.map(|mut value| {
        value.set_sensitive(true);
        value
    })
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bearer_token_header_is_sensitive() {
        let header = BearerToken::parse("p0ggio").unwrap().header().unwrap();
        assert!(header.is_sensitive());
        assert_eq!(header, "Bearer p0ggio");
        assert_eq!(format!("{header:?}"), "Sensitive");
    }
}
