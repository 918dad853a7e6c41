//! [`Client::with_registered`], which replaces a client that the server no longer accepts.

use super::error::OAuthError;
use crate::{
    client::Client, metadata::ClientMetadata, response::ClientInformation, store::RegistrationStore,
};

impl Client {
    /// Calls `work` with the registered client and returns its result. If that is `invalid_client`,
    /// registers another client and calls `work` once more.
    ///
    /// The client comes from [`register_once`](Self::register_once). It is not replaced if this
    /// call registered it, or if another client for the same metadata was rejected within the last
    /// hour: a server that rejects every client would otherwise get a new one at each call. A client
    /// for which `work` never succeeded is replaced once, and only if it is older than an hour. Then
    /// only [`RegistrationStoreExt::mark_rejected`] replaces it.
    /// Imported credentials ([`RegistrationStoreExt::import`]) are never replaced.
    ///
    /// # Errors
    ///
    /// Returns the error of `work`, or [`OAuthErrorKind::Registration`] if no client could be
    /// registered, read or saved; [`OAuthError::registration`] then has the outcome.
    ///
    /// [`RegistrationStoreExt::import`]: crate::RegistrationStoreExt::import
    /// [`RegistrationStoreExt::mark_rejected`]: crate::RegistrationStoreExt::mark_rejected
    /// [`OAuthErrorKind::Registration`]: super::OAuthErrorKind::Registration
    ///
    /// # Examples
    ///
    /// ```
    /// use poggio::{
    ///     Client, ClientMetadata, FileStore,
    ///     oauth::{AuthorizationServer, OAuthError, oauth2::basic::BasicTokenResponse},
    /// };
    ///
    /// async fn token(poggio: &Client, store: &FileStore) -> Result<BasicTokenResponse, OAuthError> {
    ///     let metadata = ClientMetadata::client_credentials().with_client_name("nightly export");
    ///     let server = AuthorizationServer::poggio();
    ///     poggio
    ///         .with_registered(&metadata, store, |client| {
    ///             let oauth = client.oauth2_client(&server, None);
    ///             async { Ok(oauth?.exchange_client_credentials().request_async(poggio).await?) }
    ///         })
    ///         .await
    /// }
    /// ```
    pub async fn with_registered<T, F: Future<Output = Result<T, OAuthError>>>(
        &self,
        metadata: &ClientMetadata,
        store: &dyn RegistrationStore,
        mut work: impl FnMut(ClientInformation) -> F,
    ) -> Result<T, OAuthError> {
        let client = self.register_once(metadata, store).await?;
        let (client_id, is_new) = (client.client_id.clone(), client.response().is_some());
        match work(client).await {
            Err(error) if error.is_invalid_client() && !is_new => {
                if self.reject_registration(metadata, store, &client_id).await? {
                    work(self.register_once(metadata, store).await?).await
                } else {
                    Err(error)
                }
            }
            Ok(result) => {
                self.note_token(metadata, store, &client_id).await;
                Ok(result)
            }
            Err(error) => Err(error),
        }
    }
}
