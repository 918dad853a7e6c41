//! [`SavedLogin`]: what the store has of a login, read without a request.

use chrono::{DateTime, Utc};

use super::{cache::Cached, document::TokenDocument, handle::Session};
use crate::{
    oauth::{access_token::AccessToken, error::OAuthError},
    store,
};

/// A login in the store, as [`Session::saved_login`] returns it. Its token may have expired.
#[derive(Clone, Debug)]
pub struct SavedLogin {
    client_id: String,
    token: AccessToken,
    is_fresh: bool,
    has_refresh_token: bool,
}

impl Session {
    /// Returns the login that the store has, or `None` if it has none. Sends nothing, and does not
    /// refresh the token.
    ///
    /// # Errors
    ///
    /// Returns [`OAuthErrorKind::Registration`](crate::oauth::OAuthErrorKind::Registration) if the
    /// store cannot be read.
    ///
    /// # Examples
    ///
    /// ```
    /// use poggio::oauth::{OAuthError, Session};
    ///
    /// async fn print_status(session: &Session) -> Result<(), OAuthError> {
    ///     match session.saved_login().await? {
    ///         Some(login) => println!("logged in, with the scopes {:?}", login.scopes()),
    ///         None => println!("not logged in"),
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub async fn saved_login(&self) -> Result<Option<SavedLogin>, OAuthError> {
        let context = &self.context;
        let (document, _) = store::read::<TokenDocument, _>(&*context.tokens).await?;
        Ok(document.find(&context.key).map(|entry| SavedLogin {
            client_id: entry.client_id.clone(),
            token: entry.token(),
            is_fresh: Cached::new(entry, context.refresh_margin).is_fresh(),
            has_refresh_token: entry.refresh_token.is_some(),
        }))
    }
}

impl SavedLogin {
    /// Returns the identifier of the client that the user has logged in with.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Returns the granted scopes.
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        self.token.scopes()
    }

    /// Returns when the access token expires or expired, or `None` if the server did not say.
    #[must_use]
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.token.expires_at()
    }

    /// Returns the access token that [`Session::access_token`] would return without a request, or
    /// `None` if it would refresh the token first.
    #[must_use]
    pub fn token(&self) -> Option<&AccessToken> {
        self.is_fresh.then_some(&self.token)
    }

    /// Returns whether there is a refresh token.
    #[must_use]
    pub fn can_refresh(&self) -> bool {
        self.has_refresh_token
    }
}
