//! A store and its hosts at one moment, the steps that can follow, and the invariants.

use std::{collections::HashSet, fmt::Write as _};

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    super::State as ProtocolState,
    NAMES, State,
    host::{Host, Next, Request},
    symmetric_key,
};
use crate::{
    ClientInformation,
    store::{
        claim::Claim,
        document::Document,
        exclusive::Protocol as _,
        intent::Intent,
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
    /// Requests whose outcome is unknown to their sender.
    pub(super) unknowns: usize,
    /// How often so much time may pass that the wait after an unknown outcome ends.
    pub(super) waits: usize,
    /// Whether a claim may expire while its owner is alive.
    pub(super) expiring_claims: bool,
    /// Whether the store has a lock that is released when its holder dies.
    pub(super) has_lock: bool,
}

#[derive(Clone)]
pub(super) struct World {
    pub(super) document: Document,
    pub(super) hosts: Vec<Host>,
    pub(super) faults: Faults,
    /// Whether no fault of the store can happen.
    is_store_reliable: bool,
    now: DateTime<Utc>,
}

impl World {
    pub(super) fn new(faults: Faults) -> Self {
        let hosts = NAMES.map(Host::new).into();
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let is_store_reliable = faults.store == 0;
        Self { document: Document::default(), hosts, faults, is_store_reliable, now }
    }

    /// Gives the lock to a host, unless another one holds it.
    fn lock(&self, i: usize) -> Option<Self> {
        if self.hosts.iter().any(|host| host.holds_lock && !host.is_final()) {
            return None;
        }
        let mut world = self.clone();
        let host = &mut world.hosts[i];
        host.holds_lock = true;
        host.protocol.right.on_lock(true);
        host.next = Next::Read;
        Some(world)
    }

    fn read(&self, i: usize) -> Self {
        let mut world = self.clone();
        let host = &mut world.hosts[i];
        host.is_up_to_date = true;
        let step = host.protocol.on_read_at(world.document.clone(), world.now);
        host.set_next(step, self.faults.has_lock);
        world
    }

    fn write(&self, i: usize, document: &Document, all: &mut Vec<Self>) {
        if self.hosts[i].is_up_to_date {
            let host = &self.hosts[i];
            let other_claim = self.document.claim.as_ref().filter(|claim| claim.owner != host.name);
            if other_claim.is_some() && other_claim != host.protocol.right.expired() {
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
            written.hosts[i].set_next(step, self.faults.has_lock);
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
            again.hosts[i].protocol.right.on_claim_expired(claim);
            all.push(again);
        }
    }

    fn register(&self, i: usize, all: &mut Vec<Self>) {
        let has_intent = !self.document.intents.is_empty();
        // The next owner of an expired claim may have saved a client.
        assert!(has_intent || self.faults.expiring_claims, "no intent: {}", self.key());
        let mut world = self.clone();
        let host = &mut world.hosts[i];
        let name = &host.name;
        let json = format!(r#"{{"client_id": "{name}", "client_secret": "secret of {name}"}}"#);
        let client = ClientInformation::from_json(&json).unwrap();
        let step = host.protocol.on_registered(client, world.now);
        host.request = Request::Registered;
        host.set_next(step, self.faults.has_lock);
        all.push(world);
        if self.faults.refusals > 0 {
            let mut world = self.clone();
            world.faults.refusals -= 1;
            let host = &mut world.hosts[i];
            host.request = Request::Refused;
            let step = host.protocol.on_not_registered(world.now);
            host.set_next(step, self.faults.has_lock);
            all.push(world);
        }
        if self.faults.unknowns > 0 {
            let mut world = self.clone();
            world.faults.unknowns -= 1;
            let host = &mut world.hosts[i];
            host.request = Request::Unknown;
            let step = host.protocol.on_unknown(world.now);
            host.set_next(step, self.faults.has_lock);
            all.push(world);
        }
    }

    fn store_fault(&self, effect: impl FnOnce(&mut Self)) -> Option<Self> {
        let mut world = self.clone();
        world.faults.store = world.faults.store.checked_sub(1)?;
        effect(&mut world);
        Some(world)
    }

    /// Returns whether the host registered a client that neither it nor the document has. A client
    /// that lost a race is not lost: another one is used, and its id is in the history.
    fn has_lost_secret(&self, host: &Host) -> bool {
        if host.request != Request::Registered {
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
                && self.document.retired().any(|retired| lost_race(&retired)));
        let unsaved = match &host.next {
            Next::Failed(client) => client.clone(),
            Next::Crashed => None,
            _ => host.protocol.unsaved().map(|client| client.client_id.clone()),
        };
        !is_saved && unsaved.as_ref() != Some(&host.name)
    }
}

impl State for World {
    fn key(&self) -> String {
        let now = self.now.timestamp();
        let shared = format!("{} {:?} {now}", digest(&self.document), self.faults);
        let hosts = self.hosts.iter().map(|host| {
            let next = match &host.next {
                Next::Read => "read".to_owned(),
                Next::Write(document) => format!("write {}", digest(document)),
                Next::Lock => "lock".to_owned(),
                Next::Wait(claim) => format!("wait {}", claim.owner),
                Next::Register => "register".to_owned(),
                Next::Done(id) => format!("done {id}"),
                Next::Failed(client) => format!("failed {client:?}"),
                Next::NotRegistered => "not registered".to_owned(),
                Next::Unknown => "unknown".to_owned(),
                Next::Crashed => "crashed".to_owned(),
            };
            let expired = host.protocol.right.expired().map(|claim| &claim.owner);
            let unsaved = host.protocol.unsaved().map(|client| &client.client_id);
            let state = match &host.protocol.state {
                ProtocolState::LookingUp { has_written: false } => "looking up",
                ProtocolState::LookingUp { has_written: true } => "claiming",
                ProtocolState::Saving { result: None, .. } => "registered",
                ProtocolState::Saving { result: Some(_), .. } => "saving",
                ProtocolState::Releasing(_) => "releasing",
            };
            let len = host.protocol.last_known;
            let Host { is_up_to_date, request, .. } = host;
            let has_lock = host.protocol.right.has_lock();
            let previous = host.protocol.previous.as_ref().map(Intent::digest);
            format!(
                "{next} {expired:?} {unsaved:?} {state} {len:?} {is_up_to_date} {has_lock:?} \
                 {request:?} {previous:?}"
            )
        });
        symmetric_key(&shared, &hosts.collect::<Vec<_>>())
    }

    fn successors(&self) -> Vec<Self> {
        let mut all = Vec::new();
        if self.faults.waits > 0 && !self.document.intents.is_empty() && !self.is_final() {
            let mut later = self.clone();
            later.faults.waits -= 1;
            later.now += TimeDelta::days(2);
            all.push(later);
        }
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
                Next::Lock => all.extend(self.lock(i)),
                Next::Wait(claim) => self.wait(i, claim, &mut all),
                Next::Register => self.register(i, &mut all),
                _ => {}
            }
        }
        all
    }

    fn is_final(&self) -> bool {
        self.hosts.iter().all(Host::is_final)
    }

    fn check(&self) {
        let active = &self.document.registrations;
        let retired: Vec<_> = self.document.retired().collect();
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
        if let Some(claim) = self.document.claim.as_ref().filter(|_| self.is_store_reliable) {
            let owner = self.hosts.iter().find(|host| host.name == claim.owner).unwrap();
            let has_ended =
                matches!(owner.next, Next::Done(_) | Next::NotRegistered | Next::Unknown);
            assert!(!has_ended, "a claim was not removed: {}", self.key());
        }
        for host in &self.hosts {
            let may_have_registered =
                matches!(host.request, Request::Registered | Request::Unknown);
            assert!(
                !may_have_registered || !active.is_empty() || !self.document.intents.is_empty(),
                "a request of unknown outcome has no intent: {}",
                self.key()
            );
        }
        let lost: Vec<_> = self.hosts.iter().filter(|host| self.has_lost_secret(host)).collect();
        for host in &lost {
            assert!(matches!(host.next, Next::Crashed), "a secret was lost: {}", self.key());
        }
        let crashed = self.hosts.iter().filter(|host| matches!(host.next, Next::Crashed)).count();
        assert!(lost.len() <= crashed, "more secrets were lost than hosts crashed: {}", self.key());
    }
}

fn digest(document: &Document) -> String {
    let mut digest = document.claim.as_ref().map(|claim| claim.owner.clone()).unwrap_or_default();
    digest += &document.intents.digest();
    for record in &document.registrations {
        write!(digest, ";{}", record.client.client_id).unwrap();
    }
    for retired in document.retired() {
        write!(digest, ";{} {:?}", retired.client_id, retired.reason).unwrap();
    }
    digest
}
