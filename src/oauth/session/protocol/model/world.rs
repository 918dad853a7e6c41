//! A store, a server and hosts at one moment, the steps that can follow, and the invariants.

use std::{collections::BTreeMap, fmt::Write as _, rc::Rc};

use super::{
    faults::Faults,
    host::{Host, Next, key},
    server::{number, token},
};
use crate::{
    oauth::session::document::TokenDocument,
    store::{Protocol as _, model, now},
};

#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact about the server")]
pub(super) struct World {
    pub(super) document: TokenDocument,
    pub(super) hosts: Vec<Rc<Host>>,
    /// For each host, whether the document is still the version that it read.
    up_to_date: [bool; 3],
    pub(super) faults: Faults,
    is_store_reliable: bool,
    /// For each token that was issued, the login that it belongs to.
    pub(super) logins: Vec<usize>,
    /// The refresh tokens that the server accepts.
    pub(super) valid: Vec<usize>,
    /// The refresh token of each request.
    pub(super) sent: Vec<String>,
    /// The host that has received a token or `invalid_grant` for a refresh token.
    pub(super) responded: BTreeMap<String, usize>,
    /// Whether a claim has expired whose owner was alive.
    pub(super) was_slow: bool,
    /// Whether a refresh token was replaced, and the new one was not saved: for ever or for now.
    pub(super) was_unsaved: bool,
    pub(super) is_unsaved_lost: bool,
    pub(super) has_ended: bool,
}

impl World {
    pub(super) fn new(tasks: &str, faults: Faults) -> Self {
        let is_expired = !tasks.contains("replace");
        let all_tasks = ["obtain", "replace", "login", "logout"];
        let tasks = tasks.split(' ').map(|task| *all_tasks.iter().find(|t| **t == task).unwrap());
        let mut document = TokenDocument::default();
        document.insert(token(0, is_expired), now());
        Self {
            document,
            hosts: model::NAMES
                .into_iter()
                .zip(tasks)
                .map(|(name, task)| Rc::new(Host::new(name, task)))
                .collect(),
            up_to_date: [false; 3],
            faults,
            is_store_reliable: faults.store == 0,
            logins: vec![0],
            valid: vec![0],
            sent: Vec::new(),
            responded: BTreeMap::new(),
            was_slow: false,
            was_unsaved: false,
            is_unsaved_lost: false,
            has_ended: false,
        }
    }

    /// The refresh token of each request, in order.
    pub(super) fn requests(&self) -> Vec<&str> {
        self.sent.iter().map(String::as_str).collect()
    }

    pub(super) fn has_sent_twice(&self) -> bool {
        (1..self.sent.len()).any(|i| self.sent[i..].contains(&self.sent[i - 1]))
    }

    /// Returns the stored tokens.
    pub(super) fn stored(&self) -> String {
        let Some(entry) = self.document.find(&key()) else { return String::new() };
        let refresh = entry.refresh_token.as_ref().map(|token| format!(" {}", token.expose()));
        entry.access_token().expose().to_owned() + &refresh.unwrap_or_default()
    }

    /// Returns whether no host can get a token any more, although nobody ended the login.
    pub(super) fn is_login_lost(&self) -> bool {
        let logged_out = self.hosts.iter().any(|host| host.is_logout());
        let is_valid = self
            .stored_number()
            .is_some_and(|number| self.stored().contains('r') && self.valid.contains(&number));
        let is_kept = self.hosts.iter().any(|host| {
            host.unsaved.is_some()
                && host.has_unsaved_token()
                && !matches!(host.next, Next::Crashed)
        });
        !is_valid && !is_kept && !logged_out && !self.has_ended
    }

    /// Returns whether a token could not be saved at first.
    pub(super) fn has_failed_to_save(&self) -> bool {
        self.was_unsaved
    }

    pub(super) fn is_unsaved_lost(&self) -> bool {
        self.is_unsaved_lost
    }

    /// Counts the tokens, so that a newer one has a larger number.
    fn stored_number(&self) -> Option<usize> {
        self.document.find(&key()).map(number)
    }

