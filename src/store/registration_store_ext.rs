//! What callers do with a store, independent of its implementation.

use serde_json::Value;

use super::{
    record::Record,
    registration_store::{RegistrationStore, StoreFuture},
    retired::RetiredReason,
    stored_registration::StoredRegistration,
    unusable::Unusable,
    update::{read_with_secrets, retire, update},
};
use crate::{
    error::{ConfigError, Error},
    redact::sanitize,
    response::ClientInformation,
    url,
};

/// Methods for callers of a [`RegistrationStore`]: list, import, export and retire registrations,
/// and allow the next request after an unknown outcome.
///
/// Every store implements this trait. Bring it into scope to call its methods.
///
/// # Examples
///
/// ```
/// use poggio::{ClientMetadata, FileStore, RegistrationStoreExt, testing::Server};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), poggio::Error> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let server = Server::start().await;
/// # let metadata = ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback");
/// let store = FileStore::new(folder.path().join("client.json"))?;
/// let client = server.client().register_once(&metadata, &store).await?;
///
/// for stored in store.list().await? {
///     assert_eq!(stored.client().client_id, client.client_id);
///     assert!(stored.retired().is_none());
/// }
/// # Ok(())
/// # }
/// ```
pub trait RegistrationStoreExt: RegistrationStore {
    /// Returns the history, which is the newest 50 clients that are no longer used, and after it
    /// the clients in use. Each part begins with the oldest.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Store`] if the store cannot be read.
    fn list(&self) -> StoreFuture<'_, Vec<StoredRegistration>, Error> {
        Box::pin(async move {
            let document = read_with_secrets(self, |_| true).await?.0;
            let mut all: Vec<_> = document.retired().map(StoredRegistration::from).collect();
            all.extend(document.registrations.into_iter().map(StoredRegistration::from));
            Ok(all)
        })
    }

    /// Marks a client as rejected by the server, so that the next
    /// [`register_once`](crate::Client::register_once) registers a new one. Call it if a token
    /// endpoint responds with `invalid_client`.
    ///
    /// Returns whether the client was in use until now. `false` is not a problem: another caller
    /// has marked it already. The registration becomes history, without its secret. An [imported](Self::import) client
    /// is not replaced: `register_once` then fails with
    /// [`ImportedUnusable`](crate::StoreErrorKind::ImportedUnusable).
    ///
    /// # Errors
    ///
    /// Returns [`Error::Store`] if the store cannot be read or written.
    ///
    /// # Examples
    ///
    /// ```
    /// use poggio::{ClientMetadata, FileStore, RegistrationStoreExt, testing::Server};
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
    /// // The token endpoint responds with invalid_client.
    /// assert!(store.mark_rejected(&client.client_id).await?);
    /// let next = poggio.register_once(&metadata, &store).await?;
    /// assert_ne!(next.client_id, client.client_id);
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias("invalid_client", "forget"))]
    fn mark_rejected<'a>(&'a self, client_id: &'a str) -> StoreFuture<'a, bool, Error> {
        Box::pin(retire(self, None, client_id, RetiredReason::Rejected))
    }

    /// Removes a client from use at the request of a person, and erases its secret from the store.
    /// Its id becomes history. Imported clients can be removed too.
    ///
    /// The secret is in no later version of the document. Copies that the storage itself makes, such
    /// as backups, snapshots or old versions of an object, are not changed.
    ///
    /// Returns whether the store had such a client that was not removed yet.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Store`] if the store cannot be read or written.
    #[doc(alias("delete", "unregister"))]
    fn remove<'a>(&'a self, client_id: &'a str) -> StoreFuture<'a, bool, Error> {
        Box::pin(retire(self, None, client_id, RetiredReason::Removed))
    }

    /// Allows the next [`register_once`](crate::Client::register_once) to send its request now,
    /// although the outcome of an earlier request is unknown.
    ///
    /// Call it if a person decides so, for example because Poggio has said that there is no client.
    /// If the earlier request did register a client, the next one creates a duplicate. This applies
    /// to all endpoints and metadata of the store.
    ///
    /// Returns whether there was a request of unknown outcome.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the store cannot be read or written.
    ///
    /// # Examples
    ///
    /// ```
    /// use poggio::{
    ///     ClientMetadata, FileStore, Outcome, RegistrationStoreExt,
    ///     testing::{Reply, Server},
    /// };
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), poggio::Error> {
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("client.json");
    /// # let server = Server::start().await;
    /// # let poggio = server.client();
    /// # let metadata = ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback");
    /// let store = FileStore::new(path)?;
    /// server.script([Reply::disconnect()]);
    /// for _ in 0..5 {
    ///     let error = poggio.register_once(&metadata, &store).await.unwrap_err();
    ///     assert_eq!(error.outcome(), Outcome::Unknown);
    /// }
    /// assert_eq!(server.requests().len(), 1);
    ///
    /// assert!(store.clear_unknown().await?);
    /// poggio.register_once(&metadata, &store).await?;
    /// assert_eq!(server.requests().len(), 2);
    /// # Ok(())
    /// # }
    /// ```
    fn clear_unknown(&self) -> StoreFuture<'_, bool, Error> {
        Box::pin(async move { Ok(update(self, |document| document.intents.clear()).await?) })
    }

    /// Imports credentials that a person entered, for a registration endpoint
    /// ([`Client::registration_endpoint`](crate::Client::registration_endpoint)).
    ///
    /// From now on, [`register_once`](crate::Client::register_once) returns them for this endpoint
    /// and any metadata, and never replaces them. Credentials of an earlier import become history.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Config`] if the endpoint is neither an https URL nor a loopback URL, or if the
    /// client was registered at another server, and [`Error::Store`] if the store cannot be read or written.
    ///
    /// # Examples
    ///
    /// ```
    /// use poggio::{
    ///     ClientInformation, ClientMetadata, FileStore, RegistrationStoreExt, testing::Server,
    /// };
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
        Box::pin(async move {
            let endpoint = url::parse_endpoint(endpoint).map_err(|problem| {
                let problem = format!("the registration endpoint is invalid: {problem}");
                ConfigError::new("RegistrationStoreExt::import", problem)
            })?;
            let endpoint = endpoint.as_str();
            let binding = client.binding.as_ref();
            if let Some(other) =
                binding.filter(|b| url::origin(&b.endpoint) != url::origin(endpoint))
            {
                let problem = format!(
                    "the client {:?} was registered at {}; import it for that endpoint",
                    sanitize(&client.client_id),
                    sanitize(&other.endpoint)
                );
                return Err(ConfigError::new("RegistrationStoreExt::import", problem).into());
            }
            update(self, |document| {
                document.retire(RetiredReason::Replaced, |record| {
                    record.is_imported() && url::is_same_endpoint(&record.endpoint, endpoint)
                });
                document.add(Record::new(endpoint, None, None, client.clone()));
                true
            })
            .await?;
            Ok(())
        })
    }

    /// Returns a client as RFC 7591 JSON, **with its secret in plain text**, or `None` if the store
    /// has no such client in use.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Store`] if the store cannot be read, or if the system keyring no longer has
    /// the client's secret.
    fn export<'a>(&'a self, client_id: &'a str) -> StoreFuture<'a, Option<Value>, Error> {
        Box::pin(async move {
            let is_client = |record: &Record| record.client.client_id == client_id;
            let records = read_with_secrets(self, is_client).await?.0.registrations;
            let newest = records.iter().rfind(|record| is_client(record));
            if let Some(lost) = newest.and_then(Unusable::secret_lost) {
                return Err(lost.into_error(&self.name()).into());
            }
            Ok(newest.map(|record| record.client.expose_json()))
        })
    }
}

impl<S: RegistrationStore + ?Sized> RegistrationStoreExt for S {}
