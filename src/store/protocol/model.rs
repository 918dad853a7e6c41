//! Explores every way that three hosts can run the protocol, one step at a time.
//!
//! A step is one access to the store or one request. Between two steps of a host, the others may
//! take any number of steps. A host may crash before or after any step. A response of the store may
//! be lost, or be an error although the write took effect. A claim may expire although its owner is
//! only slow. The outcome of a request may be unknown, and the wait after it may end at any time.
//! Each state is explored once.

mod host;
mod world;

use std::collections::{HashMap, HashSet};

use self::{
    host::{Host, Next, Request},
    world::{Faults, World},
};

/// A store and its hosts at one moment.
pub(crate) trait State: Sized {
    /// Identifies the state.
    fn key(&self) -> String;

    /// Returns every state that can follow.
    fn successors(&self) -> Vec<Self>;

    fn is_final(&self) -> bool;

    /// Panics if the state breaks an invariant.
    fn check(&self);
}

/// The names of the hosts, which occur nowhere else in a key.
pub(crate) const NAMES: [char; 3] = ['α', 'β', 'γ'];

/// Returns one key for all states that differ only in which host is which, so that one of them is
/// explored.
///
/// `hosts` identifies the state of each host, and `shared` what they share.
pub(crate) fn symmetric_key(shared: &str, hosts: &[String]) -> String {
    let mut order: Vec<_> = (0..hosts.len()).collect();
    order.sort_by_cached_key(|i| {
        let own = hosts[*i].replace(NAMES[*i], "@");
        NAMES.iter().fold(own, |key, name| key.replace(*name, ""))
    });
    let key = order.iter().fold(shared.to_owned(), |key, i| key + "|" + &hosts[*i]);
    // Each host is named after its place.
    let places = ["κ", "λ", "μ"].iter().zip(&order);
    places.fold(key, |key, (place, i)| key.replace(NAMES[*i], place))
}

/// Explores all states, checks each, and returns the final ones.
pub(crate) fn explore_from<S: State>(start: S) -> Vec<S> {
    let mut indices = HashMap::from([(start.key(), 0_usize)]);
    let mut predecessors: Vec<Vec<usize>> = vec![Vec::new()];
    let mut queue = vec![(0, start)];
    let (mut finals, mut final_indices) = (Vec::new(), Vec::new());
    while let Some((index, state)) = queue.pop() {
        state.check();
        if state.is_final() {
            final_indices.push(index);
            finals.push(state);
            continue;
        }
        for next in state.successors() {
            let new_index = indices.len();
            let next_index = *indices.entry(next.key()).or_insert(new_index);
            if next_index == new_index {
                predecessors.push(Vec::new());
                queue.push((new_index, next));
            }
            predecessors[next_index].push(index);
        }
    }
    // Every state can reach a final state, so no host waits without end.
    let mut reached: HashSet<_> = final_indices.iter().copied().collect();
    while let Some(index) = final_indices.pop() {
        final_indices.extend(predecessors[index].iter().filter(|index| reached.insert(**index)));
    }
    assert_eq!(reached.len(), indices.len(), "states that cannot reach a final state");
    finals
}

fn explore(faults: Faults) -> Vec<World> {
    explore_from(World::new(faults))
}

fn request_count(world: &World) -> usize {
    world.hosts.iter().filter(|host| host.request != Request::NotSent).count()
}

fn refusal_count(world: &World) -> usize {
    world.hosts.iter().filter(|host| host.request == Request::Refused).count()
}

fn crash_count(world: &World) -> usize {
    world.hosts.iter().filter(|host| matches!(host.next, Next::Crashed)).count()
}

const NO_FAULTS: Faults = Faults {
    crashes: 0,
    store: 0,
    refusals: 0,
    unknowns: 0,
    waits: 0,
    expiring_claims: false,
    has_lock: false,
};

#[test]
fn protocol_sends_one_request_without_faults() {
    for has_lock in [false, true] {
        let finals = explore(Faults { has_lock, ..NO_FAULTS });
        assert!(!finals.is_empty());
        for world in finals {
            assert_eq!(request_count(&world), 1);
            assert!(world.hosts.iter().all(|host| matches!(host.next, Next::Done(_))));
            assert!(world.document.claim.is_none() && world.document.intents.is_empty());
        }
    }
}

