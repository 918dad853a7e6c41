//! A caller of `register_once`: its part of the protocol, the store, and how long it waits.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    error::{Error, StoreError},
    redact::sanitize,
    response::ClientInformation,
    store::{
        document::{Claim, Document},
        lookup::Query,
        protocol::{End, Protocol, Step},
        record::now,
        registration_store::{RegistrationStore, StoreLock, Versioned, WriteResult},
        update,
    },
};

/// A caller's part and the store.
pub(super) struct RegisterOnce<'a> {
    pub(super) protocol: Protocol,
    store: &'a dyn RegistrationStore,
    read: Option<Versioned>,
    /// Taken before the first write, where the store has one.
    lock: Option<StoreLock>,
    may_write: bool,
    /// Since when no write has succeeded.
    conflicts_since: Option<Instant>,
    /// When the last write began, that of the own claim; and how often that one took too long.
    claimed: Option<Instant>,
    claims: u32,
    /// How often a store that failed may be tried again, with a client that is not saved.
    retries: u32,
    waits: Waits,
}

/// How often a claim is written anew by a caller whose store is slow.
const MAX_CLAIMS: u32 = 3;
const RETRIES: u32 = 3;

impl<'a> RegisterOnce<'a> {
    pub(super) fn new(store: &'a dyn RegistrationStore, asked: Query, timeout: Duration) -> Self {
        Self {
            protocol: Protocol::new(asked, Claim::new(timeout)),
            store,
            read: None,
            lock: None,
            may_write: false,
            conflicts_since: None,
            claimed: None,
            claims: 0,
            retries: RETRIES,
            waits: Waits::new(timeout),
        }
    }

    /// Whether the own claim could run out before a request that is sent now is answered.
    pub(super) fn is_claim_old(&self) -> bool {
        self.lock.is_none() && self.claimed.is_some_and(|at| at.elapsed() > Claim::CLAIM_SLACK)
    }

    pub(super) fn claim_again(&mut self) -> Result<Step, Error> {
        self.claims += 1;
        if self.claims >= MAX_CLAIMS {
            let problem = "answers too slowly for a registration under its claim";
            return Err(StoreError::new(problem).at(&self.store.name()).into());
        }
        self.protocol.claim_again(Claim::new(self.waits.timeout));
        self.claimed = None;
        Ok(Step::Read)
    }

    pub(super) async fn store_step(&mut self, step: Step) -> Result<Step, StoreError> {
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
                // Whoever claims does not keep changing it.
                self.conflicts_since = None;
                if self.waits.outlived(&claim, &self.store.name()).await? {
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
            WriteResult::Written => {
                self.conflicts_since = None;
                Ok(self.protocol.written())
            }
            WriteResult::Conflict => {
                let since = *self.conflicts_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= self.waits.timeout {
                    let (place, timeout) = (self.store.name(), self.waits.timeout);
                    return Err(StoreError::busy(&place, "others keep changing it", timeout));
                }
                tokio::time::sleep(Duration::from_millis(fastrand::u64(1..20))).await;
                Ok(Step::Read)
            }
        }
    }

    /// Whether a store that failed is tried again, after a pause: one that is reached over a network,
    /// and has a client to save. One with a lock is on this machine, and would fail again.
    pub(super) async fn tries_again(&mut self) -> bool {
        if self.lock.is_some() || self.protocol.unsaved().is_none() || self.retries == 0 {
            return false;
        }
        let pause = Duration::from_secs(1) / 4_u32.pow(self.retries - 1);
        self.retries -= 1;
        tokio::time::sleep(pause).await;
        true
    }

    pub(super) fn result(
        &self,
        end: End,
        refusal: Option<Error>,
    ) -> Result<ClientInformation, Error> {
        match (end, refusal) {
            (End::Done(client), _) => Ok(*client),
            (End::Refused(problem), _) => Err(problem.at(&self.store.name()).into()),
            (End::NotRegistered, Some(error)) => Err(error),
            // Not reached: without a request, it ends otherwise.
            (End::NotRegistered, None) => Err(StoreError::new("was left").into()),
        }
    }

    /// What a failure of the store comes to: the client that could not be saved; nothing, where all
    /// was done but to drop the own claim, which will run out.
    pub(super) fn failed(
        &self,
        error: StoreError,
        refusal: Option<Error>,
    ) -> Result<ClientInformation, Error> {
        if let Some(end) = self.protocol.end() {
            return self.result(end.clone(), refusal);
        }
        let unsaved = self.protocol.unsaved().cloned();
        Err(error.at(&self.store.name()).with_client(unsaved).into())
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
            let who = format!("{} has claimed it", sanitize(&claim.owner));
            return Err(StoreError::busy(place, who, bound));
        }
        tokio::time::sleep(self.pause.mul_f64(fastrand::f64().mul_add(0.5, 0.75))).await;
        self.pause = (self.pause * 2).min(Duration::from_millis(500));
        Ok(false)
    }
}
