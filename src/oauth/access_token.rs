//! [`AccessToken`], a token as callers get it. How it is stored is in `session`.

use std::{fmt, sync::Arc};

use chrono::{DateTime, Utc};
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use crate::secret;

/// An access token (RFC 6749 section 1.4), with what the server said about it.
///
/// Cloning is cheap. `Debug` does not show the token, and its memory is wiped on drop.
///
/// # Examples
///
/// ```no_run
/// # async fn example(session: &poggio::oauth::Session) -> Result<(), Box<dyn std::error::Error>> {
/// let token = session.access_token().await?;
/// let header = format!("Authorization: Bearer {}", token.expose());
/// # let _ = header;
/// # Ok(())
/// # }
/// ```
#[doc(alias("bearer"))]
#[derive(Clone)]
pub struct AccessToken(Arc<Inner>);

struct Inner {
    token: SecretString,
    token_type: String,
    expires_at: Option<DateTime<Utc>>,
    scopes: Vec<String>,
}

impl AccessToken {
    pub(super) fn new(
        token: &SecretString,
        token_type: &str,
        expires_at: Option<DateTime<Utc>>,
        scopes: &[String],
    ) -> Self {
        Self(Arc::new(Inner {
            token: token.clone(),
            token_type: token_type.to_owned(),
            expires_at,
            scopes: scopes.to_vec(),
        }))
    }

    /// Returns the token as plain text. Do not log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.token.expose_secret()
    }

    /// Returns when the token expires, or `None` if the server did not say.
    #[must_use]
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.0.expires_at
    }

    /// Returns the granted scopes: the server's, or the requested ones if the response has no
    /// `scope` (RFC 6749 section 5.1).
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        &self.0.scopes
    }

    /// Returns the token type, such as `bearer` (RFC 6749 section 7.1).
    #[must_use]
    pub fn token_type(&self) -> &str {
        &self.0.token_type
    }

    /// Returns the value of the `Authorization` header, or `None` if the token cannot be in one.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        secret::bearer_header(self.expose())
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("token_type", &self.0.token_type)
            .field("expires_at", &self.0.expires_at)
            .field("scopes", &self.0.scopes)
            .finish_non_exhaustive()
    }
}
