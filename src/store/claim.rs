//! The right to act on a document, which one caller has at a time: by the lock of the store, or by a
//! claim in the document.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::{
    error::StoreError,
    random::{self, unique_id},
    redact::sanitize,
};

/// A caller's exclusive right to send a request, in a store without a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claim {
    /// Unique for each claim. Starts with the process id, because error messages show it.
    pub(super) owner: String,
    /// How long the claim is valid. Each waiting caller counts from when it first sees the claim,
    /// so that no clocks are compared.
    pub(super) term_seconds: u64,
}

impl Claim {
    /// How much longer than the timeout of a call a claim is valid, so that the caller can save its
    /// new client.
    pub(crate) const CLAIM_SLACK: Duration = Duration::from_secs(10);

    /// Creates a claim for a call with this timeout.
    pub(crate) fn new(timeout: Duration) -> Self {
        let owner = format!("process {} ({})", std::process::id(), unique_id());
        Self { owner, term_seconds: timeout.saturating_add(Self::CLAIM_SLACK).as_secs() }
    }

    pub(super) fn term(&self) -> Duration {
        Duration::from_secs(self.term_seconds)
    }
}

/// The right of one caller.
#[derive(Clone, Debug)]
pub(crate) struct Right {
    claim: Claim,
    /// A claim that has expired.
    expired: Option<Claim>,
    /// Whether the caller holds the lock of the store, once it has tried to acquire it.
    has_lock: Option<bool>,
}

/// What a caller may do with a document.
#[derive(Debug)]
pub(crate) enum Access {
    /// The document was read without trying to acquire the lock.
    NotLocked,
    /// The caller has the lock, or its claim is in the document.
    Held,
    /// The caller may write its claim.
    Free,
    Claimed(Claim),
}

impl Right {
    pub(crate) fn new(claim: Claim) -> Self {
        Self { claim, expired: None, has_lock: None }
    }

    /// `has_lock` is false if the store has no lock.
    pub(crate) fn on_lock(&mut self, has_lock: bool) {
        self.has_lock = Some(has_lock);
    }

    pub(crate) fn on_claim_expired(&mut self, claim: Claim) {
        self.expired = Some(claim);
    }

    /// Replaces the caller's claim, which may have expired, with a new one.
    pub(super) fn renew(&mut self, claim: Claim) {
        self.expired = Some(std::mem::replace(&mut self.claim, claim));
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.has_lock == Some(true)
    }

    /// With a lock, a claim counts as expired.
    pub(crate) fn access(&self, current: Option<&Claim>) -> Access {
        match (self.has_lock, current) {
            (None, _) => Access::NotLocked,
            (Some(true), _) => Access::Held,
            (_, Some(claim)) if *claim == self.claim => Access::Held,
            (_, Some(claim)) if self.expired.as_ref() != Some(claim) => {
                Access::Claimed(claim.clone())
            }
            _ => Access::Free,
        }
    }

    /// Writes the caller's claim into a document, unless the caller has the lock.
    pub(crate) fn claim(&self, current: &mut Option<Claim>) {
        if !self.is_locked() {
            *current = Some(self.claim.clone());
        }
    }

    /// Removes the caller's claim, or any claim if the caller has the lock.
    pub(crate) fn remove(&self, current: &mut Option<Claim>) -> bool {
        current.take_if(|claim| *claim == self.claim || self.is_locked()).is_some()
    }

    #[cfg(test)]
    pub(crate) fn expired(&self) -> Option<&Claim> {
        self.expired.as_ref()
    }

    #[cfg(test)]
    pub(crate) fn has_lock(&self) -> Option<bool> {
        self.has_lock
    }
}

/// Waits for the claims of other callers.
pub(crate) struct ClaimWatch {
    timeout: Duration,
    /// The claim that was last seen, and when it was first seen.
    current: Option<(Claim, Instant)>,
    waiting_since: Option<Instant>,
    pause: Duration,
}

impl ClaimWatch {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self { timeout, current: None, waiting_since: None, pause: Duration::from_millis(20) }
    }

    /// Returns true if `claim` has been there for its whole term. Otherwise pauses before the next
    /// read, and returns false.
    pub(crate) async fn wait(
        &mut self,
        claim: &Claim,
        store_name: &str,
    ) -> Result<bool, StoreError> {
        let now = Instant::now();
        let first_seen = match &self.current {
            Some((current, first_seen)) if current == claim => *first_seen,
            _ => {
                self.current = Some((claim.clone(), now));
                now
            }
        };
        if now.duration_since(first_seen) >= claim.term() {
            return Ok(true);
        }
        // Do not trust the term in the document; use our own limit.
        let limit = Claim::new(self.timeout).term().saturating_add(self.timeout);
        if now.duration_since(*self.waiting_since.get_or_insert(now)) >= limit {
            let owner = format!("{} has claimed it", sanitize(&claim.owner));
            return Err(StoreError::busy(store_name, owner, limit));
        }
        tokio::time::sleep(self.pause.mul_f64(random::factor(0.75, 1.25))).await;
        self.pause = (self.pause * 2).min(Duration::from_millis(500));
        Ok(false)
    }
}
