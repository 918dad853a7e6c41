//! `Client::register_once` and its companions. The protocol among callers is in `protocol`, and
//! `exclusive` runs it.

use std::{sync::Arc, time::Duration};

use tracing::{Instrument, field};

use super::{
    claim::Claim,
    document::Document,
    exclusive::Call,
    intent::Wait,
    lookup::{Lookup, Query},
    protocol::{CallResult, Protocol, Step},
    record::{Record, now},
    registration_store::RegistrationStore,
    update::{read_with_secrets, update_with_secrets, update_within},
};
#[cfg(feature = "oauth2")]
use super::{exclusive, retired::RetiredReason, update::retire};
use crate::{
    client::Client,
    error::{ConfigError, Error, Outcome, StoreError},
    metadata::ClientMetadata,
    redact::sanitize,
    response::{ClientInformation, FieldWarning},
    url,
};

/// How long a call waits to store the server of its client.
const BINDING_TIMEOUT: Duration = Duration::from_secs(1);

impl Client {
    /// Returns the client that `store` has for this registration endpoint and `metadata`. If it has
    /// none, registers one, and saves it durably before returning it.
    ///
    /// All callers that share a store send one request in total and get the same client: tasks,
    /// threads, processes, and hosts.
    ///
    /// # When a new client is registered
    ///
    /// * The store has no client for this endpoint, apart from a version such as `v1` or `v2` in its
    ///   path, or `metadata` differs from what was requested
    ///   then, [additional members](ClientMetadata::additional) included. The order of lists does
    ///   not matter, and neither does the port of a loopback redirect URI (RFC 8252 section 7.3):
    ///   listen on the port in the returned [`metadata`](ClientInformation::metadata). Omit `software_version` if a new
    ///   version of your application must not register again.
    /// * Its secret has expired, or expires within the
    ///   [`renewal_margin`](crate::ClientBuilder::renewal_margin), a minute by default, and at most
    ///   half its lifetime.
    /// * The server no longer accepts it, and a caller has reported that with
    ///   [`mark_rejected`](crate::RegistrationStoreExt::mark_rejected).
    ///
    /// [`register_reason`](ClientInformation::register_reason) returns the reason, and a `tracing`
    /// event names it.
    ///
    /// The store keeps the id of the replaced client, the reason and the times, but no secret.
    /// Credentials that a person
    /// [imported](crate::RegistrationStoreExt::import) are returned for any metadata, and are never
    /// replaced.
    ///
    /// # At which server
    ///
    /// A client belongs to its authorization server, and `oauth2_client` (feature `oauth2`) refuses
    /// another one. If this `Client` is for a server (`Client::for_server`), the store remembers that
    /// server, and a client of another server is an error of the kind
    /// [`OtherServer`](crate::StoreErrorKind::OtherServer), not a reason to register.
    ///
    /// # The returned client
    ///
    /// [`response`](ClientInformation::response) is `None` for a client from the store. For a
    /// client that this call registered, it describes the server's response.
    ///
    /// If a response cannot be decoded but contains a complete client id and secret, the client is
    /// saved and returned with a [warning](ClientInformation::warnings). Its other members are
    /// assumed to be as requested.
    ///
    /// # How long it takes
    ///
    /// Waiting for other callers takes at most the [`timeout`](crate::ClientBuilder::timeout), or
    /// twice the timeout plus 10 seconds if a claim has to expire, because a host crashed
    /// mid-registration. Then the check of the store and the request take at most the timeout
    /// each. The store's own reads and writes are not limited.
    ///
    /// If the server refuses the request, its caller gets the error, and the next caller sends its
    /// own request. If the outcome is [unknown](crate::Outcome::Unknown), all callers get an error
    /// until a wait has ended. If a store without a lock fails to save a new client, the call retries three times within about
    /// a second.
    ///
    /// If you drop the future before it resolves, the outcome is
    /// [`Unknown`](crate::Outcome::Unknown). With a store that has a lock, other callers learn that
    /// at once; without a lock, once its claim has expired.
    ///
    /// # If the outcome is unknown
    ///
    /// The next request for this endpoint and metadata waits until 1, 4, 16, 64 and 256 minutes
    /// after the last one, and then a day. The same applies if the process was killed during a
    /// request. Until then, calls fail with
    /// [`StoreErrorKind::UnknownOutcome`](crate::StoreErrorKind::UnknownOutcome) and send nothing.
    /// [`clear_unknown`](crate::RegistrationStoreExt::clear_unknown) ends the wait.
    ///
    /// So a program that restarts in a loop creates at most six clients on the first day, and one a
    /// day after. The guide has the bound for each way to restart (`poggio::guide::register_once`).
    ///
    /// # Errors
    ///
    /// Returns [`Error::Store`] if the store failed, or if the outcome of an earlier request is
    /// unknown ([`Outcome::Unknown`](crate::Outcome::Unknown)). If the error contains a
    /// [client](crate::StoreError::client), the client was registered but could not be saved
    /// ([`Outcome::Registered`](crate::Outcome::Registered)); otherwise this call registered no
    /// client. All other errors are those of [`register`](Self::register).
    ///
    /// # Examples
    ///
    /// See [`FileStore`](crate::FileStore).
    #[doc(alias("dcr", "dynamic client registration", "rfc7591", "get_or_create", "idempotent"))]
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
        let result = self.find_or_register(metadata, store).instrument(span.clone()).await;
        if let Ok(client) = &result {
            span.record("client_id", field::debug(client.shown_id()));
            span.record("registered", client.response().is_some());
        }
        result
    }

    /// Returns the client that [`register_once`](Self::register_once) would return without a
    /// request, or `None` if it would register one, or has to wait before it may.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Store`] if the store cannot be read, or if `register_once` would fail because
    /// the client in the store cannot be used. No client was registered.
    pub async fn find_registration(
        &self,
        metadata: &ClientMetadata,
        store: &dyn RegistrationStore,
    ) -> Result<Option<ClientInformation>, Error> {
        let query = self.query(metadata);
        let (document, _) = read_with_secrets(store, query.needs_secrets()).await?;
        match query.find(&document, now(), u64::MAX) {
            Lookup::Usable(client) => Ok(Some(*client)),
            Lookup::Register(_) => Ok(None),
            Lookup::Unusable(unusable) => Err(unusable.into_error(&store.name()).into()),
        }
    }

    /// Saves a client that [`register_once`](Self::register_once) registered but could not save, so
    /// that later calls return it. If another client has been registered since, this one becomes
    /// history.
    ///
    /// The saved client is renewed like any other. To save credentials that must never be replaced,
    /// [import](crate::RegistrationStoreExt::import) them.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Config`] if the client was registered at another server, and [`Error::Store`]
    /// if the store cannot be read or written. The error contains the client
    /// again, so its outcome is [`Registered`](crate::Outcome::Registered).
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
    ///             let client = error.into_client().expect("checked above");
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
        self.check_binding(client)?;
        let query = self.query(metadata);
        let matches = query.needs_secrets();
        let needed =
            |record: &Record| matches(record) || record.client.client_id == client.client_id;
        let save = |document: &mut Document| query.save(document, client, now());
        match update_with_secrets(store, needed, save).await {
            Ok(_) => Ok(()),
            Err(error) => Err(error.with_client(Some(client.clone())).into()),
        }
    }

    /// Returns an error if a client comes from another server than this one registers at.
    fn check_binding(&self, client: &ClientInformation) -> Result<(), Error> {
        let Some(other) = &client.binding else { return Ok(()) };
        let own = self.binding();
        let result = if url::origin(&other.endpoint) == url::origin(&own.endpoint) {
            own.server.as_ref().map_or(Ok(()), |server| other.check(server))
        } else {
            let (endpoint, own) = (sanitize(&other.endpoint), &own.endpoint);
            Err(format!("was registered at {endpoint}, not at {own}"))
        };
        result.map_err(|problem| {
            let client_id = sanitize(&client.client_id);
            let problem = format!(
                "the client {client_id:?} {problem}; save it with a Client of its own server"
            );
            ConfigError::new("Client::save_registration", problem).into()
        })
    }

    /// Stores that a client has obtained a token. A failure does not matter: the next call tries
    /// again.
    #[cfg(feature = "oauth2")]
    pub(crate) async fn note_token(
        &self,
        metadata: &ClientMetadata,
        store: &dyn RegistrationStore,
        client_id: &str,
    ) {
        let query = self.query(metadata);
        // Almost always noted already, which a read without the lock shows.
        let is_new = match exclusive::read::<Document, _>(store).await {
            Ok((mut document, _)) => query.note_token(&mut document, client_id),
            Err(_) => false,
        };
        if !is_new {
            return;
        }
        let update =
            update_within(store, BINDING_TIMEOUT, |document| query.note_token(document, client_id));
        if let Err(error) = update.await {
            tracing::debug!(%error, "it was not stored that the client has obtained a token");
        }
    }

    /// Marks a client as rejected and returns true, unless a new one would not help: another client
    /// for this metadata was rejected in the last hour, or before this one, which never obtained a
    /// token.
    #[cfg(feature = "oauth2")]
    pub(crate) async fn reject_registration(
        &self,
        metadata: &ClientMetadata,
        store: &dyn RegistrationStore,
        client_id: &str,
    ) -> Result<bool, Error> {
        let (document, _) = exclusive::read::<Document, _>(store).await?;
        if !self.query(metadata).may_be_replaced(&document, client_id, now()) {
            return Ok(false);
        }
        let endpoint = Some(self.registration_endpoint());
        retire(store, endpoint, client_id, RetiredReason::Rejected).await?;
        Ok(true)
    }

    fn query(&self, metadata: &ClientMetadata) -> Query {
        Query {
            endpoint: self.registration_endpoint().to_owned(),
            server: self.binding().server.clone(),
            metadata: metadata.clone(),
            renewal_margin: self.renewal_margin(),
        }
    }

    /// Stores the endpoint and the server of the client in use, unless others keep the store busy. A
    /// failure does not matter: the next call tries again.
    async fn update_binding(&self, metadata: &ClientMetadata, store: &dyn RegistrationStore) {
        let query = self.query(metadata);
        let update =
            update_within(store, BINDING_TIMEOUT, |document| query.update_binding(document));
        if let Err(error) = update.await {
            tracing::debug!(%error, "the server of the client was not stored");
        }
    }

    async fn find_or_register(
        &self,
        metadata: &ClientMetadata,
        store: &dyn RegistrationStore,
    ) -> Result<ClientInformation, Error> {
        let timeout = self.transport().timeout;
        let protocol = Protocol::new(self.query(metadata), Claim::new(timeout));
        let mut call = Call::new(store, timeout, protocol);
        // Why no client was registered.
        let mut failure = None;
        let mut step = Step::Read;
        loop {
            step = match step {
                Step::Return(result) => {
                    let is_outdated = call.protocol.is_outdated();
                    let result = into_result(store, result, failure);
                    // Releases the lock.
                    drop(call);
                    if is_outdated && result.is_ok() {
                        self.update_binding(metadata, store).await;
                    }
                    return result;
                }
                Step::Request(reason) => match call.prepare().await {
                    Ok(Some(step)) => step,
                    Err(error) => {
                        failure = Some(error.into());
                        call.protocol.on_not_registered(now())
                    }
                    Ok(None) => {
                        let differences = call.protocol.differences(reason);
                        tracing::info!(%reason, ?differences, "registering a client");
                        // Do not suspend before the write of the new client has started: a future
                        // that is dropped in between would lose the secret.
                        match self
                            .register(metadata)
                            .await
                            .or_else(|error| recovered_client(&error, metadata).ok_or(error))
                        {
                            Ok(mut client) => {
                                client.binding = Some(Arc::clone(self.binding()));
                                client.register_reason = Some(reason);
                                call.protocol.on_registered(client, now())
                            }
                            Err(error) => {
                                let is_certain = error.outcome() == Outcome::NotRegistered;
                                failure = Some(error);
                                if is_certain {
                                    call.protocol.on_not_registered(now())
                                } else {
                                    call.protocol.on_unknown(now())
                                }
                            }
                        }
                    }
                },
                step => match call.run(step).await {
                    Ok(step) => step,
                    // The failed write may have taken effect, so read again.
                    Err(_) if call.wait_before_retry().await => Step::Read,
                    Err(error) if call.protocol.on_store_error() => {
                        failure = Some(error.at(&store.name()).into());
                        Step::Read
                    }
                    Err(error) => return after_store_error(store, &call.protocol, error, failure),
                },
            };
        }
    }
}

