//! The protocol by which any number of callers of one store make one registration.
//!
//! This is the state machine only. `exclusive::Call` runs it against a store, with timeouts.
//!
//! A store holds one document. A write succeeds only if the document is still the version that was
//! read. A caller is in one of three states:
//!
//! ```text
//!              usable, or an intent waits ──────────────────────► Releasing
//! LookingUp ─ claimed by another ─► wait, read                        ▲
//!              free ─► write claim and intent ─► read ─► request ─────┤ no client to save
//!                                                       └─► Saving ───┘ registered
//! ```
//!
//! * **`LookingUp`.** If the document has a usable client, return it. Otherwise acquire the lock, if
//!   the store has one, and read again. If another caller has claimed
//!   the store, wait and read again. A claim that stays unchanged for its whole term, by the clock
//!   of the waiting caller, counts as expired: its owner has died or is very slow. If the intent of
//!   an earlier request is left, its outcome is unknown: until its wait ends, return that. Otherwise
//!   write a claim and an intent, in one write. If the next read finds both, the store can be
//!   written, so send the one request.
//! * **`Saving`.** Add the new client, remove this caller's claim and the intent, and write. If
//!   another caller was faster (the claim expired, and its next owner has saved a client), add the
//!   new client to the history and return the client of the other: the first to save wins, and no
//!   secret is lost.
//! * **`Releasing`.** Remove this caller's claim if it is in the document, so that others need not
//!   wait for it to expire. If it is certain that no client was registered, remove the intent too.
//!
//! After a conflict, the caller reads again. A write that took effect although its response was
//! lost leads to a conflict or an error too: the next read then finds the caller's claim or client.
//!
//! With a lock that is released when its holder dies, no claim is needed, and a claim in the
//! document counts as expired. The intent is written anyway.
//!
//! So a request is sent only if the document has its intent, and the intent of a request that may
//! have registered a client is removed only with the write that saves the client. The tests in
//! `model` check this for every interleaving of three hosts, with crashes, slow hosts whose claims
//! expire, requests of unknown outcome, and lost responses.

#[cfg(test)]
pub(crate) mod model;

use chrono::{DateTime, Utc};

use super::{
    claim::{Access, Claim, Right},
    document::Document,
    exclusive::{self, StepOf},
    intent::{Intent, Wait},
    lookup::{Lookup, Query},
    record::{Record, now},
    registration_store::{RegistrationStore, Versioned},
    unusable::Unusable,
    update::read_with_secrets,
};
use crate::{
    error::StoreError,
    response::{ClientInformation, RegisterReason},
};

/// The state of one caller.
#[derive(Clone, Debug)]
pub(super) struct Protocol {
    query: Query,
    right: Right,
    /// Identifies the endpoint and the metadata in an intent.
    key: String,
    /// The owner of this caller's intent, also after its claim was renewed.
    owner: String,
    /// The intent that this caller's intent replaced.
    previous: Option<Intent>,
    /// The document as last read.
    document: Document,
    /// The number of the last registration at the first read. Registrations with a larger number
    /// were made during this call.
    last_known: Option<u64>,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    LookingUp {
        /// Whether a claim or an intent of this caller may be in the document.
        has_written: bool,
    },
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
    /// An earlier request has an unknown outcome, and its wait has not ended.
    Waiting(Wait),
    /// The request failed, and it is certain that no client was registered.
    NotRegistered,
    /// The request failed, and a client may have been registered, or was and cannot be saved.
    Unknown,
}

/// The next step of the caller.
pub(super) type Step = StepOf<Protocol>;

impl exclusive::Protocol for Protocol {
    type Document = Document;
    type Request = RegisterReason;
    type Return = CallResult;

    fn right(&mut self) -> &mut Right {
        &mut self.right
    }

    fn has_unsaved(&self) -> bool {
        self.unsaved().is_some()
    }

    async fn read(
        &self,
        store: &dyn RegistrationStore,
    ) -> Result<(Document, Option<Versioned>), StoreError> {
        read_with_secrets(store, self.needs_secrets()).await
    }

    fn on_read(&mut self, document: Document) -> Step {
        self.on_read_at(document, now())
    }

    fn on_written(&mut self) -> Step {
        match &self.state {
            // The claim and the intent were written.
            State::LookingUp { .. } | State::Saving { result: None, .. } => Step::Read,
            State::Saving { result: Some(client), .. } => {
                Step::Return(CallResult::Client(client.clone()))
            }
            State::Releasing(result) => Step::Return(result.clone()),
        }
    }
}

impl Protocol {
    pub(super) fn new(query: Query, claim: Claim) -> Self {
        Self {
            key: query.key(),
            owner: claim.owner.clone(),
            query,
            right: Right::new(claim),
            previous: None,
            document: Document::default(),
            last_known: None,
            state: State::LookingUp { has_written: false },
        }
    }

    /// Returns the client that was registered and is not saved yet.
    pub(super) fn unsaved(&self) -> Option<&ClientInformation> {
        match &self.state {
            State::Saving { registered, .. } => Some(registered),
            State::LookingUp { .. } | State::Releasing(_) => None,
        }
    }

    /// Returns the result if only the claim or the intent is left to be removed.
    pub(super) fn result(&self) -> Option<&CallResult> {
        match &self.state {
            State::Releasing(result) => Some(result),
            State::LookingUp { .. } | State::Saving { .. } => None,
        }
    }

