//! Imports a client that a person registered, so that the session uses it and registers none.

use super::handle::Session;
use crate::{oauth::error::OAuthError, response::ClientInformation, store::RegistrationStoreExt};

impl Session {
    /// Imports a client that a person registered at the authorization server, such as in its
    /// settings. The session then uses it, never registers another, and never replaces it.
    ///
    /// This is [`RegistrationStoreExt::import`] for the server of this session. It also works for a
    /// server without a registration endpoint.
    ///
    /// # Errors
    ///
    /// Returns [`OAuthErrorKind::Registration`](crate::oauth::OAuthErrorKind::Registration) if the
    /// client was registered at another server, or if the store cannot be read or written.
    ///
    /// # Examples
    ///
    /// ```
    /// use poggio::{ClientInformation, oauth::{OAuthError, Session}, serde_json::json};
    ///
    /// async fn import(session: &Session, id: &str, secret: &str) -> Result<(), OAuthError> {
    ///     let entered = json!({"client_id": id, "client_secret": secret});
    ///     session.import_client(&ClientInformation::from_json(&entered.to_string())?).await
    /// }
    /// ```
    pub async fn import_client(&self, client: &ClientInformation) -> Result<(), OAuthError> {
        let context = &*self.context;
        context.store.import(context.poggio.registration_endpoint(), client).await?;
        Ok(())
    }
}
