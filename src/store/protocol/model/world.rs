//! A store and its hosts at one moment, the steps that can follow, and the invariants.

use std::{collections::HashSet, fmt::Write as _, time::Duration};

use super::super::{CallResult, Protocol, State, Step};
use crate::{
    ClientInformation, ClientMetadata,
    store::{
        document::{Claim, Document},
        lookup::Query,
        record::now,
        retired::{RetiredReason, RetiredRecord},
    },
};

/// The faults that may still happen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Faults {
    pub(super) crashes: usize,
    /// Responses of the store that are lost or are errors.
    pub(super) store: usize,
    /// Requests that the server refuses.
    pub(super) refusals: usize,
    /// Whether a claim may expire while its owner is alive.
    pub(super) expiring_claims: bool,
}

#[derive(Clone)]
pub(super) struct World {
    pub(super) document: Document,
    pub(super) hosts: Vec<Host>,
    pub(super) faults: Faults,
}

#[derive(Clone)]
pub(super) struct Host {
    pub(super) name: String,
    pub(super) protocol: Protocol,
    pub(super) next: Next,
    /// Whether the document is still the version that this host read.
    pub(super) is_up_to_date: bool,
    pub(super) has_sent_request: bool,
}

#[derive(Clone)]
pub(super) enum Next {
    Read,
    Write(Document),
    Wait(Claim),
    Register,
    Done(String),
    /// The call failed. The error may hold a client.
    Failed(Option<String>),
    /// The request was refused, and the claim removed.
    Refused,
    Crashed,
}

impl Next {
    fn of(result: &CallResult) -> Self {
        match result {
            CallResult::Client(client) => Self::Done(client.client_id.clone()),
            CallResult::NotRegistered => Self::Refused,
            CallResult::Unusable(unusable) => panic!("{unusable}"),
        }
    }
}

impl Host {
    fn new(name: &str) -> Self {
        let query = Query {
            endpoint: "https://a.example/register".to_owned(),
            metadata: ClientMetadata::new(),
            renewal_margin: Duration::ZERO,
        };
        let claim = Claim { owner: name.to_owned(), term_seconds: 1 };
        let protocol = Protocol::new(query, claim);
        Self {
            name: name.to_owned(),
            protocol,
            next: Next::Read,
            is_up_to_date: false,
            has_sent_request: false,
        }
    }

    fn is_final(&self) -> bool {
        matches!(self.next, Next::Done(_) | Next::Failed(_) | Next::Refused | Next::Crashed)
    }

    fn set_next(&mut self, step: Step) {
        self.next = match step {
            Step::Read => Next::Read,
            Step::Write(document) => Next::Write(document),
            Step::Wait(claim) => Next::Wait(claim),
            Step::Register(_) => Next::Register,
            Step::Return(result) => Next::of(&result),
        };
    }

    fn fail(&mut self) {
        if let Some(result) = self.protocol.result() {
            self.next = Next::of(result);
            return;
        }
        self.next = Next::Failed(self.protocol.unsaved().map(|client| client.client_id.clone()));
    }
}

impl World {
    pub(super) fn new(faults: Faults) -> Self {
        let hosts = ["A", "B", "C"].map(Host::new).into();
        Self { document: Document::default(), hosts, faults }
    }

    /// Returns every world that can follow.
    pub(super) fn successors(&self) -> Vec<Self> {
        let mut all = Vec::new();
        for i in 0..self.hosts.len() {
            if self.hosts[i].is_final() {
                continue;
            }
            if self.faults.crashes > 0 {
                let mut crashed = self.clone();
                crashed.faults.crashes -= 1;
                crashed.hosts[i].next = Next::Crashed;
                all.push(crashed);
            }
            match self.hosts[i].next.clone() {
                Next::Read => {
                    all.push(self.read(i));
                    all.extend(self.store_fault(|world| world.hosts[i].fail()));
                }
                Next::Write(document) => self.write(i, &document, &mut all),
                Next::Wait(claim) => self.wait(i, claim, &mut all),
                Next::Register => self.register(i, &mut all),
                Next::Done(_) | Next::Failed(_) | Next::Refused | Next::Crashed => {}
            }
        }
        all
    }