    /// Returns a predicate for the records whose secrets the next read needs.
    fn needs_secrets(&self) -> impl Fn(&Record) -> bool {
        let unsaved = self.unsaved().map(|client| client.client_id.clone());
        let matches = self.query.needs_secrets();
        move |record| matches(record) || unsaved.as_ref() == Some(&record.client.client_id)
    }

    /// Call this if the store failed. Returns true if a claim or an intent may be left although no
    /// request was sent: then read once more, to remove it.
    pub(super) fn on_store_error(&mut self) -> bool {
        let is_left = matches!(self.state, State::LookingUp { has_written: true });
        if is_left {
            self.state = State::Releasing(CallResult::NotRegistered);
        }
        is_left
    }

    fn on_read_at(&mut self, document: Document, now: DateTime<Utc>) -> Step {
        self.last_known.get_or_insert(document.last_number());
        self.document = document;
        match self.state.clone() {
            State::LookingUp { .. } => self.look_up(now),
            State::Saving { registered, result } => self.save(registered, result.is_some(), now),
            State::Releasing(result) => self.release(result, now),
        }
    }

    /// Call this immediately after the response, because the new client is not saved yet.
    pub(super) fn on_registered(&mut self, client: ClientInformation, now: DateTime<Utc>) -> Step {
        self.save(Box::new(client), false, now)
    }

    /// Call this if the request failed, and it is certain that no client was registered, or if no
    /// request was sent.
    pub(super) fn on_not_registered(&mut self, now: DateTime<Utc>) -> Step {
        self.release(CallResult::NotRegistered, now)
    }

    /// Call this if the request failed, and there may be a client that is not saved.
    pub(super) fn on_unknown(&mut self, now: DateTime<Utc>) -> Step {
        self.release(CallResult::Unknown, now)
    }

    fn look_up(&mut self, now: DateTime<Utc>) -> Step {
        let reason = match self.find(now) {
            Lookup::Usable(client) => return self.release(CallResult::Client(client), now),
            Lookup::Unusable(unusable) => return self.release(CallResult::Unusable(unusable), now),
            Lookup::Register(reason) => reason,
        };
        let has_intent = self.document.intents.contains(&self.owner);
        match self.right.access(self.document.claim.as_ref()) {
            // A claim or an intent that was read without the lock may be that of its holder.
            Access::NotLocked => Step::Lock,
            Access::Claimed(claim) => Step::Wait(claim),
            Access::Held if has_intent => Step::Request(reason),
            Access::Held | Access::Free => self.begin(has_intent, now),
        }
    }

    /// Writes the claim and the intent, unless the intent of an earlier request has to wait.
    fn begin(&mut self, has_intent: bool, now: DateTime<Utc>) -> Step {
        if let Some(wait) = self.document.intents.wait(&self.key, now).filter(|_| !has_intent) {
            // A client that would be renewed is still usable until its secret expires.
            let result = match self.query.find(&self.document, now, 0) {
                Lookup::Usable(client) => CallResult::Client(client),
                Lookup::Register(_) | Lookup::Unusable(_) => CallResult::Waiting(wait),
            };
            return self.release(result, now);
        }
        let mut document = self.document.clone();
        if !has_intent {
            self.previous = document.intents.begin(&self.key, &self.owner, now);
        }
        self.right.claim(&mut document.claim);
        self.state = State::LookingUp { has_written: true };
        Step::Write(document)
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
            return self.release(CallResult::Client(existing.unwrap_or(registered)), now);
        }
        let mut document = self.document.clone();
        let result = if let Some(client) = existing {
            self.query.insert_lost_race(&mut document, (*registered).clone());
            client
        } else {
            self.query.insert(&mut document, (*registered).clone());
            registered.clone()
        };
        self.right.remove(&mut document.claim);
        document.intents.remove(&self.key);
        self.state = State::Saving { registered, result: Some(result) };
        Step::Write(document)
    }

    fn release(&mut self, result: CallResult, now: DateTime<Utc>) -> Step {
        let mut document = self.document.clone();
        let has_changed = match &result {
            CallResult::Waiting(_) => document.intents.start_wait(&self.key, now),
            CallResult::Unknown => false,
            // Nothing was sent, or it is certain that nothing was registered.
            CallResult::Client(_) | CallResult::Unusable(_) | CallResult::NotRegistered => {
                document.intents.undo(&self.owner, self.previous.as_ref())
            }
        };
        // With a lock, a leftover claim delays no caller, so it is not worth a write.
        let is_claimed = !self.right.is_locked() && self.right.remove(&mut document.claim);
        if !has_changed && !is_claimed {
            return Step::Return(result);
        }
        self.state = State::Releasing(result);
        Step::Write(document)
    }

    /// Returns whether the client in use is stored with another endpoint or server than this caller
    /// uses.
    pub(super) fn is_outdated(&self) -> bool {
        self.query.outdated(&self.document).is_some()
    }

    /// Returns the members of the metadata that explain `Changed`.
    pub(super) fn differences(&self, reason: RegisterReason) -> Vec<String> {
        match reason {
            RegisterReason::Changed => self.query.differences(&self.document),
            _ => Vec::new(),
        }
    }

    fn find(&self, now: DateTime<Utc>) -> Lookup {
        self.query.find(&self.document, now, self.last_known.unwrap_or(u64::MAX))
    }
}
