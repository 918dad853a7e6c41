//! Every way that three hosts can go through the protocol, one step at a time.
//!
//! A step is one access to the store or one request. Between any two steps of a host the others
//! may do any number of theirs; a host may crash before or after any step; an answer of the store
//! may be lost, or be an error though the write took effect; a claim may run out under a host that
//! is only slow. States that were seen are not gone through again.

mod world;

use std::collections::{HashMap, HashSet};

use self::world::{Faults, Next, World};

/// Goes through all states; returns those where everything is over.
fn explore(faults: Faults) -> Vec<World> {
    let start = World::new(faults);
    let mut indices = HashMap::from([(start.key(), 0_usize)]);
    let mut before: Vec<Vec<usize>> = vec![Vec::new()];
    let mut queue = vec![(0, start)];
    let (mut over, mut ends) = (Vec::new(), Vec::new());
    while let Some((index, world)) = queue.pop() {
        world.check(faults.store == 0);
        if world.is_over() {
            ends.push(index);
            over.push(world);
            continue;
        }
        for next in world.successors() {
            let known = indices.len();
            let next_index = *indices.entry(next.key()).or_insert(known);
            if next_index == known {
                before.push(Vec::new());
                queue.push((known, next));
            }
            before[next_index].push(index);
        }
    }
    // From every state there is a way to the end: no one waits for ever.
    let mut reached: HashSet<_> = ends.iter().copied().collect();
    while let Some(index) = ends.pop() {
        ends.extend(before[index].iter().filter(|index| reached.insert(**index)));
    }
    assert_eq!(reached.len(), indices.len(), "states without a way out");
    over
}

fn posts(world: &World) -> usize {
    world.hosts.iter().filter(|host| host.has_posted).count()
}

fn crashed(world: &World) -> usize {
    world.hosts.iter().filter(|host| matches!(host.next, Next::Crashed)).count()
}

const NONE: Faults = Faults { crashes: 0, store: 0, refusals: 0, slow: false };

#[test]
fn without_faults_there_is_one_request_and_one_answer() {
    let over = explore(NONE);
    assert!(!over.is_empty());
    for world in over {
        assert_eq!(posts(&world), 1);
        assert!(world.hosts.iter().all(|host| matches!(host.next, Next::Done(_))));
        assert!(world.document.claim.is_none());
    }
}

#[test]
fn crashes_cost_a_request_each_at_most_and_block_no_one() {
    let mut most = 0;
    for world in explore(Faults { crashes: 2, ..NONE }) {
        most = most.max(posts(&world));
        assert!(posts(&world) <= 1 + crashed(&world));
        let alive = world.hosts.iter().filter(|host| !matches!(host.next, Next::Crashed));
        assert!(alive.clone().all(|host| matches!(host.next, Next::Done(_))));
    }
    assert_eq!(most, 3, "the worst case was gone through");
}

#[test]
fn a_slow_host_overwrites_no_one() {
    let mut lost_race = 0;
    for world in explore(Faults { slow: true, crashes: 1, ..NONE }) {
        assert!(world.document.registrations.len() >= posts(&world) - crashed(&world));
        lost_race = lost_race.max(world.document.registrations.len());
    }
    assert_eq!(lost_race, 3, "the worst case was gone through");
}

#[test]
fn a_refused_request_lets_the_next_try_at_once() {
    for world in explore(Faults { refusals: 2, ..NONE }) {
        assert_eq!(posts(&world), 1);
        assert!(world.document.claim.is_none());
        assert!(world.hosts.iter().all(|host| host.protocol.dead.is_none()), "none had to wait");
    }
}

#[test]
fn lost_answers_and_errors_of_the_store_lose_no_secret() {
    let mut held = 0;
    let slow = explore(Faults { store: 1, slow: true, ..NONE });
    let crashing = explore(Faults { store: 1, crashes: 1, ..NONE });
    for world in slow.iter().chain(&crashing) {
        held +=
            world.hosts.iter().filter(|host| matches!(host.next, Next::Failed(Some(_)))).count();
    }
    assert!(held > 0, "errors that hold a client were gone through");
}
