//! The protocol by which any number of callers of one store make one registration.
//!
//! This is the state machine only. `register_once::caller` runs it against a store, with timeouts.
//!
//! A store holds one document. A write succeeds only if the document is still the version that was
//! read. A caller is in one of three states:
//!
//! ```text
//!              usable ──────────────────────────────────────────► Releasing
//! LookingUp ─ claimed by another ─► wait, read                        ▲
//!              free ─► write claim ─► read again ─► one request ──────┤ not registered
//!                                                       └─► Saving ───┘ registered
//! ```
//!
//! * **`LookingUp`.** If the document has a usable client, return it. If another caller has claimed
//!   the store, wait and read again. A claim that stays unchanged for its whole term, by the clock
//!   of the waiting caller, counts as expired: its owner has died or is very slow. Otherwise write
//!   a claim. If the next read finds the claim, the store can be written, so send the one request.
//! * **`Saving`.** Add the new client, remove this caller's claim, and write. If another caller was
//!   faster (the claim expired, and its next owner has saved a client), add the new client to the
//!   history and return the client of the other: the first to save wins, and no secret is lost.
//! * **`Releasing`.** Remove this caller's claim if it is in the document, so that others need not
//!   wait for it to expire.
//!
//! After a conflict, the caller reads again. A write that took effect although its response was
//! lost leads to a conflict or an error too: the next read then finds the caller's claim or client.
//!
//! With a lock that is released when its holder dies, no claim is needed, and a claim in the
//! document counts as expired.
//!
//! The tests in `model` check this for every interleaving of three hosts, with crashes, slow hosts
//! whose claims expire, and lost responses.

#[cfg(test)]
mod model;

use chrono::{DateTime, Utc};

use super::{
    document::{Claim, Document},
    lookup::{Lookup, Query, RegisterReason},
    record::Record,
    unusable::Unusable,
};
use crate::response::ClientInformation;

/// The state of one caller.
#[derive(Clone, Debug)]
pub(super) struct Protocol {
    query: Query,
    claim: Claim,
    /// A claim that has expired.
    expired_claim: Option<Claim>,
    has_lock: bool,
    /// The document as last read.
    document: Document,
    /// The number that the next registration had at the first read. Registrations with this number
    /// or a larger one were made during this call.
    first_new: Option<u64>,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    LookingUp,
    Saving {
        registered: Box<ClientInformation>,
        /// The client to return if the write succeeds. `None` before the first write.
        result: Option<Box<ClientInformation>>,
    },
    Releasing(CallResult),
}

/// The result of a call.
#[derive(Clone, Debug)]
pub(super) enum CallResult {
    Client(Box<ClientInformation>),
    /// The store has a client that cannot be used and is not replaced.
    Unusable(Unusable),
    /// The request failed.
    NotRegistered,
}

/// What the caller has to do next.
#[derive(Debug)]
pub(super) enum Step {
    Read,
    Write(Document),
    /// Wait for the owner of this claim, then read.
    Wait(Claim),
    Register(RegisterReason),
    Return(CallResult),
}

impl Protocol {
    pub(super) fn new(query: Query, claim: Claim) -> Self {
        Self {
            query,
            claim,
            expired_claim: None,
            has_lock: false,
            document: Document::default(),
            first_new: None,
            state: State::LookingUp,
        }
    }

    /// Call this once the caller holds the lock of the store.
    pub(super) fn on_lock(&mut self) {
        self.has_lock = true;
    }

    pub(super) fn on_claim_expired(&mut self, claim: Claim) {
        self.expired_claim = Some(claim);
    }

    /// Replaces this caller's claim, which may have expired, with a new one.
    pub(super) fn renew_claim(&mut self, claim: Claim) {
        self.expired_claim = Some(std::mem::replace(&mut self.claim, claim));
    }

    /// Returns the client that was registered and is not saved yet.
    pub(super) fn unsaved(&self) -> Option<&ClientInformation> {
        match &self.state {
            State::Saving { registered, .. } => Some(registered),
            State::LookingUp | State::Releasing(_) => None,
        }
    }