/// Without refusals, each request but the first one needs a wait that has ended.
#[test]
fn protocol_sends_at_most_one_more_request_for_each_wait_that_ends() {
    for (has_lock, expiring_claims, waits) in
        [(false, false, 0), (false, false, 2), (false, true, 1), (true, false, 0), (true, false, 2)]
    {
        let faults =
            Faults { crashes: 1, unknowns: 1, waits, expiring_claims, has_lock, ..NO_FAULTS };
        let mut max = 0;
        for world in explore(faults) {
            max = max.max(request_count(&world));
            assert!(request_count(&world) <= 1 + waits);
            let mut alive = world.hosts.iter().filter(|host| !matches!(host.next, Next::Crashed));
            assert!(alive.all(|host| matches!(host.next, Next::Done(_) | Next::Unknown)));
        }
        assert_eq!(max, 1 + waits, "the worst case was explored");
    }
}

#[test]
fn protocol_sends_at_most_one_more_request_for_each_crash() {
    let mut max = 0;
    for world in explore(Faults { crashes: 1, waits: 2, ..NO_FAULTS }) {
        max = max.max(request_count(&world));
        assert!(request_count(&world) <= 1 + crash_count(&world));
    }
    assert_eq!(max, 2, "the worst case was explored");
}

#[test]
fn protocol_keeps_the_clients_of_all_hosts_if_one_is_slow() {
    let mut max = 0;
    for world in explore(Faults { expiring_claims: true, waits: 2, ..NO_FAULTS }) {
        let saved = world.document.registrations.len() + world.document.retired().count();
        assert!(saved + crash_count(&world) >= request_count(&world));
        max = max.max(saved);
    }
    assert_eq!(max, 3, "the worst case was explored");
}

#[test]
fn protocol_releases_the_claim_and_the_intent_after_a_refused_request() {
    for has_lock in [false, true] {
        for world in explore(Faults { refusals: 2, has_lock, ..NO_FAULTS }) {
            assert_eq!(request_count(&world), 1 + refusal_count(&world));
            assert!(world.document.claim.is_none() && world.document.intents.is_empty());
            let has_waited = world.hosts.iter().any(|host| host.protocol.right.expired().is_some());
            assert!(!has_waited, "no host waited for a claim to expire");
        }
    }
}

/// A refusal neither hides an earlier unknown outcome nor restarts its wait.
#[test]
fn protocol_keeps_the_intent_of_an_unknown_outcome_after_a_refused_request() {
    let mut kept = 0;
    for world in explore(Faults { unknowns: 1, refusals: 1, waits: 1, ..NO_FAULTS }) {
        let is_unknown = world.hosts.iter().any(|host| host.request == Request::Unknown);
        let is_registered = world.hosts.iter().any(|host| host.request == Request::Registered);
        assert_eq!(world.document.intents.is_empty(), !is_unknown || is_registered);
        kept += usize::from(is_unknown && refusal_count(&world) == 1);
    }
    assert!(kept > 0, "a refusal after an unknown outcome was explored");
}

#[test]
fn protocol_loses_no_secret_to_store_faults() {
    let mut unsaved = 0;
    let slow = explore(Faults { store: 1, expiring_claims: true, waits: 1, ..NO_FAULTS });
    let crashing = explore(Faults { store: 1, crashes: 1, ..NO_FAULTS });
    let locked = explore(Faults { store: 1, crashes: 1, waits: 1, has_lock: true, ..NO_FAULTS });
    for world in slow.iter().chain(&crashing).chain(&locked) {
        let has_unsaved = |host: &&Host| matches!(host.next, Next::Failed(Some(_)));
        unsaved += world.hosts.iter().filter(has_unsaved).count();
        assert!(request_count(world) <= 2, "each needs a wait that has ended");
    }
    assert!(unsaved > 0, "errors that hold a client were explored");
}
