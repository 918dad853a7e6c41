//! The protocol by which any number of callers of one token document send one request at a time.
//!
//! This is the state machine only. `store::exclusive` runs it against a store, with timeouts, and
//! `run` sends the request.
//!
//! ```text
//!            fresh, or a login is required ───────────────────────► Finishing
//! Acquiring ─ claimed by another ─► wait, read                         ▲
//!            free ─► write claim ─► request ─► token, refusal, failure ┘
//! ```
//!
//! * **`Acquiring`.** If the document has a fresh token, return it. Otherwise acquire the lock, if the
//!   store has one, and read again. Without a lock, wait for the claim of another caller, or write
//!   one. Then send the request.
//! * **`Finishing`.** Apply the change to the document as it is now, remove the claim, and write both
//!   at once. After a conflict, read again. The change inserts a token only if the stored one is
//!   still the one that it replaces: the first to save wins, and the others return its token.
//!
//! So two requests with one refresh token are possible only if a claim expired while its owner was
//! alive, or if the response to the first did not arrive or was not saved. A login is lost only if
//! the server has replaced a refresh token and the new one was not saved, because the response was
//! lost, or its caller was killed before the write. The tests in `model` check this for every
//! interleaving of three hosts.

#[cfg(test)]
mod model;

use std::time::Duration;

use super::{
    cache::Cached,
    change::Change,
    document::{Entry, Key, Token, TokenDocument},
};
use crate::{
    error::StoreError,
    store::{self, Access, Claim, RegistrationStore, Right, StepOf, Versioned, now},
};

/// The state of one call.
#[derive(Clone, Debug)]
pub(super) struct Protocol {
    key: Key,
    task: Task,
    right: Right,
    /// The document as last read.
    document: TokenDocument,
    state: State,
}

/// What a call is for.
#[derive(Clone, Debug)]
pub(super) enum Task {
    /// To return a token that is fresh and was not refused by a resource.
    Obtain {
        /// How long before its expiry a token is no longer fresh.
        margin: Duration,
        refused: Option<Token>,
        /// Whether a request needs a refresh token.
        has_user: bool,
    },
    /// To save the token of a login.
    LogIn,
    LogOut,
    /// To save a change that an earlier call could not save. Claims do not matter, because nothing is
    /// requested.
    Save(Change),
}

#[derive(Clone, Debug)]
enum State {
    Acquiring {
        /// Whether a claim of this call may be in the document.
        has_written: bool,
    },
    Finishing {
        change: Change,
        result: CallResult,
    },
}

/// The result of a call.
#[derive(Clone, Debug)]
pub(super) enum CallResult {
    /// The document has this token.
    Token(Box<Entry>),
    /// No token can be had without a login. The text says why.
    LoginRequired(&'static str),
    /// A logout removed this token, or there was none.
    Removed(Option<Box<Entry>>),
    /// The request failed, or was not sent.
    Failed,
    /// The change was saved, or is obsolete.
    Saved,
}

/// The next step of a call. A request has the token that it replaces.
pub(super) type Step = StepOf<Protocol>;

impl store::Protocol for Protocol {
    type Document = TokenDocument;
    type Request = Option<Entry>;
    type Return = CallResult;

    fn right(&mut self) -> &mut Right {
        &mut self.right
    }

    fn has_unsaved(&self) -> bool {
        !matches!(
            self.state,
            State::Acquiring { .. } | State::Finishing { change: Change::Nothing, .. }
        )
    }

    async fn read(
        &self,
        store: &dyn RegistrationStore,
    ) -> Result<(TokenDocument, Option<Versioned>), StoreError> {
        store::read(store).await
    }

    fn on_read(&mut self, document: TokenDocument) -> Step {
        self.document = document;
        match self.state.clone() {
            State::Acquiring { .. } => self.acquire(),
            State::Finishing { change, result } => self.finish(change, result),
        }
    }

    fn on_written(&mut self) -> Step {
        match &self.state {
            // The claim was written.
            State::Acquiring { .. } => Step::Request(self.entry().cloned()),
            State::Finishing { result, .. } => Step::Return(result.clone()),
        }
    }
}

impl Protocol {
    pub(super) fn new(key: Key, task: Task, claim: Claim) -> Self {
        let state = match &task {
            Task::Save(change) => {
                State::Finishing { change: change.clone(), result: CallResult::Saved }
            }
            _ => State::Acquiring { has_written: false },
        };
        let (right, document) = (Right::new(claim), TokenDocument::default());
        Self { key, task, right, document, state }
    }

    /// Returns the stored token, as last read.
    pub(super) fn entry(&self) -> Option<&Entry> {
        self.document.find(&self.key)
    }

    /// Returns the change that a later call has to save if this one cannot. A logout that failed is
    /// none, because a login may follow it.
    pub(super) fn unsaved(&self) -> Option<Change> {
        match &self.state {
            State::Acquiring { .. }
            | State::Finishing { change: Change::Nothing | Change::Remove, .. } => None,
            State::Finishing { change, .. } => Some(change.clone()),
        }
    }