    fn read(&self, i: usize) -> Self {
        let mut world = self.clone();
        let host = &mut world.hosts[i];
        host.is_up_to_date = true;
        let step = host.protocol.on_read(world.document.clone(), now());
        host.set_next(step);
        world
    }

    fn write(&self, i: usize, document: &Document, all: &mut Vec<Self>) {
        if self.hosts[i].is_up_to_date {
            let host = &self.hosts[i];
            let other_claim = self.document.claim.as_ref().filter(|claim| claim.owner != host.name);
            if other_claim.is_some() && other_claim != host.protocol.expired_claim.as_ref() {
                assert_eq!(
                    other_claim,
                    document.claim.as_ref(),
                    "overwrote a valid claim: {}",
                    self.key()
                );
            }
            let mut applied = self.clone();
            applied.document = document.clone();
            applied.hosts.iter_mut().for_each(|host| host.is_up_to_date = false);
            let mut written = applied.clone();
            let step = written.hosts[i].protocol.on_written();
            written.hosts[i].set_next(step);
            all.push(written);
            // The write took effect, but its response was lost, and an automatic retry of the write
            // was a conflict.
            all.extend(applied.store_fault(|world| world.hosts[i].next = Next::Read));
            all.extend(applied.store_fault(|world| world.hosts[i].fail()));
        } else {
            let mut world = self.clone();
            world.hosts[i].next = Next::Read;
            all.push(world);
        }
        all.extend(self.store_fault(|world| world.hosts[i].fail()));
    }

    fn wait(&self, i: usize, claim: Claim, all: &mut Vec<Self>) {
        let mut again = self.clone();
        again.hosts[i].next = Next::Read;
        all.push(again.clone());
        let owner = self.hosts.iter().find(|host| host.name == claim.owner);
        let has_ended = |host: &Host| matches!(host.next, Next::Failed(_) | Next::Crashed);
        if self.faults.expiring_claims || owner.is_some_and(has_ended) {
            again.hosts[i].protocol.on_claim_expired(claim);
            all.push(again);
        }
    }