/// Returns the result for the caller. `failure` is why no client was registered.
fn into_result(
    store: &dyn RegistrationStore,
    result: CallResult,
    failure: Option<Error>,
) -> Result<ClientInformation, Error> {
    match (result, failure) {
        (CallResult::Client(client), _) => Ok(*client),
        (CallResult::Unusable(unusable), _) => Err(unusable.into_error(&store.name()).into()),
        (CallResult::Waiting(wait), _) => {
            let Wait { since, until } = wait;
            Err(StoreError::waiting(&store.name(), since, until, until - now()).into())
        }
        (CallResult::NotRegistered | CallResult::Unknown, Some(error)) => Err(error),
        // Not reached: both always have a failure.
        (CallResult::NotRegistered | CallResult::Unknown, None) => {
            Err(StoreError::new("returned no result").into())
        }
    }
}

/// Returns the result after a failure of the store. The failure does not matter if only the claim or
/// the intent was left to be removed, because both expire. Otherwise the error holds the client that
/// could not be saved, if there is one.
fn after_store_error(
    store: &dyn RegistrationStore,
    protocol: &Protocol,
    error: StoreError,
    failure: Option<Error>,
) -> Result<ClientInformation, Error> {
    if let Some(result) = protocol.result() {
        return into_result(store, result.clone(), failure);
    }
    let unsaved = protocol.unsaved().cloned();
    Err(error.at(&store.name()).with_client(unsaved).into())
}

/// Returns the client of an unreadable response, if its client id and secret could be read.
fn recovered_client(error: &Error, requested: &ClientMetadata) -> Option<ClientInformation> {
    let Error::Unreadable(response) = error else { return None };
    let (id, secret) = (response.client_id()?, response.client_secret()?);
    let mut client = ClientInformation::with_id(id.to_owned());
    client.client_secret = Some(secret.clone());
    client.requested_auth_method = Some(requested.token_endpoint_auth_method.clone());
    client.response = response.response().cloned();
    let message = format!("{response}, but its client_id and client_secret were recovered");
    client.warnings.push(FieldWarning::new("body", message));
    Some(client)
}
