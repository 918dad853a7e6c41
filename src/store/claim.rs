//! Claims in a document, by which one caller at a time has the right to act in a store without a lock.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::{
    error::StoreError,
    random::{self, unique_id},
    redact::sanitize,
};

/// A caller's exclusive right to register, in a store without a lock.
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

/// Waits for the claims of other callers.
pub(crate) struct ClaimWatch {
    pub(super) timeout: Duration,
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
