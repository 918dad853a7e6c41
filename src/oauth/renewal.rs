//! Using a registration that the server may no longer accept.

use super::error::OAuthError;
use crate::{
    client::Client, metadata::ClientMetadata, response::ClientInformation, store::RegistrationStore,
};

impl Client {
    /// Does `work` with the registered client; where the server answers `invalid_client`, registers
    /// anew and does it once more.
    ///
    /// The client comes from [`register_once`](Self::register_once). One that was registered in this
    /// very call is not replaced, nor one whose predecessor was given up so within the last hour,
    /// since the next would fare no better: a server that refuses every client would be given one
    /// at each call. One that a person entered is never replaced.
    ///
    /// # Errors
    ///
    /// That of `work`, or [`OAuthErrorKind::Registration`](super::OAuthErrorKind::Registration).
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
            result => result,
        }
    }
}