    /// Call this with the token of a response.
    pub(super) fn on_token(&mut self, entry: Entry) -> Step {
        let replaces = self.entry().map(|entry| entry.access_token().clone());
        let is_refresh = matches!(self.task, Task::Obtain { has_user: true, .. });
        self.save(
            Change::Insert { entry: Box::new(entry), replaces, is_refresh },
            CallResult::Failed,
        )
    }

    /// Call this if the server refused the grant.
    pub(super) fn on_invalid_grant(&mut self) -> Step {
        let refresh_token = self.entry().and_then(|entry| entry.refresh_token.clone());
        let (Task::Obtain { has_user: true, refused, .. }, Some(refresh_token)) =
            (&self.task, refresh_token)
        else {
            return self.on_failed();
        };
        let change = Change::RemoveRefreshToken { refresh_token, refused: refused.clone() };
        self.save(change, CallResult::LoginRequired("the server refused the refresh token"))
    }

    /// Call this with the refresh token of a response that could not be decoded. The server may no
    /// longer accept the one that it replaces.
    pub(super) fn on_recovered(&mut self, next: Token) -> Step {
        let refresh_token = self.entry().and_then(|entry| entry.refresh_token.clone());
        match (&self.task, refresh_token) {
            (Task::Obtain { has_user: true, .. }, Some(refresh_token)) => {
                let change = Change::ReplaceRefreshToken { refresh_token, next };
                self.save(change, CallResult::Failed)
            }
            _ => self.on_failed(),
        }
    }

    /// Call this if there is no response, or if it is another error, or if no request was sent.
    pub(super) fn on_failed(&mut self) -> Step {
        self.save(Change::Nothing, CallResult::Failed)
    }

    /// Call this if the store failed and will not be tried again. Returns the next step, or `None` if
    /// the call fails.
    pub(super) fn on_store_error(&mut self) -> Option<Step> {
        match &self.state {
            // The claim may have been written, although the write seemed to fail.
            State::Acquiring { has_written: true } => Some(self.on_failed()),
            // A claim that is left expires.
            State::Finishing { change: Change::Nothing, result } => {
                Some(Step::Return(result.clone()))
            }
            State::Acquiring { .. } | State::Finishing { .. } => None,
        }
    }

    fn acquire(&mut self) -> Step {
        if let Some(result) = self.find() {
            return self.finish(Change::Nothing, result);
        }
        match self.right.access(self.document.claim.as_ref()) {
            Access::NotLocked => Step::Lock,
            Access::Claimed(claim) => Step::Wait(claim),
            Access::Held | Access::Free if matches!(self.task, Task::LogOut) => {
                self.finish(Change::Remove, CallResult::Removed(None))
            }
            Access::Held => Step::Request(self.entry().cloned()),
            Access::Free => {
                let mut document = self.document.clone();
                self.right.claim(&mut document.claim);
                self.state = State::Acquiring { has_written: true };
                Step::Write(document)
            }
        }
    }

    /// Returns the result if no request is needed, or none would help.
    fn find(&self) -> Option<CallResult> {
        let Task::Obtain { margin, refused, has_user } = &self.task else { return None };
        let Some(entry) = self.entry() else {
            return has_user.then_some(CallResult::LoginRequired("no user has logged in"));
        };
        if refused.as_ref() != Some(entry.access_token()) && Cached::new(entry, *margin).is_fresh()
        {
            return Some(CallResult::Token(Box::new(entry.clone())));
        }
        let problem = "the token has expired, and there is no refresh token";
        (*has_user && entry.refresh_token.is_none()).then_some(CallResult::LoginRequired(problem))
    }

    /// Reads the document before the change is written, because a claim was written since.
    fn save(&mut self, change: Change, result: CallResult) -> Step {
        if self.right.is_locked() {
            return self.finish(change, result);
        }
        self.state = State::Finishing { change, result };
        Step::Read
    }

    fn finish(&mut self, change: Change, result: CallResult) -> Step {
        let mut document = self.document.clone();
        let result = match (result, self.entry()) {
            (CallResult::Removed(None), entry) => CallResult::Removed(entry.cloned().map(Box::new)),
            (result, _) => result,
        };
        let has_changed = change.apply(&mut document, &self.key, now());
        let result = match (&change, result) {
            (_, CallResult::Saved) => CallResult::Saved,
            (Change::Insert { entry, .. }, _) if has_changed => CallResult::Token(entry.clone()),
            // Another caller was faster, because the claim had expired.
            (Change::Insert { .. }, _) => self.superseded(),
            (_, result) => result,
        };
        // With a lock, a leftover claim delays no caller, so it is not worth a write.
        let is_claimed = !self.right.is_locked() && self.right.remove(&mut document.claim);
        if !has_changed && !is_claimed {
            return Step::Return(result);
        }
        self.state = State::Finishing { change, result };
        Step::Write(document)
    }

    fn superseded(&self) -> CallResult {
        match self.entry() {
            Some(entry) if Cached::new(entry, Duration::ZERO).is_fresh() => {
                CallResult::Token(Box::new(entry.clone()))
            }
            _ => CallResult::LoginRequired("the user has logged out, or logged in again"),
        }
    }
}