    pub(super) fn step(&self, i: usize, effect: impl FnOnce(&mut Self, &mut Host)) -> Self {
        let mut world = self.clone();
        let mut host = Host::clone(&self.hosts[i]);
        effect(&mut world, &mut host);
        host.key = host.digest();
        world.hosts[i] = Rc::new(host);
        world
    }

    fn store_fault(&self, i: usize) -> Option<Self> {
        let faults = Faults { store: self.faults.store.checked_sub(1)?, ..self.faults };
        Some(self.step(i, |world, host| {
            world.faults = faults;
            host.fail();
            world.was_unsaved |= host.unsaved.is_some();
        }))
    }

    fn lock(&self, i: usize) -> Option<Self> {
        if self.hosts.iter().any(|host| host.holds_lock) {
            return None;
        }
        let has_lock = self.faults.has_lock;
        Some(self.step(i, |_, host| {
            host.holds_lock = has_lock;
            host.protocol.right().on_lock(has_lock);
            host.next = Next::Read;
        }))
    }

    fn read(&self, i: usize) -> Self {
        self.step(i, |world, host| {
            world.up_to_date[i] = true;
            let step = host.protocol.on_read(world.document.clone());
            host.set_next(step);
            world.check_returned(host);
        })
    }

    fn check_returned(&self, host: &Host) {
        if let Next::Done(token) = host.next {
            assert!(self.stored().starts_with(token), "a returned token is not saved");
        }
    }

    fn write(&self, i: usize, document: &TokenDocument, all: &mut Vec<Self>) {
        if !self.up_to_date[i] {
            all.push(self.step(i, |_, host| host.next = Next::Read));
            return;
        }
        self.check_write(i, document);
        let mut applied = self.clone();
        applied.document = document.clone();
        applied.up_to_date = [false; 3];
        all.push(applied.step(i, |world, host| {
            let step = host.protocol.on_written();
            host.set_next(step);
            world.check_returned(host);
        }));
        // The write took effect, but its response was lost, and an automatic retry was a conflict.
        all.extend(applied.store_fault(i).map(|world| {
            world.step(i, |_, host| {
                *host = Host { next: Next::Read, ..Host::clone(&applied.hosts[i]) }
            })
        }));
        all.extend(applied.store_fault(i));
    }

    /// Checks what a write replaces.
    fn check_write(&self, i: usize, document: &TokenDocument) {
        let host = &self.hosts[i];
        let other_claim = self.document.claim.as_ref().filter(|claim| {
            !self.faults.has_lock
                && !format!("{claim:?}").contains(&format!("{:?}", host.name))
                && host.protocol.right.expired() != Some(claim)
        });
        if other_claim.is_some() {
            assert_eq!(other_claim, document.claim.as_ref(), "overwrote a valid claim");
        }
        let (old, new) = (self.stored_number(), document.find(&key()).map(number));
        let is_refused = host.is_replace() && old == Some(0);
        assert!(
            new >= old || (new.is_none() && (host.is_logout() || is_refused)),
            "erased a newer token: {}",
            self.stored()
        );
        let refresh = |document: &TokenDocument| {
            document.find(&key()).and_then(|entry| entry.refresh_token.clone())
        };
        let is_erased =
            old == new && refresh(&self.document).is_some() && refresh(document).is_none();
        let is_valid = old.is_some_and(|number| self.valid.contains(&number));
        assert!(!is_erased || !is_valid, "erased a valid refresh token: {}", self.stored());
    }

    fn wait(&self, i: usize, owner: &str, all: &mut Vec<Self>) {
        all.push(self.step(i, |_, host| host.next = Next::Read));
        let is_alive = self
            .hosts
            .iter()
            .any(|host| owner.contains(&format!("{:?}", host.name)) && !host.is_final());
        if self.faults.expiring_claims || !is_alive {
            all.push(self.step(i, |world, host| {
                let Next::Wait(claim) = host.next.clone() else { panic!() };
                host.protocol.right().on_claim_expired(claim);
                host.next = Next::Read;
                world.was_slow |= is_alive;
            }));
        }
    }
}

