//! A registration that happens once: the store, the protocol and the one request.

mod caller;

use serde_json::json;
use tracing::{Instrument, field};

use self::caller::RegisterOnce;
#[cfg(feature = "oauth2")]
use super::retired::RetiredReason;
use super::{
    lookup::{Lookup, Query},
    protocol::Step,
    record::now,
    registration_store::RegistrationStore,
    update,
};
use crate::{
    client::Client,
    error::Error,
    metadata::ClientMetadata,
    response::{ClientInformation, FieldWarning},
};

impl Client {
    /// Returns the client that `store` keeps for this endpoint and `metadata`; registers one, once,
    /// where there is none.
    ///
    /// Any number of callers of one store (tasks, threads, processes, with a shared store hosts)
    /// send one request between them, and all get the same client. It is durable before it is
    /// returned. A new client is registered where
    ///
    /// * there is none, or `metadata` asks for something else than what was registered. The order
    ///   of lists does not matter, and neither does the port of a loopback redirect URI (RFC 8252
    ///   section 7.3): listen on the port that the returned
    ///   [`metadata`](ClientInformation::metadata) has. Leave `software_version` out where a new
    ///   version shall not register anew;
    /// * its secret has expired, or will within a minute
    ///   ([`renewal_margin`](crate::ClientBuilder::renewal_margin));
    /// * the server no longer accepts it, and a caller has said so to
    ///   [`mark_rejected`](crate::RegistrationStoreExt::mark_rejected).
    ///
    /// What is no longer used stays in the store as history. Credentials that a person
    /// [imported](crate::RegistrationStoreExt::import) are returned whatever is asked and are never replaced.
    ///
    /// An answer that cannot be read, but whose id and secret arrived whole, is kept and returned
    /// all the same: its [`warnings`](ClientInformation::warnings) say so, and what it did not state
    /// counts as asked.
    ///
    /// [`response`](ClientInformation::response) is `None` for a client that was kept, else what the
    /// server sent with it.
    ///
    /// To wait for others takes [`timeout`](crate::ClientBuilder::timeout) at most, or where a
    /// claim has to run out, twice that and ten seconds; to make sure of the store, and to register,
    /// as long again each; and there is what the store itself takes. Where a request fails, its
    /// caller gets the error, and the next caller sends one of its own. Where a store without a lock
    /// fails to save a client, it is tried thrice more, for a second or so.
    ///
    /// A future that is dropped before it is done leaves the outcome
    /// [`Unknown`](crate::Outcome::Unknown). Others need not wait for it where the store has a lock;
    /// else for the term of its claim.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] where the store cannot be used; nothing was registered then, unless it
    /// holds the [client](crate::StoreError::client) that could not be saved
    /// ([`Outcome::Registered`](crate::Outcome::Registered)). Else as
    /// [`register`](Self::register).
    ///
    /// # Examples
    ///
    /// See [`FileStore`](crate::FileStore).
    pub async fn register_once(
        &self,
        metadata: &ClientMetadata,
        store: &dyn RegistrationStore,
    ) -> Result<ClientInformation, Error> {
        if self.local_validation() {
            metadata.validate()?;
        }
        let span = tracing::info_span!(
            "poggio.register_once",
            endpoint = self.registration_endpoint(),
            client_id = field::Empty,
            registered = field::Empty,
        );
        let result = self.once(metadata, store).instrument(span.clone()).await;
        if let Ok(client) = &result {
            span.record("client_id", field::debug(&client.client_id));
            span.record("registered", client.response().is_some());
        }
        result
    }

    /// Returns the client that [`register_once`](Self::register_once) would return without a
    /// request; `None` where it would register one.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] where the store cannot be read, or holds credentials that a person entered
    /// and that cannot be used.
    pub async fn find_registration(
        &self,
        metadata: &ClientMetadata,
        store: &dyn RegistrationStore,
    ) -> Result<Option<ClientInformation>, Error> {
        let (document, _) = update::read(store).await?;
        match self.query(metadata).find(&document, now(), usize::MAX) {
            Lookup::Usable(client) => Ok(Some(*client)),
            Lookup::Nothing(_) => Ok(None),
            Lookup::Refused(problem) => Err(problem.at(&store.name()).into()),
        }
    }

