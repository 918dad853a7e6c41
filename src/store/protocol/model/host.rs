//! A host of the model, and what it does next.

use std::time::Duration;

use super::super::{CallResult, Protocol, Step};
use crate::{
    ClientMetadata,
    store::{claim::Claim, document::Document, lookup::Query},
};

#[derive(Clone)]
pub(super) struct Host {
    pub(super) name: String,
    pub(super) protocol: Protocol,
    pub(super) next: Next,
    /// Whether the document is still the version that this host read.
    pub(super) is_up_to_date: bool,
    pub(super) request: Request,
    pub(super) holds_lock: bool,
}

/// What became of a host's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    NotSent,
    Registered,
    Refused,
    Unknown,
}

#[derive(Clone)]
pub(super) enum Next {
    Read,
    Write(Document),
    Lock,
    Wait(Claim),
    Register,
    Done(String),
    /// The call failed. The error may hold a client.
    Failed(Option<String>),
    /// The request was refused or not sent, and the claim and the intent were removed.
    NotRegistered,
    /// The outcome of this host's request, or of an earlier one, is unknown.
    Unknown,
    Crashed,
}

impl Next {
    fn of(result: &CallResult) -> Self {
        match result {
            CallResult::Client(client) => Self::Done(client.client_id.clone()),
            CallResult::NotRegistered => Self::NotRegistered,
            CallResult::Unknown | CallResult::Waiting(_) => Self::Unknown,
            CallResult::Unusable(unusable) => panic!("{unusable}"),
        }
    }
}

impl Host {
    pub(super) fn new(name: char) -> Self {
        let query = Query {
            endpoint: "https://a.example/register".to_owned(),
            server: None,
            metadata: ClientMetadata::new(),
            renewal_margin: Duration::ZERO,
        };
        let claim = Claim { owner: name.to_string(), term_seconds: 1 };
        let protocol = Protocol::new(query, claim);
        Self {
            name: name.to_string(),
            protocol,
            next: Next::Read,
            is_up_to_date: false,
            request: Request::NotSent,
            holds_lock: false,
        }
    }

    pub(super) fn is_final(&self) -> bool {
        !matches!(
            self.next,
            Next::Read | Next::Lock | Next::Write(_) | Next::Wait(_) | Next::Register
        )
    }

    pub(super) fn set_next(&mut self, step: Step, has_lock: bool) {
        self.next = match step {
            Step::Read => Next::Read,
            // Without a lock, nothing happens in between.
            Step::Lock if !has_lock => {
                self.protocol.right.on_lock(false);
                Next::Read
            }
            Step::Lock => Next::Lock,
            Step::Write(document) => Next::Write(document),
            Step::Wait(claim) => Next::Wait(claim),
            Step::Request(_) => Next::Register,
            Step::Return(result) => Next::of(&result),
        };
    }

    pub(super) fn fail(&mut self) {
        if self.protocol.on_store_error() {
            self.next = Next::Read;
            return;
        }
        if let Some(result) = self.protocol.result() {
            self.next = Next::of(result);
            return;
        }
        self.next = Next::Failed(self.protocol.unsaved().map(|client| client.client_id.clone()));
    }
}
