//! Runs one call that needs a document for itself: with the store's lock, or with a claim in the
//! document. What the call decides is in its [`Protocol`]: `protocol` for registrations,
//! `oauth::session` for tokens.

use std::{fmt::Debug, time::Duration};

use tokio::time::{Instant, sleep};

use super::{
    claim::{Claim, ClaimWatch, Right},
    registration_store::{RegistrationStore, StoreLock, Versioned, WriteResult},
};
use crate::{error::StoreError, random};

/// How many claims a caller may write if its store is so slow that they could expire.
const MAX_CLAIMS: u32 = 3;
const MAX_RETRIES: u32 = 3;

/// A JSON document that a store holds.
pub(crate) trait StoredDocument: Sized + Send + Sync {
    /// Parses the content of a store. Returns an empty document for an empty store.
    fn parse(stored: Option<&Versioned>, store_name: &str) -> Result<Self, StoreError>;

    /// Says in the error what to do with a document that cannot be read.
    fn explain(error: StoreError) -> StoreError {
        error
    }

    /// Returns the document as JSON, with its secrets in plain text.
    fn to_json(&self, store_name: &str) -> Result<Versioned, StoreError>;
}

/// Reads the document, and returns it with the version to pass to the next write.
pub(crate) async fn read<D: StoredDocument, S: RegistrationStore + ?Sized>(
    store: &S,
) -> Result<(D, Option<Versioned>), StoreError> {
    let name = store.name();
    let stored = store.read().await.map_err(|error| D::explain(error.at(&name)))?;
    Ok((D::parse(stored.as_ref(), &name).map_err(D::explain)?, stored))
}

/// Writes the document if the store still holds `expected`.
pub(crate) async fn write<S: RegistrationStore + ?Sized>(
    store: &S,
    document: &impl StoredDocument,
    expected: Option<&Versioned>,
) -> Result<WriteResult, StoreError> {
    let name = store.name();
    let text = document.to_json(&name)?;
    store.write(text.expose(), expected).await.map_err(|error| error.at(&name))
}

/// The next step of a call.
#[derive(Debug)]
pub(crate) enum Step<D, Q, R> {
    Read,
    /// Acquire the lock, if the store has one, then read.
    Lock,
    Write(D),
    /// Wait for the owner of this claim, then read.
    Wait(Claim),
    /// Send the request.
    Request(Q),
    Return(R),
}

/// What one call decides. It does no I/O.
pub(crate) trait Protocol: Sized + Send + Sync {
    type Document: StoredDocument + Debug;
    type Request;
    type Return;

    fn right(&mut self) -> &mut Right;

    /// Returns whether the next write has what exists nowhere else, so that a failure is worth a
    /// retry.
    fn has_unsaved(&self) -> bool;

    /// Reads the document with what the next step needs.
    fn read(
        &self,
        store: &dyn RegistrationStore,
    ) -> impl Future<Output = Result<(Self::Document, Option<Versioned>), StoreError>> + Send;

    fn on_read(&mut self, document: Self::Document) -> StepOf<Self>;

    fn on_written(&mut self) -> StepOf<Self>;
}

pub(crate) type StepOf<P> =
    Step<<P as Protocol>::Document, <P as Protocol>::Request, <P as Protocol>::Return>;

/// One call, with its lock, retries and timeouts.
pub(crate) struct Call<'a, P> {
    pub(crate) protocol: P,
    store: &'a dyn RegistrationStore,
    timeout: Duration,
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

impl<'a, P: Protocol> Call<'a, P> {
    pub(crate) fn new(store: &'a dyn RegistrationStore, timeout: Duration, protocol: P) -> Self {
        Self {
            protocol,
            store,
            timeout,
            last_read: None,
            lock: None,
            conflicts_since: None,
            last_write_at: None,
            slow_claims: 0,
            retries_left: MAX_RETRIES,
            claim_watch: ClaimWatch::new(timeout),
        }
    }

    /// Performs a step that accesses the store or waits for another caller.
    pub(crate) async fn run(&mut self, step: StepOf<P>) -> Result<StepOf<P>, StoreError> {
        match step {
            Step::Lock => {
                let lock = self.store.lock(self.timeout).await;
                self.lock = lock.map_err(|error| error.at(&self.store.name()))?;
                self.protocol.right().on_lock(self.lock.is_some());
                Ok(Step::Read)
            }
            Step::Write(document) => self.write(&document).await,
            Step::Wait(claim) => {
                // The claim of another caller ends the series of conflicts.
                self.conflicts_since = None;
                if self.claim_watch.wait(&claim, &self.store.name()).await? {
                    self.protocol.right().on_claim_expired(claim);
                }
                Ok(Step::Read)
            }
            _ => {
                let (document, version) = self.protocol.read(self.store).await?;
                self.last_read = version;
                Ok(self.protocol.on_read(document))
            }
        }
    }

    async fn write(&mut self, document: &P::Document) -> Result<StepOf<P>, StoreError> {
        self.last_write_at = Some(Instant::now());
        match write(self.store, document, self.last_read.as_ref()).await? {
            WriteResult::Written => {
                self.conflicts_since = None;
                Ok(self.protocol.on_written())
            }
            WriteResult::Conflict => {
                let since = *self.conflicts_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= self.timeout {
                    let problem = "other callers keep changing it";
                    return Err(StoreError::busy(&self.store.name(), problem, self.timeout));
                }
                sleep(random::millis(1, 20)).await;
                Ok(Step::Read)
            }
        }
    }

    /// Checks, as far as possible, that the response of a request can be saved. Returns the step to
    /// take instead if the claim could expire before the response arrives.
    pub(crate) async fn prepare(&mut self) -> Result<Option<StepOf<P>>, StoreError> {
        self.store.preflight(self.timeout).await.map_err(|error| error.at(&self.store.name()))?;
        let is_old = |at: Instant| at.elapsed() > Claim::CLAIM_SLACK;
        if self.lock.is_some() || !self.last_write_at.is_some_and(is_old) {
            return Ok(None);
        }
        self.slow_claims += 1;
        if self.slow_claims >= MAX_CLAIMS {
            let problem = "is too slow: its claim could expire before the response arrives";
            return Err(StoreError::new(problem).at(&self.store.name()));
        }
        self.protocol.right().renew(Claim::new(self.timeout));
        self.last_write_at = None;
        Ok(Some(Step::Read))
    }

    /// Returns whether to try again after the store failed, and waits before that.
    ///
    /// Only a store that is reached over a network is worth a retry, and only if there is something
    /// to save. A store with a lock is on this machine and would fail again.
    pub(crate) async fn wait_before_retry(&mut self) -> bool {
        if self.lock.is_some() || !self.protocol.has_unsaved() || self.retries_left == 0 {
            return false;
        }
        let pause = Duration::from_secs(1) / 4_u32.pow(self.retries_left - 1);
        self.retries_left -= 1;
        sleep(pause).await;
        true
    }
}