    /// Puts a client into the store that [`register_once`](Self::register_once) has registered and
    /// could not save, so that it is used from now on; where another has been registered since, it
    /// becomes history.
    ///
    /// Unlike credentials that a person [imported](crate::RegistrationStoreExt::import), it is renewed like any
    /// other.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] where the store cannot be read or written; the client is in it again.
    ///
    /// # Examples
    ///
    /// ```
    /// use poggio::{Client, ClientInformation, ClientMetadata, Error, FileStore};
    ///
    /// async fn client(
    ///     poggio: &Client,
    ///     metadata: &ClientMetadata,
    ///     store: &FileStore,
    /// ) -> Result<ClientInformation, Error> {
    ///     match poggio.register_once(metadata, store).await {
    ///         // The disk filled up after the registration.
    ///         Err(Error::Store(error)) if error.client().is_some() => {
    ///             eprintln!("{error}");
    ///             let client = error.into_client().expect("it is there");
    ///             // Once there is room again:
    ///             poggio.save_registration(metadata, store, &client).await?;
    ///             Ok(client)
    ///         }
    ///         result => result,
    ///     }
    /// }
    /// ```
    pub async fn save_registration(
        &self,
        metadata: &ClientMetadata,
        store: &dyn RegistrationStore,
        client: &ClientInformation,
    ) -> Result<(), Error> {
        let query = self.query(metadata);
        match update::change(store, |document| query.keep(document, client, now())).await {
            Ok(_) => Ok(()),
            Err(error) => Err(error.with_client(Some(client.clone())).into()),
        }
    }

    /// Marks a client as rejected, unless another one for this metadata was rejected less than an hour
    /// ago: then its successor would fare no better. Returns whether it was marked.
    #[cfg(feature = "oauth2")]
    pub(crate) async fn reject_registration(
        &self,
        metadata: &ClientMetadata,
        store: &dyn RegistrationStore,
        client_id: &str,
    ) -> Result<bool, Error> {
        let (document, _) = update::read(store).await?;
        if self.query(metadata).was_rejected_lately(&document, client_id, now()) {
            return Ok(false);
        }
        let endpoint = Some(self.registration_endpoint());
        update::retire(store, endpoint, client_id, RetiredReason::Rejected).await?;
        Ok(true)
    }

    fn query(&self, metadata: &ClientMetadata) -> Query {
        Query {
            endpoint: self.registration_endpoint().to_owned(),
            metadata: metadata.clone(),
            margin: self.renewal_margin(),
        }
    }

    async fn once(
        &self,
        metadata: &ClientMetadata,
        store: &dyn RegistrationStore,
    ) -> Result<ClientInformation, Error> {
        let timeout = self.transport().timeout;
        let mut once = RegisterOnce::new(store, self.query(metadata), timeout);
        // Why no client came of the request.
        let mut refusal = None;
        let mut step = Step::Read;
        loop {
            step = match step {
                Step::End(end) => return once.result(end, refusal),
                Step::Register(need) => match store.preflight(timeout).await {
                    Ok(()) if once.is_claim_old() => once.claim_again()?,
                    prepared => {
                        tracing::debug!(reason = need.as_str(), "registering");
                        let result = match prepared {
                            Ok(()) => self.register(metadata).await,
                            Err(error) => Err(error.at(&store.name()).into()),
                        };
                        match result.or_else(|error| recovered_client(&error).ok_or(error)) {
                            // Nothing is waited for between the answer and its write.
                            Ok(client) => once.protocol.registered(client, now()),
                            Err(error) => {
                                refusal = Some(error);
                                once.protocol.not_registered()
                            }
                        }
                    }
                },
                step => match once.store_step(step).await {
                    Ok(step) => step,
                    // A write may have taken effect all the same.
                    Err(_) if once.tries_again().await => Step::Read,
                    Err(error) => return once.failed(error, refusal),
                },
            };
        }
    }
}

/// The client of an answer that cannot be read, where both its id and its secret arrived whole.
fn recovered_client(error: &Error) -> Option<ClientInformation> {
    let Error::Unreadable(answer) = error else { return None };
    let (id, secret) = (answer.client_id()?, answer.client_secret()?);
    let mut client: ClientInformation = serde_json::from_value(json!({"client_id": id})).ok()?;
    client.client_secret = Some(secret.clone());
    client.response = answer.response().cloned();
    let message = format!("{answer}; its client_id and client_secret are whole, and are used");
    client.warnings.push(FieldWarning::new("body", message));
    Some(client)
}
