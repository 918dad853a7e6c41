//! A host of the model, and what it does next.

use std::time::Duration;

use super::{
    super::{CallResult, Protocol, State, Step, Task},
    world::digest,
};
use crate::{
    oauth::session::{
        change::Change,
        document::{Entry, Key, Token, TokenDocument},
    },
    store::Claim,
};

#[derive(Clone)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact that the model checks")]
pub(super) struct Host {
    pub(super) name: String,
    pub(super) task: &'static str,
    pub(super) protocol: Protocol,
    pub(super) next: Next,
    pub(super) holds_lock: bool,
    /// What its next call saves.
    pub(super) unsaved: Option<Change>,
    pub(super) has_logged_in: bool,
    /// Whether a call of this host failed that had something to save.
    pub(super) has_failed: bool,
    /// Whether the store failed when this host had tried to write a claim.
    pub(super) has_failed_to_claim: bool,
    /// Whether the server issued a token to this host.
    pub(super) has_received: bool,
    /// Identifies the state of the host.
    pub(super) key: String,
}

#[derive(Clone, Debug)]
pub(super) enum Next {
    Read,
    Lock,
    Write(TokenDocument),
    Wait(Claim),
    Request(Option<Entry>),
    /// The request is on its way: the refresh token, and what the server responds.
    Response(Option<String>, Response),
    /// The call returned this access token.
    Done(&'static str),
    LoginRequired,
    LoggedOut,
    Failed,
    Crashed,
}

impl PartialEq for Next {
    fn eq(&self, other: &Self) -> bool {
        self.label() == other.label()
    }
}

#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "few exist at once")]
pub(super) enum Response {
    Token(Entry),
    InvalidGrant,
    /// Another error, or no response.
    Failure,
}

impl Next {
    pub(super) fn label(&self) -> String {
        match self {
            Self::Write(document) => format!("write {}", digest(document)),
            Self::Wait(claim) => format!("wait {claim:?}"),
            Self::Request(_) => "request".to_owned(),
            Self::Response(sent, Response::Token(entry)) => {
                format!("response {sent:?} {}", entry.access_token().expose())
            }
            other => format!("{other:?}"),
        }
    }
}

pub(super) fn key() -> Key {
    Key { server: "https://a.example".to_owned(), resource: None, client_credentials: None }
}

fn claim(owner: &str) -> Claim {
    serde_json::from_value(serde_json::json!({"owner": owner, "term_seconds": 1})).unwrap()
}

fn protocol(name: &str, task: &str) -> Protocol {
    let obtain = |refused| Task::Obtain { margin: Duration::ZERO, refused, has_user: true };
    let task = match task {
        "obtain" => obtain(None),
        // A resource has refused the first token.
        "replace" => obtain(Some(Token::new("a0"))),
        "login" => Task::LogIn,
        "logout" => Task::LogOut,
        _ => panic!("{task}"),
    };
    Protocol::new(key(), task, claim(name))
}

impl Host {
    pub(super) fn new(name: char, task: &'static str) -> Self {
        let name = name.to_string();
        Self {
            protocol: protocol(&name, task),
            name,
            task,
            next: if matches!(task, "obtain" | "replace") { Next::Read } else { Next::Lock },
            holds_lock: false,
            unsaved: None,
            has_logged_in: false,
            has_failed: false,
            has_failed_to_claim: false,
            has_received: false,
            key: String::new(),
        }
    }

    /// Calls again after a failure. What that did not save is saved first.
    pub(super) fn call_again(&mut self) {
        // Each call has a claim of its own.
        self.name += " again";
        self.protocol = protocol(&self.name, self.task);
        self.next = if self.task == "obtain" { Next::Read } else { Next::Lock };
        if let Some(change) = self.unsaved.take() {
            self.protocol = Protocol::new(key(), Task::Save(change), claim(&self.name));
            self.next = Next::Lock;
        }
    }