    fn register(&self, i: usize, all: &mut Vec<Self>) {
        let mut world = self.clone();
        let host = &mut world.hosts[i];
        let name = &host.name;
        let json = format!(r#"{{"client_id": "{name}", "client_secret": "secret of {name}"}}"#);
        let step = host.protocol.on_registered(ClientInformation::from_json(&json).unwrap(), now());
        host.has_sent_request = true;
        host.set_next(step);
        all.push(world);
        if self.faults.refusals > 0 {
            let mut world = self.clone();
            world.faults.refusals -= 1;
            let step = world.hosts[i].protocol.on_not_registered();
            world.hosts[i].set_next(step);
            all.push(world);
        }
    }

    fn store_fault(&self, effect: impl FnOnce(&mut Self)) -> Option<Self> {
        let mut world = self.clone();
        world.faults.store = world.faults.store.checked_sub(1)?;
        effect(&mut world);
        Some(world)
    }

    pub(super) fn is_final(&self) -> bool {
        self.hosts.iter().all(Host::is_final)
    }

    /// Identifies the state of the world.
    pub(super) fn key(&self) -> String {
        let mut key = format!("{} {:?}", digest(&self.document), self.faults);
        for host in &self.hosts {
            let next = match &host.next {
                Next::Read => "read".to_owned(),
                Next::Write(document) => format!("write {}", digest(document)),
                Next::Wait(claim) => format!("wait {}", claim.owner),
                Next::Register => "register".to_owned(),
                Next::Done(id) => format!("done {id}"),
                Next::Failed(client) => format!("failed {client:?}"),
                Next::Refused => "refused".to_owned(),
                Next::Crashed => "crashed".to_owned(),
            };
            let expired = host.protocol.expired_claim.as_ref().map(|claim| &claim.owner);
            let unsaved = host.protocol.unsaved().map(|client| &client.client_id);
            let state = match &host.protocol.state {
                State::LookingUp => "looking up",
                State::Saving { result: None, .. } => "registered",
                State::Saving { result: Some(_), .. } => "saving",
                State::Releasing(_) => "releasing",
            };
            let len = host.protocol.first_new;
            let (is_up_to_date, has_sent) = (host.is_up_to_date, host.has_sent_request);
            write!(
                key,
                "|{next} {expired:?} {unsaved:?} {state} {len:?} {is_up_to_date} {has_sent}"
            )
            .unwrap();
        }
        key
    }

    /// Checks the invariants. `is_store_reliable` says that no fault of the store can happen.
    pub(super) fn check(&self, is_store_reliable: bool) {
        let Document { registrations: active, retired, .. } = &self.document;
        assert!(active.len() <= 1, "two active records: {}", self.key());
        let ids = active.iter().map(|record| &record.client.client_id);
        let ids: HashSet<_> = ids.chain(retired.iter().map(|retired| &retired.client_id)).collect();
        let count = active.len() + retired.len();
        assert_eq!(ids.len(), count, "a client was saved twice: {}", self.key());
        for host in &self.hosts {
            if let Next::Done(id) = &host.next {
                assert_eq!(active.len(), 1, "a returned client is not saved: {}", self.key());
                assert_eq!(*id, active[0].client.client_id, "two clients: {}", self.key());
            }
        }
        if let Some(claim) = self.document.claim.as_ref().filter(|_| is_store_reliable) {
            let owner = self.hosts.iter().find(|host| host.name == claim.owner).unwrap();
            let has_ended = matches!(owner.next, Next::Done(_) | Next::Refused);
            assert!(!has_ended, "a claim was not removed: {}", self.key());
        }
        let lost: Vec<_> = self.hosts.iter().filter(|host| self.has_lost_secret(host)).collect();
        for host in &lost {
            assert!(matches!(host.next, Next::Crashed), "a secret was lost: {}", self.key());
        }
        let crashed = self.hosts.iter().filter(|host| matches!(host.next, Next::Crashed)).count();
        assert!(lost.len() <= crashed, "more secrets were lost than hosts crashed: {}", self.key());
    }

    /// Returns whether the host registered a client that neither it nor the document has. A client
    /// that lost a race is not lost: another one is used, and its id is in the history.
    fn has_lost_secret(&self, host: &Host) -> bool {
        if !host.has_sent_request {
            return false;
        }
        let expected = format!("secret of {}", host.name);
        let is_saved = self.document.registrations.iter().any(|record| {
            let secret = record.client.client_secret.as_ref();
            record.client.client_id == host.name
                && secret.is_some_and(|secret| secret.expose() == expected)
        });
        let lost_race = |retired: &RetiredRecord| {
            retired.client_id == host.name && retired.reason == RetiredReason::LostRace
        };
        let is_saved = is_saved
            || (self.document.registrations.len() == 1
                && self.document.retired.iter().any(lost_race));
        let unsaved = match &host.next {
            Next::Failed(client) => client.clone(),
            Next::Crashed => None,
            _ => host.protocol.unsaved().map(|client| client.client_id.clone()),
        };
        !is_saved && unsaved.as_ref() != Some(&host.name)
    }
}

fn digest(document: &Document) -> String {
    let mut digest = document.claim.as_ref().map(|claim| claim.owner.clone()).unwrap_or_default();
    for record in &document.registrations {
        write!(digest, ";{}", record.client.client_id).unwrap();
    }
    for retired in &document.retired {
        write!(digest, ";{} {:?}", retired.client_id, retired.reason).unwrap();
    }
    digest
}
