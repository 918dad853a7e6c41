//! A store, hosts at it, and everything that can happen next.

use std::{collections::HashSet, fmt::Write as _, time::Duration};

use super::super::{End, Protocol, State, Step};
use crate::{
    ClientInformation, ClientMetadata,
    store::{
        document::{Claim, Document},
        lookup::Query,
        record::now,
    },
};

const HOSTS: usize = 3;

/// What may go wrong, how often at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Faults {
    pub(super) crashes: usize,
    /// Answers of the store that are lost or are errors.
    pub(super) store: usize,
    /// Requests that are refused.
    pub(super) refusals: usize,
    /// Whether a claim may run out while its owner lives.
    pub(super) slow: bool,
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
    /// Whether the store is as this host read it.
    pub(super) is_fresh: bool,
    pub(super) has_posted: bool,
}

#[derive(Clone)]
pub(super) enum Next {
    Read,
    Write(Document),
    Wait(Claim),
    Register,
    Done(String),
    /// An error, with the client that it holds.
    Failed(Option<String>),
    /// The request was refused, and the claim dropped.
    Refused,
    Crashed,
}

impl Next {
    fn of(end: &End) -> Self {
        match end {
            End::Done(client) => Self::Done(client.client_id.clone()),
            End::NotRegistered => Self::Refused,
            End::Refused(problem) => panic!("{problem}"),
        }
    }
}

impl Host {
    fn new(name: &str) -> Self {
        let asked = Query {
            endpoint: "https://a.example/register".to_owned(),
            metadata: ClientMetadata::new(),
            margin: Duration::ZERO,
        };
        let claim = Claim { owner: name.to_owned(), term_seconds: 1 };
        let protocol = Protocol::new(asked, claim);
        Self {
            name: name.to_owned(),
            protocol,
            next: Next::Read,
            is_fresh: false,
            has_posted: false,
        }
    }

    fn is_over(&self) -> bool {
        matches!(self.next, Next::Done(_) | Next::Failed(_) | Next::Refused | Next::Crashed)
    }

    fn follow(&mut self, step: Step) {
        self.next = match step {
            Step::Read => Next::Read,
            Step::Write(document) => Next::Write(document),
            Step::Wait(claim) => Next::Wait(claim),
            Step::Register(_) => Next::Register,
            Step::End(end) => Next::of(&end),
        };
    }

    fn fail(&mut self) {
        if let Some(end) = self.protocol.end() {
            self.next = Next::of(end);
            return;
        }
        self.next = Next::Failed(self.protocol.unsaved().map(|client| client.client_id.clone()));
    }
}

impl World {
    pub(super) fn new(faults: Faults) -> Self {
        let hosts = ["A", "B", "C"].map(Host::new).into_iter().take(HOSTS).collect();
        Self { document: Document::default(), hosts, faults }
    }