    pub(super) fn is_login(&self) -> bool {
        self.task == "login"
    }

    pub(super) fn is_logout(&self) -> bool {
        self.task == "logout"
    }

    pub(super) fn is_replace(&self) -> bool {
        self.task == "replace"
    }

    pub(super) fn is_final(&self) -> bool {
        matches!(
            self.next,
            Next::Done(_) | Next::LoginRequired | Next::LoggedOut | Next::Failed | Next::Crashed
        )
    }

    /// Returns whether the host has a token that exists nowhere else.
    pub(super) fn has_unsaved_token(&self) -> bool {
        let is_arriving = matches!(self.next, Next::Response(_, Response::Token(_)));
        let is_insert = |change: &Change| matches!(change, Change::Insert { .. });
        let unsaved = self.unsaved.as_ref().is_some_and(is_insert);
        is_arriving || unsaved || self.protocol.unsaved().as_ref().is_some_and(is_insert)
    }

    pub(super) fn set_next(&mut self, step: Step) {
        self.next = match step {
            Step::Read => Next::Read,
            Step::Lock => Next::Lock,
            Step::Write(document) => Next::Write(document),
            Step::Wait(claim) => Next::Wait(claim),
            Step::Request(entry) => Next::Request(entry),
            Step::Return(result) => {
                self.holds_lock = false;
                match result {
                    CallResult::Token(entry) => {
                        self.has_logged_in = self.task == "login";
                        Next::Done(entry.access_token().expose().to_owned().leak())
                    }
                    CallResult::Removed(_) => Next::LoggedOut,
                    CallResult::Failed => Next::Failed,
                    // The call goes on.
                    CallResult::Saved if self.task == "obtain" => {
                        self.protocol = protocol(&self.name, self.task);
                        Next::Read
                    }
                    CallResult::Saved | CallResult::LoginRequired(_) => Next::LoginRequired,
                }
            }
        };
        if self.is_final() {
            // No other step depends on it.
            self.protocol = protocol(&self.name, self.task);
        }
    }

    /// The store failed, and is not tried again.
    pub(super) fn fail(&mut self) {
        self.has_failed_to_claim |=
            matches!(self.protocol.state, State::Acquiring { has_written: true });
        if let Some(step) = self.protocol.on_store_error() {
            return self.set_next(step);
        }
        self.unsaved = self.protocol.unsaved();
        self.has_failed |= self.unsaved.is_some();
        self.set_next(Step::Return(CallResult::Failed));
    }

    pub(super) fn digest(&self) -> String {
        let state = match &self.protocol.state {
            State::Acquiring { has_written } => format!("acquiring {has_written}"),
            State::Finishing { change, result } => {
                format!("finishing {} {}", change_digest(change), result_digest(result))
            }
        };
        let unsaved = self.unsaved.as_ref().map(change_digest);
        let right = (self.protocol.right.expired(), self.protocol.right.has_lock());
        format!(
            "{} {state} {unsaved:?} {right:?} {} {} {} {} {} {}",
            self.next.label(),
            digest(&self.protocol.document),
            self.holds_lock,
            self.has_logged_in,
            self.has_failed,
            self.has_failed_to_claim,
            self.has_received
        )
    }
}

fn change_digest(change: &Change) -> String {
    match change {
        Change::Insert { entry, replaces, .. } => format!(
            "insert {} {:?}",
            entry.access_token().expose(),
            replaces.as_ref().map(Token::expose)
        ),
        Change::RemoveRefreshToken { refresh_token, .. } => refresh_token.expose().to_owned(),
        other => format!("{other:?}"),
    }
}

fn result_digest(result: &CallResult) -> String {
    match result {
        CallResult::Token(entry) => entry.access_token().expose().to_owned(),
        CallResult::Removed(entry) => format!("removed {}", entry.is_some()),
        other => format!("{other:?}"),
    }
}
