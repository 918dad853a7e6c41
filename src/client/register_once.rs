//! A registration that happens once.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{Instrument, field};

use super::Client;
use crate::{
    ClientInformation, ClientMetadata, Error, StoreError,
    store::{
        RegistrationStore, StoreLock, Stored, Written,
        document::{Claim, Document},
        lookup::{Asked, Found},
        now,
        protocol::{Protocol, Step},
        update,
    },
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
    ///   ([`renewal_margin`](super::ClientBuilder::renewal_margin));
    /// * the server no longer accepts it, and a caller has said so to
    ///   [`forget`](RegistrationStore::forget).
    ///
    /// What is no longer used stays in the store as history. Credentials that a person
    /// [imported](RegistrationStore::import) are returned whatever is asked and are never replaced.
    ///
    /// [`attempts`](ClientInformation::attempts) is 0 for a client that was kept, else the number
    /// of requests this call sent.
    ///
    /// To wait for others takes [`timeout`](super::ClientBuilder::timeout) at most, or where a
    /// claim has to run out, twice that and ten seconds; to register, as long again. A future that is dropped before it is done leaves the outcome
    /// [`Unknown`](crate::Outcome::Unknown), and others need not wait for it.
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
        if self.shared.local_validation {
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
            span.record("registered", client.attempts() > 0);
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
    pub async fn registered(
        &self,
        metadata: &ClientMetadata,
        store: &dyn RegistrationStore,
    ) -> Result<Option<ClientInformation>, Error> {
        let (document, _) = update::read(store).await?;
        match self.asked(metadata).find(&document, now()) {
            Found::Usable(client) => Ok(Some(*client)),
            Found::Nothing(_) => Ok(None),
            Found::Refused(problem) => Err(problem.at(&store.place()).into()),
        }
    }

    fn asked(&self, metadata: &ClientMetadata) -> Asked {
        Asked {
            endpoint: self.registration_endpoint().to_owned(),
            metadata: metadata.clone(),
            margin: self.shared.renewal_margin,
        }
    }

    async fn once(
        &self,
        metadata: &ClientMetadata,
        store: &dyn RegistrationStore,
    ) -> Result<ClientInformation, Error> {
        let timeout = self.shared.transport.timeout;
        let mut once = Once {
            protocol: Protocol::new(self.asked(metadata), Claim::new(timeout)),
            store,
            read: None,
            lock: None,
            may_write: false,
            conflicts_since: None,
            waits: Waits::new(timeout),
        };
        let mut refusal = None;
        let mut step = Step::Read;
        loop {
            step = match step {
                Step::Done(client) => return Ok(*client),
                Step::Refused(error) => return Err(error.into()),
                Step::Register(need) => {
                    let prepared = store.prepare(timeout).await;
                    prepared.map_err(|error| error.at(&store.place()))?;
                    tracing::debug!(reason = need.as_str(), "registering");
                    match self.register_at(metadata, None).await {
                        Ok(client) => once.protocol.registered(client),
                        Err(error) => {
                            refusal = Some(error);
                            once.protocol.not_registered()
                        }
                    }
                }
                Step::Released => match refusal {
                    Some(error) => return Err(error),
                    // Not reached: nothing is released before a request.
                    None => Step::Read,
                },
                step => match once.store_step(step).await {
                    Ok(step) => step,
                    Err(error) => return Err(once.error(error, refusal)),
                },
            };
        }
    }
}

/// A caller's part and the store.
struct Once<'a> {
    protocol: Protocol,
    store: &'a dyn RegistrationStore,
    read: Option<Stored>,
    /// Taken before the first write, where the store has one.
    lock: Option<StoreLock>,
    may_write: bool,
    /// Since when no write has succeeded.
    conflicts_since: Option<Instant>,
    waits: Waits,
}

impl Once<'_> {
    async fn store_step(&mut self, step: Step) -> Result<Step, StoreError> {
        // A kept client needs no lock; all else does.
        if !matches!(step, Step::Read) && !self.may_write {
            self.lock = self.store.lock(self.waits.timeout).await?;
            if self.lock.is_some() {
                self.protocol.has_lock();
            }
            self.may_write = true;
            return Ok(Step::Read);
        }
        match step {
            Step::Write(document) => self.write(&document).await,
            Step::Wait(claim) => {
                if self.waits.outlived(&claim, &self.store.place()).await? {
                    self.protocol.is_dead(claim);
                }
                Ok(Step::Read)
            }
            _ => {
                let (document, read) = update::read(self.store).await?;
                self.read = read;
                Ok(self.protocol.read(document, &self.store.place(), now()))
            }
        }
    }

    async fn write(&mut self, document: &Document) -> Result<Step, StoreError> {
        match update::write(self.store, document, self.read.as_ref()).await? {
            Written::Done => {
                self.conflicts_since = None;
                Ok(self.protocol.written())
            }
            Written::Conflict => {
                let since = *self.conflicts_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= self.waits.timeout {
                    let (place, timeout) = (self.store.place(), self.waits.timeout);
                    return Err(StoreError::busy(&place, "others keep changing it", timeout));
                }
                tokio::time::sleep(Duration::from_millis(fastrand::u64(1..20))).await;
                Ok(Step::Read)
            }
        }
    }

    /// What the caller has to know: the client that could not be saved, or why none was registered.
    fn error(self, error: StoreError, refusal: Option<Error>) -> Error {
        let error = error.at(&self.store.place()).with_client(self.protocol.unsaved().cloned());
        refusal.unwrap_or(Error::Store(error))
    }
}

/// Waiting for the claims of others.
struct Waits {
    timeout: Duration,
    watched: Option<(Claim, Instant)>,
    first: Option<Instant>,
    pause: Duration,
}

impl Waits {
    fn new(timeout: Duration) -> Self {
        Self { timeout, watched: None, first: None, pause: Duration::from_millis(20) }
    }

    /// Waits a little; returns whether this claim has been there for its whole term.
    async fn outlived(&mut self, claim: &Claim, place: &str) -> Result<bool, StoreError> {
        let now = Instant::now();
        let since = match &self.watched {
            Some((watched, since)) if watched == claim => *since,
            _ => {
                self.watched = Some((claim.clone(), now));
                now
            }
        };
        if now.duration_since(since) >= claim.term() {
            return Ok(true);
        }
        // What was read may be nonsense: the bound is one's own.
        let bound = Claim::new(self.timeout).term().saturating_add(self.timeout);
        if now.duration_since(*self.first.get_or_insert(now)) >= bound {
            let who = format!("{} has claimed it", claim.owner);
            return Err(StoreError::busy(place, who, bound));
        }
        tokio::time::sleep(self.pause.mul_f64(fastrand::f64().mul_add(0.5, 0.75))).await;
        self.pause = (self.pause * 2).min(Duration::from_millis(500));
        Ok(false)
    }
}