impl model::State for World {
    fn key(&self) -> String {
        let shared = format!(
            "{} {:?} {:?} {:?} {:?} {} {} {} {}",
            digest(&self.document),
            self.faults.left(),
            self.logins,
            self.valid,
            self.sent,
            self.was_slow,
            self.was_unsaved,
            self.is_unsaved_lost,
            self.has_ended,
        );
        let hosts = self.hosts.iter().enumerate().map(|(i, host)| {
            let mut key = format!("{} {} {}", host.task, self.up_to_date[i], host.key);
            for (token, _) in self.responded.iter().filter(|(_, host)| **host == i) {
                write!(key, " {token}").unwrap();
            }
            key
        });
        model::symmetric_key(&shared, &hosts.collect::<Vec<_>>())
    }

    fn successors(&self) -> Vec<Self> {
        let mut all = Vec::new();
        for (i, host) in self.hosts.iter().enumerate() {
            if matches!(host.next, Next::Failed) && self.faults.calls > 0 {
                all.push(self.step(i, |world, host| {
                    world.faults.calls -= 1;
                    host.call_again();
                }));
            }
            if host.is_final() {
                continue;
            }
            if self.faults.crashes > 0 {
                all.push(self.step(i, |world, host| {
                    world.faults.crashes -= 1;
                    world.is_unsaved_lost |= host.has_unsaved_token();
                    (host.next, host.holds_lock, host.unsaved) = (Next::Crashed, false, None);
                }));
            }
            match host.next.clone() {
                Next::Read => {
                    all.push(self.read(i));
                    all.extend(self.store_fault(i));
                }
                Next::Lock => all.extend(self.lock(i)),
                Next::Write(document) => {
                    self.write(i, &document, &mut all);
                    all.extend(self.store_fault(i));
                }
                Next::Wait(claim) => self.wait(i, &format!("{claim:?}"), &mut all),
                Next::Request(entry) => self.send(i, entry.as_ref(), &mut all),
                Next::Response(..) => all.push(self.receive(i)),
                _ => {}
            }
        }
        all
    }

    fn is_final(&self) -> bool {
        let may_call = |host: &Host| matches!(host.next, Next::Failed) && self.faults.calls > 0;
        self.hosts.iter().all(|host| host.is_final() && !may_call(host))
    }

    fn check(&self) {
        if let Some(claim) = self.document.claim.as_ref().filter(|_| self.is_store_reliable) {
            let claim = format!("{claim:?}");
            let owner = self.hosts.iter().find(|host| claim.contains(&format!("{:?}", host.name)));
            let has_ended =
                owner.is_none_or(|host| host.is_final() && !matches!(host.next, Next::Crashed));
            assert!(!has_ended, "a claim was not removed: {}", self.key());
        }
        // No world has a second failure of the store, which could leave the claim.
        let mut ended = self.hosts.iter().filter(|host| host.has_failed_to_claim);
        let claim = format!("{:?}", self.document.claim);
        let has_left = |host: &Rc<Host>| {
            host.next == Next::Failed && claim.contains(&format!("{:?}", host.name))
        };
        assert!(!ended.any(has_left), "a claim was left: {}", self.key());
        if self.is_final() && self.is_login_lost() {
            let is_excused = self.is_unsaved_lost
                || (self.faults.revokes_reused && (self.was_slow || self.was_unsaved));
            assert!(is_excused, "a login was lost: {}", self.key());
        }
    }
}

pub(super) fn digest(document: &TokenDocument) -> String {
    let claim = document.claim.as_ref().map(|claim| format!("{claim:?}")).unwrap_or_default();
    let entry = document.find(&key()).map(|entry| {
        let refresh_token = entry.refresh_token.as_ref().map(|token| token.expose().to_owned());
        (entry.access_token().expose().to_owned(), refresh_token)
    });
    format!("{claim} {entry:?}")
}