    /// Everything that can happen next.
    pub(super) fn successors(&self) -> Vec<Self> {
        let mut all = Vec::new();
        for i in 0..self.hosts.len() {
            if self.hosts[i].is_over() {
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
                    all.push(self.reading(i));
                    all.extend(self.store_fault(|world| world.hosts[i].fail()));
                }
                Next::Write(document) => self.writing(i, &document, &mut all),
                Next::Wait(claim) => self.waiting(i, claim, &mut all),
                Next::Register => self.registering(i, &mut all),
                Next::Done(_) | Next::Failed(_) | Next::Refused | Next::Crashed => {}
            }
        }
        all
    }

    fn reading(&self, i: usize) -> Self {
        let mut world = self.clone();
        let host = &mut world.hosts[i];
        host.is_fresh = true;
        let step = host.protocol.read(world.document.clone(), now());
        host.follow(step);
        world
    }

    fn writing(&self, i: usize, document: &Document, all: &mut Vec<Self>) {
        if self.hosts[i].is_fresh {
            let host = &self.hosts[i];
            let of_others = self.document.claim.as_ref().filter(|claim| claim.owner != host.name);
            if of_others.is_some() && of_others != host.protocol.dead.as_ref() {
                assert_eq!(of_others, document.claim.as_ref(), "another's claim: {}", self.key());
            }
            let mut applied = self.clone();
            applied.document = document.clone();
            applied.hosts.iter_mut().for_each(|host| host.is_fresh = false);
            let mut written = applied.clone();
            let step = written.hosts[i].protocol.written();
            written.hosts[i].follow(step);
            all.push(written);
            // It took effect, and its answer was lost; sent again, it met itself.
            all.extend(applied.store_fault(|world| world.hosts[i].next = Next::Read));
            all.extend(applied.store_fault(|world| world.hosts[i].fail()));
        } else {
            let mut world = self.clone();
            world.hosts[i].next = Next::Read;
            all.push(world);
        }
        all.extend(self.store_fault(|world| world.hosts[i].fail()));
    }

    fn waiting(&self, i: usize, claim: Claim, all: &mut Vec<Self>) {
        let mut again = self.clone();
        again.hosts[i].next = Next::Read;
        all.push(again.clone());
        let owner = self.hosts.iter().find(|host| host.name == claim.owner);
        let has_left = |host: &Host| matches!(host.next, Next::Failed(_) | Next::Crashed);
        if self.faults.slow || owner.is_some_and(has_left) {
            again.hosts[i].protocol.is_dead(claim);
            all.push(again);
        }
    }

    fn registering(&self, i: usize, all: &mut Vec<Self>) {
        let mut world = self.clone();
        let host = &mut world.hosts[i];
        let name = &host.name;
        let json = format!(r#"{{"client_id": "{name}", "client_secret": "secret of {name}"}}"#);
        let step = host.protocol.registered(ClientInformation::from_json(&json).unwrap(), now());
        host.has_posted = true;
        host.follow(step);
        all.push(world);
        if self.faults.refusals > 0 {
            let mut world = self.clone();
            world.faults.refusals -= 1;
            let step = world.hosts[i].protocol.not_registered();
            world.hosts[i].follow(step);
            all.push(world);
        }
    }

    fn store_fault(&self, effect: impl FnOnce(&mut Self)) -> Option<Self> {
        let mut world = self.clone();
        world.faults.store = world.faults.store.checked_sub(1)?;
        effect(&mut world);
        Some(world)
    }

    pub(super) fn is_over(&self) -> bool {
        self.hosts.iter().all(Host::is_over)
    }

    /// What tells this state from others.
    pub(super) fn key(&self) -> String {
        let mut key = format!("{} {:?}", digest(&self.document), self.faults);
        for host in &self.hosts {
            let next = match &host.next {
                Next::Read => "read".to_owned(),
                Next::Write(document) => format!("write {}", digest(document)),
                Next::Wait(claim) => format!("wait {}", claim.owner),
                Next::Register => "register".to_owned(),
                Next::Done(id) => format!("done {id}"),
                Next::Failed(held) => format!("failed {held:?}"),
                Next::Refused => "refused".to_owned(),
                Next::Crashed => "crashed".to_owned(),
            };
            let dead = host.protocol.dead.as_ref().map(|claim| &claim.owner);
            let held = host.protocol.unsaved().map(|client| &client.client_id);
            let state = match &host.protocol.state {
                State::Looking => "looking",
                State::Saving { answer: None, .. } => "registered",
                State::Saving { answer: Some(_), .. } => "saving",
                State::Leaving(_) => "leaving",
            };
            let known = host.protocol.known;
            let (is_fresh, has_posted) = (host.is_fresh, host.has_posted);
            write!(key, "|{next} {dead:?} {held:?} {state} {known:?} {is_fresh} {has_posted}")
                .unwrap();
        }
        key
    }

    /// What has to hold in every state; `is_sound` says whether the store never fails.
    pub(super) fn check(&self, is_sound: bool) {
        let live: Vec<_> =
            self.document.registrations.iter().filter(|kept| kept.is_live()).collect();
        assert!(live.len() <= 1, "two live records: {}", self.key());
        let kept = &self.document.registrations;
        let ids: HashSet<_> = kept.iter().map(|kept| &kept.client.client_id).collect();
        assert_eq!(ids.len(), kept.len(), "a client twice: {}", self.key());
        for host in &self.hosts {
            if let Next::Done(id) = &host.next {
                assert_eq!(live.len(), 1, "an answer that is not kept: {}", self.key());
                assert_eq!(*id, live[0].client.client_id, "two answers: {}", self.key());
            }
        }
        if let Some(claim) = self.document.claim.as_ref().filter(|_| is_sound) {
            let owner = self.hosts.iter().find(|host| host.name == claim.owner).unwrap();
            let has_ended = matches!(owner.next, Next::Done(_) | Next::Refused);
            assert!(!has_ended, "a claim that was left behind: {}", self.key());
        }
        let mut lost = 0;
        for host in self.hosts.iter().filter(|host| host.has_posted) {
            let kept = &self.document.registrations;
            let is_kept = kept.iter().any(|kept| {
                let secret =
                    kept.client.client_secret.as_ref().map(crate::secret::ClientSecret::expose);
                kept.client.client_id == host.name
                    && secret == Some(&format!("secret of {}", host.name))
            });
            let held = match &host.next {
                Next::Failed(held) => held.clone(),
                Next::Crashed => None,
                _ => host.protocol.unsaved().map(|client| client.client_id.clone()),
            };
            if !is_kept && held.as_ref() != Some(&host.name) {
                assert!(matches!(host.next, Next::Crashed), "a lost secret: {}", self.key());
                lost += 1;
            }
        }
        let crashed = self.hosts.iter().filter(|host| matches!(host.next, Next::Crashed)).count();
        assert!(lost <= crashed, "more orphans than crashes: {}", self.key());
    }
}

fn digest(document: &Document) -> String {
    let mut digest = document.claim.as_ref().map(|claim| claim.owner.clone()).unwrap_or_default();
    for kept in &document.registrations {
        let why = kept.retired.map(|retired| retired.reason);
        write!(digest, ";{} {why:?}", kept.client.client_id).unwrap();
    }
    digest
}
