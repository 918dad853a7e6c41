//! How any number of callers of one store come to one registration.
//!
//! A store holds one document, which is replaced only from the state it was read in. A caller is
//! in one of three states:
//!
//! ```text
//!          usable ─────────────────────────────────────────────► Leaving
//! Looking ─ claimed by another ─► wait, look                       ▲
//!          free ─► write a claim ─► look again ─► one request ─────┤ not acted on
//!                                                     └─► Saving ──┘ registered
//! ```
//!
//! * **Looking.** Where a usable client is kept, it is the answer. Where another has claimed the
//!   store, wait and look again. A claim that stays the same for its whole term, by the clock of
//!   the one who waits, counts as free: its owner has died, or is very slow. Else write a claim;
//!   where a look finds it there, the store can be written, and the one request is sent.
//! * **Saving.** Put the new client in, drop the own claim, write. Where another was faster (the
//!   claim had run out, and its new owner has saved), the new client goes into the history and the
//!   other's is the answer: the first to save wins, and no secret is lost.
//! * **Leaving.** The own claim, if it is there, is dropped, so that the next need not wait for it.
//!
//! A conflict leads back to a read. So does a write that took effect though its answer was lost:
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
    lookup::{Lookup, Query, RegisterReason, Unusable},
};
use crate::response::ClientInformation;

/// One caller's part.
#[derive(Clone, Debug)]
pub(crate) struct Protocol {
    asked: Query,
    claim: Claim,
    /// A claim that has outlived its term.
    dead: Option<Claim>,
    has_lock: bool,
    /// What the store held when it was last read.
    held: Document,
    /// How many registrations there were at first: later ones are new since this call began.
    known: Option<usize>,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Looking,
    Saving {
        registered: Box<ClientInformation>,
        /// Known once a write was tried.
        answer: Option<Box<ClientInformation>>,
    },
    Leaving(End),
}

/// What a call comes to.
#[derive(Clone, Debug)]
pub(crate) enum End {
    Done(Box<ClientInformation>),
    /// A client is kept that cannot be used and is not replaced.
    Refused(Unusable),
    /// No client came of the request.
    NotRegistered,
}

/// What to do next.
#[derive(Debug)]
pub(crate) enum Step {
    Read,
    Write(Document),
    /// Wait for the owner of this claim, then read.
    Wait(Claim),
    Register(RegisterReason),
    End(End),
}

impl Protocol {
    pub(crate) fn new(asked: Query, claim: Claim) -> Self {
        Self {
            asked,
            claim,
            dead: None,
            has_lock: false,
            held: Document::default(),
            known: None,
            state: State::Looking,
        }
    }

    /// The store is this caller's alone, until the lock is dropped.
    pub(crate) fn has_lock(&mut self) {
        self.has_lock = true;
    }

    /// This claim has outlived its term.
    pub(crate) fn is_dead(&mut self, claim: Claim) {
        self.dead = Some(claim);
    }

    /// The own claim may have outlived its term; it is to be replaced by this one.
    pub(crate) fn claim_again(&mut self, claim: Claim) {
        self.dead = Some(std::mem::replace(&mut self.claim, claim));
    }

    /// The client that was registered, until it is saved.
    pub(crate) fn unsaved(&self) -> Option<&ClientInformation> {
        match &self.state {
            State::Saving { registered, .. } => Some(registered),
            State::Looking | State::Leaving(_) => None,
        }
    }

    /// What the call comes to, where only the own claim was left to be dropped.
    pub(crate) fn end(&self) -> Option<&End> {
        match &self.state {
            State::Leaving(end) => Some(end),
            State::Looking | State::Saving { .. } => None,
        }
    }

    /// Goes on from what the store holds.
    pub(crate) fn read(&mut self, document: Document, now: DateTime<Utc>) -> Step {
        self.known.get_or_insert(document.registrations.len());
        self.held = document;
        self.go_on(now)
    }

    /// Goes on after the write took effect.
    pub(crate) fn written(&mut self) -> Step {
        match &self.state {
            // The claim.
            State::Looking | State::Saving { answer: None, .. } => Step::Read,
            State::Saving { answer: Some(answer), .. } => Step::End(End::Done(answer.clone())),
            State::Leaving(end) => Step::End(end.clone()),
        }
    }

    /// Goes on after the request was answered with a client, at once: it is not safe yet.
    pub(crate) fn registered(&mut self, client: ClientInformation, now: DateTime<Utc>) -> Step {
        self.state = State::Saving { registered: Box::new(client), answer: None };
        self.go_on(now)
    }

    /// Goes on after no client came of the request.
    pub(crate) fn not_registered(&mut self) -> Step {
        self.leave(End::NotRegistered)
    }

    fn go_on(&mut self, now: DateTime<Utc>) -> Step {
        match std::mem::replace(&mut self.state, State::Looking) {
            State::Looking => self.look(now),
            State::Saving { registered, answer } => self.save(registered, answer.is_some(), now),
            State::Leaving(end) => self.leave(end),
        }
    }

    fn look(&mut self, now: DateTime<Utc>) -> Step {
        let need = match self.find(now) {
            Lookup::Usable(client) => return self.leave(End::Done(client)),
            Lookup::Refused(problem) => return self.leave(End::Refused(problem)),
            Lookup::Nothing(need) => need,
        };
        match &self.held.claim {
            _ if self.has_lock => Step::Register(need),
            Some(claim) if *claim == self.claim => Step::Register(need),
            Some(claim) if self.dead.as_ref() != Some(claim) => Step::Wait(claim.clone()),
            _ => {
                let mut document = self.held.clone();
                document.claim = Some(self.claim.clone());
                Step::Write(document)
            }
        }
    }

    fn save(
        &mut self,
        registered: Box<ClientInformation>,
        was_tried: bool,
        now: DateTime<Utc>,
    ) -> Step {
        let others = match self.find(now) {
            Lookup::Usable(kept) => Some(kept),
            Lookup::Nothing(_) | Lookup::Refused(_) => None,
        };
        if was_tried && self.asked.has(&self.held, &registered) {
            // An earlier write took effect after all.
            return self.leave(End::Done(others.unwrap_or(registered)));
        }
        let mut document = self.held.clone();
        let answer = if let Some(kept) = others {
            self.asked.put_lost_race(&mut document, (*registered).clone());
            kept
        } else {
            self.asked.put(&mut document, (*registered).clone());
            registered.clone()
        };
        self.drop_claim(&mut document);
        self.state = State::Saving { registered, answer: Some(answer) };
        Step::Write(document)
    }

    fn leave(&mut self, end: End) -> Step {
        let mut document = self.held.clone();
        // With a lock, a claim stands in no one's way.
        if self.has_lock || !self.drop_claim(&mut document) {
            return Step::End(end);
        }
        self.state = State::Leaving(end);
        Step::Write(document)
    }

    fn find(&self, now: DateTime<Utc>) -> Lookup {
        self.asked.find(&self.held, now, self.known.unwrap_or(usize::MAX))
    }

    fn drop_claim(&self, document: &mut Document) -> bool {
        document.claim.take_if(|claim| *claim == self.claim || self.has_lock).is_some()
    }
}
