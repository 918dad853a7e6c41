//! How any number of callers of one store come to one registration.
//!
//! A store holds one document, which is replaced only from the state it was read in. A caller is
//! in one of four states, and every step begins with a read:
//!
//! ```text
//!            usable ──► done                       ┌── not acted on ──► Releasing ──► failed
//! Looking ── claimed by another ──► wait, look     │
//!            free ──► write a claim ──► Registering┤
//!                                                  └── registered ──► Saving ──► done
//! ```
//!
//! * **Looking.** Where a usable client is kept, it is the answer. Where another has claimed the
//!   store, wait and look again. A claim that stays the same for its whole term, by the clock of
//!   the one who waits, counts as free: its owner has died, or is very slow. Else write a claim.
//! * **Registering.** The claim was written, so the store can be. Send the one request.
//! * **Saving.** Read, put the new client in, drop the own claim, write. Where another was faster
//!   (the claim had run out, and its new owner has saved), the new client goes into the history and
//!   the other's is the answer: the first to save wins, and no secret is lost.
//! * **Releasing.** Nothing was registered: drop the own claim, so that the next need not wait.
//!
//! A conflict leads back to the read. So does a write that took effect though its answer was lost:
//! the read finds the own claim, or the own client.
//!
//! With a lock that dies with its holder no claim is needed, and one that is found is dead.
//!
//! What holds is checked in `model`, through every interleaving of three hosts with crashes,
//! claims that run out under a host that was only slow, and lost answers.

#[cfg(test)]
mod model;

use chrono::{DateTime, Utc};

use super::{
    document::{Claim, Document},
    lookup::{Asked, Found, Need},
};
use crate::{ClientInformation, StoreError};

/// One caller's part.
#[derive(Clone, Debug)]
pub(crate) struct Protocol {
    asked: Asked,
    claim: Claim,
    /// A claim of another that has outlived its term.
    dead: Option<Claim>,
    has_lock: bool,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Looking,
    Registering,
    Saving(Box<ClientInformation>),
    /// Saved, once the write is done; the answer.
    Saved {
        registered: Box<ClientInformation>,
        answer: Box<ClientInformation>,
    },
    Releasing,
}

/// What to do next.
#[derive(Debug)]
pub(crate) enum Step {
    Read,
    Write(Document),
    /// Wait for the owner of this claim, then read.
    Wait(Claim),
    Register(Need),
    Done(Box<ClientInformation>),
    Refused(StoreError),
    /// Nothing was registered, and the claim is dropped.
    Released,
}

impl Protocol {
    pub(crate) fn new(asked: Asked, claim: Claim) -> Self {
        Self { asked, claim, dead: None, has_lock: false, state: State::Looking }
    }

    /// The store is this caller's alone, until the lock is dropped.
    pub(crate) fn has_lock(&mut self) {
        self.has_lock = true;
    }

    /// This claim has outlived its term.
    pub(crate) fn is_dead(&mut self, claim: Claim) {
        self.dead = Some(claim);
    }

    /// The client that was registered, until it is saved.
    pub(crate) fn unsaved(&self) -> Option<&ClientInformation> {
        match &self.state {
            State::Saving(client) | State::Saved { registered: client, .. } => Some(client),
            State::Looking | State::Registering | State::Releasing => None,
        }
    }

    /// Goes on from what the store holds.
    pub(crate) fn read(&mut self, document: Document, place: &str, now: DateTime<Utc>) -> Step {
        match std::mem::replace(&mut self.state, State::Looking) {
            State::Looking | State::Registering => self.look(document, place, now),
            State::Saving(client) | State::Saved { registered: client, .. } => {
                self.save(document, client, now)
            }
            State::Releasing => self.release(document),
        }
    }

    /// Goes on after the write took effect.
    pub(crate) fn written(&mut self) -> Step {
        match std::mem::replace(&mut self.state, State::Looking) {
            State::Saved { answer, .. } => Step::Done(answer),
            State::Releasing => Step::Released,
            // The claim.
            state => {
                self.state = state;
                Step::Read
            }
        }
    }

    /// Goes on after the request was answered with a client.
    pub(crate) fn registered(&mut self, client: ClientInformation) -> Step {
        self.state = State::Saving(Box::new(client));
        Step::Read
    }

    /// Goes on after no client came of the request.
    pub(crate) fn not_registered(&mut self) -> Step {
        if self.has_lock {
            return Step::Released;
        }
        self.state = State::Releasing;
        Step::Read
    }

    fn look(&mut self, mut document: Document, place: &str, now: DateTime<Utc>) -> Step {
        let need = match self.asked.find(&document, now) {
            Found::Usable(client) => return Step::Done(client),
            Found::Refused(problem) => return Step::Refused(problem.at(place)),
            Found::Nothing(need) => need,
        };
        match document.claim.take() {
            _ if self.has_lock => self.register(need),
            Some(claim) if claim == self.claim => self.register(need),
            Some(claim) if self.dead.as_ref() != Some(&claim) => Step::Wait(claim),
            _ => {
                document.claim = Some(self.claim.clone());
                Step::Write(document)
            }
        }
    }

    fn register(&mut self, need: Need) -> Step {
        self.state = State::Registering;
        Step::Register(need)
    }

    fn save(
        &mut self,
        mut document: Document,
        client: Box<ClientInformation>,
        now: DateTime<Utc>,
    ) -> Step {
        let others = match self.asked.find(&document, now) {
            Found::Usable(kept) => Some(kept),
            Found::Nothing(_) | Found::Refused(_) => None,
        };
        if self.asked.has(&document, &client.client_id) {
            // An earlier write took effect after all.
            return Step::Done(others.unwrap_or(client));
        }
        let answer = if let Some(kept) = others {
            self.asked.put_superseded(&mut document, (*client).clone());
            kept
        } else {
            self.asked.put(&mut document, (*client).clone());
            client.clone()
        };
        self.drop_claim(&mut document);
        self.state = State::Saved { registered: client, answer };
        Step::Write(document)
    }

    fn release(&mut self, mut document: Document) -> Step {
        if !self.drop_claim(&mut document) {
            return Step::Released;
        }
        self.state = State::Releasing;
        Step::Write(document)
    }

    fn drop_claim(&self, document: &mut Document) -> bool {
        document.claim.take_if(|claim| *claim == self.claim || self.has_lock).is_some()
    }
}
