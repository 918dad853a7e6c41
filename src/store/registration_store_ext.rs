//! What callers do with a store, whoever implements it.

use serde_json::Value;

use super::{
    registration_store::{RegistrationStore, StoreFuture},
    retired::RetiredReason,
    stored_registration::StoredRegistration,
    update,
};
use crate::{error::Error, response::ClientInformation};

/// What callers do with a [`RegistrationStore`]: look, import, export, take out of use.
///
/// Every store has it. Bring it into scope to call its methods.
pub trait RegistrationStoreExt: RegistrationStore {
    /// Returns every registration, the oldest first, history included.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] where the store cannot be read.
    fn list(&self) -> StoreFuture<'_, Vec<StoredRegistration>, Error> {
        Box::pin(update::list(self))
    }

    /// Takes note that the server no longer accepts this client: the next
    /// [`register_once`](crate::Client::register_once) registers anew. Call it when a token
    /// endpoint has answered `invalid_client`.
    ///
    /// Returns whether this client was in use; `false` is fine, it means that another caller was
    /// first. The registration becomes history. Of a client that was
    /// [imported](Self::import) it is noted as well, but nothing will come in its place by itself.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] where the store cannot be read or written.
    ///
    /// # Examples
    ///
    /// ```
    /// use poggio::{ClientMetadata, FileStore, RegistrationStore, testing::Server};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), poggio::Error> {
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("client.json");
    /// # let server = Server::start().await;
    /// # let poggio = server.client();
    /// # let metadata = ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback");
    /// let store = FileStore::new(path)?;
    /// let client = poggio.register_once(&metadata, &store).await?;
    ///
    /// // The token endpoint says invalid_client.
    /// assert!(store.mark_rejected(&client.client_id).await?);
    /// let next = poggio.register_once(&metadata, &store).await?;
    /// assert_ne!(next.client_id, client.client_id);
    /// # Ok(())
    /// # }
    /// ```
    fn mark_rejected<'a>(&'a self, client_id: &'a str) -> StoreFuture<'a, bool, Error> {
        Box::pin(update::retire(self, None, client_id, RetiredReason::Rejected))
    }

    /// Takes a client out of use at a person's word, an imported one too; it becomes history.
    ///
    /// Its secret stays in the store. To destroy it, delete the store, with all that is in it.
    ///
    /// Returns whether there was such a client that had not been removed.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] where the store cannot be read or written.
    fn remove<'a>(&'a self, client_id: &'a str) -> StoreFuture<'a, bool, Error> {
        Box::pin(update::retire(self, None, client_id, RetiredReason::Removed))
    }

    /// Takes credentials that a person entered, for a registration endpoint
    /// ([`Client::registration_endpoint`](crate::Client::registration_endpoint)).
    ///
    /// They are used there from now on whatever is asked, before what was registered, and are never
    /// replaced by themselves. Those of an earlier import become history.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for an endpoint that is neither https nor on this machine; [`Error::Store`]
    /// where the store cannot be read or written.
    ///
    /// # Examples
    ///
    /// ```
    /// use poggio::{ClientInformation, ClientMetadata, FileStore, RegistrationStore, testing::Server};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), poggio::Error> {
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("client.json");
    /// # let server = Server::start().await;
    /// # let poggio = server.client();
    /// # let metadata = ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback");
    /// let store = FileStore::new(path)?;
    /// let entered = ClientInformation::from_json(r#"{"client_id": "7", "client_secret": "s3cr3t"}"#)?;
    /// store.import(poggio.registration_endpoint(), &entered).await?;
    ///
    /// let client = poggio.register_once(&metadata, &store).await?;
    /// assert_eq!(client.client_id, "7");
    /// assert!(server.requests().is_empty());
    /// # Ok(())
    /// # }
    /// ```
    fn import<'a>(
        &'a self,
        endpoint: &'a str,
        client: &'a ClientInformation,
    ) -> StoreFuture<'a, (), Error> {
        Box::pin(update::import(self, endpoint, client))
    }

    /// Returns a client of this store as RFC 7591 JSON, **with its secret in the clear**; `None`
    /// where there is no such client. History is exported, too.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] where the store cannot be read.
    fn export<'a>(&'a self, client_id: &'a str) -> StoreFuture<'a, Option<Value>, Error> {
        Box::pin(update::export(self, client_id))
    }
}

impl<S: RegistrationStore + ?Sized> RegistrationStoreExt for S {}
