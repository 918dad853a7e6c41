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
        protocol::{End, Protocol, Step},
        update,
    },
    text::shown,
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
    /// claim has to run out, twice that and ten seconds; to make sure of the store, and to register,
    /// as long again each; and there is what the store itself takes. Where a request fails, its
    /// caller gets the error, and the next caller sends one of its own.
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
        match self.asked(metadata).find(&document, now(), usize::MAX) {
            Found::Usable(client) => Ok(Some(*client)),
            Found::Nothing(_) => Ok(None),
            Found::Refused(problem) => Err(problem.at(&store.place()).into()),
        }
    }

    /// Puts a client into the store that [`register_once`](Self::register_once) has registered and
    /// could not save, so that it is used from now on; where another has been registered since, it
    /// becomes history.
    ///
    /// Unlike credentials that a person [imported](RegistrationStore::import), it is renewed like any
    /// other.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] where the store cannot be read or written.
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
    ///             poggio.keep(metadata, store, &client).await?;
    ///             Ok(client)
    ///         }
    ///         result => result,
    ///     }
    /// }
    /// ```
    pub async fn keep(
        &self,
        metadata: &ClientMetadata,
        store: &dyn RegistrationStore,
        client: &ClientInformation,
    ) -> Result<(), Error> {
        let asked = self.asked(metadata);
        update::change(store, |document| asked.keep(document, client, now())).await?;
        Ok(())
    }

    pub(crate) fn asked(&self, metadata: &ClientMetadata) -> Asked {
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
        let mut once = Once::new(store, self.asked(metadata), timeout);
        // Why no client came of the request.
        let mut refusal = None;
        let mut step = Step::Read;
        loop {
            step = match step {
                Step::End(end) => return once.result(end, refusal),
                Step::Register(_) if once.is_claim_old() => once.claim_again()?,
                Step::Register(need) => {
                    tracing::debug!(reason = need.as_str(), "registering");
                    let result = match store.prepare(timeout).await {
                        Ok(()) => self.register_at(metadata, None).await,
                        Err(error) => Err(error.at(&store.place()).into()),
                    };
                    match result {
                        // Nothing is waited for between the answer and its write.
                        Ok(client) => once.protocol.registered(client, now()),
                        Err(error) => {
                            refusal = Some(error);
                            once.protocol.not_registered()
                        }
                    }
                }
                step => match once.store_step(step).await {
                    Ok(step) => step,
                    Err(error) => return once.failed(error, refusal),
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
    /// When the last write began, that of the own claim, and how often one was written because this took too long.
    claimed: Option<Instant>,
    claims: u32,
    waits: Waits,
}

/// How often a claim is written anew by a caller whose store is slow.
const MAX_CLAIMS: u32 = 3;

impl<'a> Once<'a> {
    fn new(store: &'a dyn RegistrationStore, asked: Asked, timeout: Duration) -> Self {
        Self {
            protocol: Protocol::new(asked, Claim::new(timeout)),
            store,
            read: None,
            lock: None,
            may_write: false,
            conflicts_since: None,
            claimed: None,
            claims: 0,
            waits: Waits::new(timeout),
        }
    }

    /// Whether the own claim could run out before a request that is sent now is answered.
    fn is_claim_old(&self) -> bool {
        self.lock.is_none() && self.claimed.is_some_and(|at| at.elapsed() > Claim::SPARE)
    }

    fn claim_again(&mut self) -> Result<Step, Error> {
        self.claims += 1;
        if self.claims >= MAX_CLAIMS {
            let problem = "answers too slowly for a registration under its claim";
            return Err(StoreError::new(problem).at(&self.store.place()).into());
        }
        self.protocol.claim_again(Claim::new(self.waits.timeout));
        self.claimed = None;
        Ok(Step::Read)
    }

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
                Ok(self.protocol.read(document, now()))
            }
        }
    }

    async fn write(&mut self, document: &Document) -> Result<Step, StoreError> {
        self.claimed = Some(Instant::now());
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

    fn result(&self, end: End, refusal: Option<Error>) -> Result<ClientInformation, Error> {
        match (end, refusal) {
            (End::Done(client), _) => Ok(*client),
            (End::Refused(problem), _) => Err(problem.at(&self.store.place()).into()),
            (End::NotRegistered, Some(error)) => Err(error),
            // Not reached: without a request, it ends otherwise.
            (End::NotRegistered, None) => Err(StoreError::new("was left").into()),
        }
    }

    /// What a failure of the store comes to: the client that could not be saved; nothing, where all
    /// was done but to drop the own claim, which will run out.
    fn failed(
        &self,
        error: StoreError,
        refusal: Option<Error>,
    ) -> Result<ClientInformation, Error> {
        if let Some(end) = self.protocol.end() {
            return self.result(end.clone(), refusal);
        }
        let unsaved = self.protocol.unsaved().cloned();
        Err(error.at(&self.store.place()).with_client(unsaved).into())
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
            let who = format!("{} has claimed it", shown(&claim.owner));
            return Err(StoreError::busy(place, who, bound));
        }
        tokio::time::sleep(self.pause.mul_f64(fastrand::f64().mul_add(0.5, 0.75))).await;
        self.pause = (self.pause * 2).min(Duration::from_millis(500));
        Ok(false)
    }
}