    /// Returns the result if only the claim is left to be removed.
    pub(super) fn result(&self) -> Option<&CallResult> {
        match &self.state {
            State::Releasing(result) => Some(result),
            State::LookingUp | State::Saving { .. } => None,
        }
    }

    /// Returns a predicate for the records whose secrets the next read needs.
    pub(super) fn needs_secrets(&self) -> impl Fn(&Record) -> bool {
        let unsaved = self.unsaved().map(|client| client.client_id.clone());
        let matches = self.query.needs_secrets();
        move |record| matches(record) || unsaved.as_ref() == Some(&record.client.client_id)
    }

    pub(super) fn on_read(&mut self, document: Document, now: DateTime<Utc>) -> Step {
        self.first_new.get_or_insert(document.next_number());
        self.document = document;
        match std::mem::replace(&mut self.state, State::LookingUp) {
            State::LookingUp => self.look_up(now),
            State::Saving { registered, result } => self.save(registered, result.is_some(), now),
            State::Releasing(result) => self.release(result),
        }
    }

    pub(super) fn on_written(&mut self) -> Step {
        match &self.state {
            // The claim was written.
            State::LookingUp | State::Saving { result: None, .. } => Step::Read,
            State::Saving { result: Some(client), .. } => {
                Step::Return(CallResult::Client(client.clone()))
            }
            State::Releasing(result) => Step::Return(result.clone()),
        }
    }

    /// Call this immediately after the response, because the new client is not saved yet.
    pub(super) fn on_registered(&mut self, client: ClientInformation, now: DateTime<Utc>) -> Step {
        self.save(Box::new(client), false, now)
    }

    pub(super) fn on_not_registered(&mut self) -> Step {
        self.release(CallResult::NotRegistered)
    }

    fn look_up(&mut self, now: DateTime<Utc>) -> Step {
        let reason = match self.find(now) {
            Lookup::Usable(client) => return self.release(CallResult::Client(client)),
            Lookup::Unusable(unusable) => return self.release(CallResult::Unusable(unusable)),
            Lookup::Register(reason) => reason,
        };
        match &self.document.claim {
            _ if self.has_lock => Step::Register(reason),
            Some(claim) if *claim == self.claim => Step::Register(reason),
            Some(claim) if self.expired_claim.as_ref() != Some(claim) => Step::Wait(claim.clone()),
            _ => {
                let mut document = self.document.clone();
                document.claim = Some(self.claim.clone());
                Step::Write(document)
            }
        }
    }

    fn save(
        &mut self,
        registered: Box<ClientInformation>,
        has_tried_to_write: bool,
        now: DateTime<Utc>,
    ) -> Step {
        let existing = match self.find(now) {
            Lookup::Usable(client) => Some(client),
            Lookup::Register(_) | Lookup::Unusable(_) => None,
        };
        // Whether an earlier write took effect, although it seemed to fail.
        let is_saved = self.query.has_in_use(&self.document, &registered)
            || (existing.is_some() && self.query.has_lost_race(&self.document, &registered));
        if has_tried_to_write && is_saved {
            return self.release(CallResult::Client(existing.unwrap_or(registered)));
        }
        let mut document = self.document.clone();
        let result = if let Some(client) = existing {
            self.query.insert_lost_race(&mut document, (*registered).clone());
            client
        } else {
            self.query.insert(&mut document, (*registered).clone());
            registered.clone()
        };
        self.remove_claim(&mut document);
        self.state = State::Saving { registered, result: Some(result) };
        Step::Write(document)
    }

    fn release(&mut self, result: CallResult) -> Step {
        let mut document = self.document.clone();
        // With a lock, a leftover claim delays no caller, so it is not worth a write.
        if self.has_lock || !self.remove_claim(&mut document) {
            return Step::Return(result);
        }
        self.state = State::Releasing(result);
        Step::Write(document)
    }

    fn find(&self, now: DateTime<Utc>) -> Lookup {
        self.query.find(&self.document, now, self.first_new.unwrap_or(u64::MAX))
    }

    /// Removes this caller's claim, or any claim if this caller holds the lock.
    fn remove_claim(&self, document: &mut Document) -> bool {
        document.claim.take_if(|claim| *claim == self.claim || self.has_lock).is_some()
    }
}
