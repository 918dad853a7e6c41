//! One call of `register_once`: runs the protocol against a store, with its lock, retries and
//! timeouts. The request itself is sent by `register_once`.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    error::{Error, StoreError},
    random,
    response::ClientInformation,
    store::{
        claim::{Claim, ClaimWatch},
        document::Document,
        intent::Wait,
        lookup::Query,
        protocol::{CallResult, Protocol, Step},
        record::now,
        registration_store::{RegistrationStore, StoreLock, Versioned, WriteResult},
        update::{read_with_secrets, write_document},
    },
};

/// How many claims a caller may write if its store is so slow that they could expire.
const MAX_CLAIMS: u32 = 3;
const MAX_RETRIES: u32 = 3;

/// The state of one call.
pub(super) struct RegisterOnce<'a> {
    pub(super) protocol: Protocol,
    store: &'a dyn RegistrationStore,
    /// The version that the next write expects.
    last_read: Option<Versioned>,
    /// Held from before the first write until the end of the call, if the store has a lock.
    lock: Option<StoreLock>,
    /// When the current series of conflicts began.
    conflicts_since: Option<Instant>,
    /// When the last write began. Before a request, that is the write of the claim.
    last_write_at: Option<Instant>,
    slow_claims: u32,
    retries_left: u32,
    claim_watch: ClaimWatch,
}

impl<'a> RegisterOnce<'a> {
    pub(super) fn new(store: &'a dyn RegistrationStore, query: Query, timeout: Duration) -> Self {
        Self {
            protocol: Protocol::new(query, Claim::new(timeout)),
            store,
            last_read: None,
            lock: None,
            conflicts_since: None,
            last_write_at: None,
            slow_claims: 0,
            retries_left: MAX_RETRIES,
            claim_watch: ClaimWatch::new(timeout),
        }
    }

    /// Returns whether the claim could expire before a request that is sent now has its response.
    pub(super) fn may_claim_expire(&self) -> bool {
        let is_old = |at: Instant| at.elapsed() > Claim::CLAIM_SLACK;
        self.lock.is_none() && self.last_write_at.is_some_and(is_old)
    }

    /// Replaces the claim, or fails if the store has been too slow for several claims.
    pub(super) fn renew_claim(&mut self) -> Result<Step, Error> {
        self.slow_claims += 1;
        if self.slow_claims >= MAX_CLAIMS {
            let problem = "is too slow: its claim could expire before the registration ends";
            return Err(StoreError::new(problem).at(&self.store.name()).into());
        }
        self.protocol.renew_claim(Claim::new(self.claim_watch.timeout));
        self.last_write_at = None;
        Ok(Step::Read)
    }

    /// Performs a step that accesses the store or waits for another caller.
    pub(super) async fn run(&mut self, step: Step) -> Result<Step, StoreError> {
        match step {
            // A stored client is returned without the lock. Everything else needs the lock.
            Step::Lock => {
                self.lock = self.store.lock(self.claim_watch.timeout).await?;
                Ok(self.protocol.on_lock(self.lock.is_some()))
            }
            Step::Write(document) => self.write(&document).await,
            Step::Wait(claim) => {
                // The claim of another caller ends the series of conflicts.
                self.conflicts_since = None;
                if self.claim_watch.wait(&claim, &self.store.name()).await? {
                    self.protocol.on_claim_expired(claim);
                }
                Ok(Step::Read)
            }
            _ => {
                let needed = self.protocol.needs_secrets();
                let (document, version) = read_with_secrets(self.store, needed).await?;
                self.last_read = version;
                Ok(self.protocol.on_read(document, now()))
            }
        }
    }

    async fn write(&mut self, document: &Document) -> Result<Step, StoreError> {
        self.last_write_at = Some(Instant::now());
        match write_document(self.store, document, self.last_read.as_ref()).await? {
            WriteResult::Written => {
                self.conflicts_since = None;
                Ok(self.protocol.on_written())
            }
            WriteResult::Conflict => {
                let since = *self.conflicts_since.get_or_insert_with(Instant::now);
                let timeout = self.claim_watch.timeout;
                if since.elapsed() >= timeout {
                    let name = self.store.name();
                    return Err(StoreError::busy(&name, "other callers keep changing it", timeout));
                }
                tokio::time::sleep(random::millis(1, 20)).await;
                Ok(Step::Read)
            }
        }
    }

    /// Returns whether to try again after the store failed, and waits before that.
    ///
    /// Only a store that is reached over a network is worth a retry, and only if there is a client
    /// to save. A store with a lock is on this machine and would fail again.
    pub(super) async fn wait_before_retry(&mut self) -> bool {
        if self.lock.is_some() || self.protocol.unsaved().is_none() || self.retries_left == 0 {
            return false;
        }
        let pause = Duration::from_secs(1) / 4_u32.pow(self.retries_left - 1);
        self.retries_left -= 1;
        tokio::time::sleep(pause).await;
        true
    }

    /// Returns the result for the caller. `failure` is why no client was registered.
    pub(super) fn result(
        &self,
        result: CallResult,
        failure: Option<Error>,
    ) -> Result<ClientInformation, Error> {
        match (result, failure) {
            (CallResult::Client(client), _) => Ok(*client),
            (CallResult::Unusable(unusable), _) => {
                Err(unusable.into_error(&self.store.name()).into())
            }
            (CallResult::Waiting(wait), _) => {
                let Wait { since, until } = wait;
                Err(StoreError::waiting(&self.store.name(), since, until, until - now()).into())
            }
            (CallResult::NotRegistered | CallResult::Unknown, Some(error)) => Err(error),
            // Not reached: both always have a failure.
            (CallResult::NotRegistered | CallResult::Unknown, None) => {
                Err(StoreError::new("returned no result").into())
            }
        }
    }

    /// Returns the result after a failure of the store. The failure does not matter if only the
    /// claim or the intent was left to be removed, because both expire. Otherwise the error holds the client that
    /// could not be saved, if there is one.
    pub(super) fn result_after_store_error(
        &self,
        error: StoreError,
        failure: Option<Error>,
    ) -> Result<ClientInformation, Error> {
        if let Some(result) = self.protocol.result() {
            return self.result(result.clone(), failure);
        }
        let unsaved = self.protocol.unsaved().cloned();
        Err(error.at(&self.store.name()).with_client(unsaved).into())
    }
}
