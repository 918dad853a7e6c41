//! Secrets: the client secret a caller is given, and the bearer token a caller gives.
//!
//! Both are wiped from memory when dropped and neither is ever printed. Copies that the HTTP and
//! TLS libraries make in their own buffers are out of reach.

use std::fmt;

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroize};

/// A client secret (RFC 6749 section 2.3.1), shown once by the server and never printed by this
/// crate.
///
/// `Debug` prints `ClientSecret([redacted])`; there is no `Display`, no `Serialize` and no
/// `PartialEq`. The memory is wiped on drop.
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
    /// Returns the secret itself. Keep the borrow short, and out of logs.
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
    /// Copies the secret into memory of its exact size and wipes the given string.
    fn from(secret: String) -> Self {
        Self(wiped(secret))
    }
}

/// The text in memory of its exact size; what it came in is wiped.
pub(crate) fn wiped(mut text: String) -> SecretString {
    let kept = SecretString::from(text.as_str());
    text.zeroize();
    kept
}

/// The token that authorizes a registration (RFC 6750), kept out of everything but its header.
#[derive(Clone)]
pub(crate) struct BearerToken(SecretString);

impl BearerToken {
    /// Takes a token, or says in a sentence why it cannot be one; never repeats it.
    pub(crate) fn parse(token: &str) -> Result<Self, &'static str> {
        if token.is_empty() {
            return Err("is empty; leave it unset to register without a token");
        }
        if token.starts_with("Bearer ") || token.starts_with("bearer ") {
            return Err("starts with \"Bearer\"; pass the token alone");
        }
        if token.chars().any(|c| !c.is_ascii_graphic()) {
            return Err("contains a blank, a line break or another character that no token has; \
                 check how it was copied or read");
        }
        Ok(Self(SecretString::from(token)))
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The value of the `Authorization` header, marked sensitive so that nothing prints it.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        let mut text = format!("Bearer {}", self.expose());
        let header = HeaderValue::from_str(&text).ok();
        text.zeroize();
        header.map(|mut value| {
            value.set_sensitive(true);
            value
        })
    }
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
    fn the_header_of_a_token_is_marked_sensitive() {
        let header = BearerToken::parse("p0ggio").unwrap().header().unwrap();
        assert!(header.is_sensitive());
        assert_eq!(header, "Bearer p0ggio");
        assert_eq!(format!("{header:?}"), "Sensitive");
    }
}
