//! Explores every way that three hosts can replace a token, log in and log out, one step at a time,
//! with a server that rotates refresh tokens.
//!
//! A step is one access to the store, the arrival of a request at the server, or the arrival of its
//! response. Each fault happens at any time: a crash, a response of the store that is lost or is an
//! error, a request that the server refuses or that has no response, the end of the login at the
//! server, a token that expires at once, and a claim that expires although its owner is only slow.

mod faults;
mod host;
mod server;
mod world;

use self::{faults::Faults, host::Next, world::World};
use crate::store::model::explore_from;

const NO_FAULTS: Faults = Faults {
    crashes: 0,
    store: 0,
    lost: 0,
    refusals: 0,
    ended: 0,
    expired: 0,
    calls: 0,
    expiring_claims: false,
    revokes_reused: true,
    has_lock: false,
};

fn explore(tasks: &str, faults: Faults) -> Vec<World> {
    explore_from(World::new(tasks, faults))
}

#[test]
fn session_sends_one_request_without_faults() {
    for has_lock in [false, true] {
        let finals = explore("obtain obtain obtain", Faults { has_lock, ..NO_FAULTS });
        assert!(!finals.is_empty());
        for world in finals {
            assert_eq!(world.requests(), ["r0"]);
            assert!(world.hosts.iter().all(|host| host.next == Next::Done("a1")));
            assert_eq!(world.stored(), "a1 r1");
        }
    }
}

#[test]
fn session_sends_one_request_for_each_token_that_expires() {
    for has_lock in [false, true] {
        let finals = explore("obtain obtain obtain", Faults { expired: 2, has_lock, ..NO_FAULTS });
        assert!(finals.iter().any(|world| world.requests() == ["r0", "r1", "r2"]));
        assert!(finals.iter().all(|world| !world.is_login_lost()));
    }
}

/// The window of a crash: the server has replaced the refresh token, and the new one is not saved.
#[test]
fn session_loses_a_login_only_if_a_rotated_token_was_not_saved() {
    for (has_lock, revokes_reused) in [(false, true), (true, true), (false, false)] {
        let faults = Faults { crashes: 2, has_lock, revokes_reused, ..NO_FAULTS };
        let crashing = explore("obtain obtain obtain", faults);
        let faults = Faults { lost: 1, refusals: 1, has_lock, revokes_reused, ..NO_FAULTS };
        let unanswered = explore("obtain obtain obtain", faults);
        for finals in [crashing, unanswered] {
            let lost = finals.iter().filter(|world| world.is_login_lost()).count();
            assert!(lost > 0 && lost < finals.len(), "{lost} of {}", finals.len());
        }
    }
}

#[test]
fn session_keeps_the_login_if_a_host_is_slow() {
    let slow = Faults { expiring_claims: true, revokes_reused: false, ..NO_FAULTS };
    let finals = explore("obtain obtain obtain", slow);
    assert!(finals.iter().any(World::has_sent_twice), "the worst case was explored");
    assert!(finals.iter().all(|world| !world.is_login_lost()));
    // A server that ends the login when a refresh token is used twice ends it here.
    let strict = Faults { expiring_claims: true, ..NO_FAULTS };
    assert!(explore("obtain obtain obtain", strict).iter().any(World::is_login_lost));
}

#[test]
fn session_saves_a_token_that_an_earlier_call_could_not_save() {
    for (has_lock, crashes) in [(false, 0), (true, 0), (false, 1), (true, 1)] {
        let faults = Faults { store: 1, crashes, calls: 1, has_lock, ..NO_FAULTS };
        let finals = explore("obtain obtain", faults);
        let saved_later = |world: &World| world.has_failed_to_save() && !world.is_login_lost();
        assert!(finals.iter().any(saved_later));
        assert!(crashes > 0 || finals.iter().all(|world| !world.is_unsaved_lost()));
    }
}

#[test]
fn session_sends_nothing_more_after_the_login_has_ended() {
    for has_lock in [false, true] {
        let faults = Faults { ended: 1, store: 1, calls: 1, has_lock, ..NO_FAULTS };
        let finals = explore("obtain obtain", faults);
        let refused = finals.iter().filter(|world| world.stored() == "a0").count();
        assert!(refused > 0);
        let finals = explore("obtain obtain obtain", Faults { ended: 1, has_lock, ..NO_FAULTS });
        for world in finals.iter().filter(|world| world.stored() == "a0") {
            assert_eq!(world.requests(), ["r0"]);
            assert!(world.hosts.iter().all(|host| host.next == Next::LoginRequired));
        }
    }
}

#[test]
fn session_keeps_the_login_that_follows_a_refresh() {
    for tasks in ["obtain obtain login", "obtain login login"] {
        for (has_lock, expiring_claims) in [(false, false), (false, true), (true, false)] {
            let crashes = usize::from(!expiring_claims);
            let faults = Faults { crashes, expiring_claims, has_lock, ..NO_FAULTS };
            for world in explore(tasks, faults) {
                let has_login = world.hosts.iter().any(|host| host.has_logged_in);
                assert!(!has_login || world.stored().contains('r'), "{}", world.stored());
            }
        }
    }
}

#[test]
fn session_is_logged_out_after_a_logout() {
    for (has_lock, expiring_claims) in [(false, false), (false, true), (true, false)] {
        let faults = Faults { has_lock, expiring_claims, store: 1, calls: 1, ..NO_FAULTS };
        for world in explore("obtain logout", faults) {
            let logout = &world.hosts[1].next;
            assert!(*logout != Next::LoggedOut || world.stored().is_empty(), "{}", world.stored());
        }
        let faults = Faults { store: 0, calls: 0, ..faults };
        let finals = explore("obtain login logout", faults);
        assert!(finals.iter().any(|world| world.stored().is_empty()));
        assert!(finals.iter().any(|world| world.stored().contains('r')));
    }
}

#[test]
fn session_replaces_a_refused_token_once() {
    for has_lock in [false, true] {
        for world in explore("replace replace obtain", Faults { has_lock, ..NO_FAULTS }) {
            assert_eq!((world.requests(), &*world.stored()), (vec!["r0"], "a1 r1"));
            assert!(world.hosts[..2].iter().all(|host| host.next == Next::Done("a1")));
        }
        // The refused token is of no more use if it cannot be replaced.
        let finals = explore("replace replace", Faults { ended: 1, has_lock, ..NO_FAULTS });
        assert!(finals.iter().any(|world| world.stored().is_empty()));
        for world in finals.iter().filter(|world| world.stored() != "a1 r1") {
            assert_eq!((world.requests(), &*world.stored()), (vec!["r0"], ""));
            assert!(world.hosts.iter().all(|host| host.next == Next::LoginRequired));
        }
    }
}

/// Also if the token has expired when it arrives, if another login was faster, and if a write took
/// effect although it seemed to fail.
#[test]
fn session_requires_no_login_after_it_received_a_token() {
    for (has_lock, store) in [(false, 0), (false, 1), (true, 0), (true, 1)] {
        let unsaved = Faults { expired: 1, store, has_lock, ..NO_FAULTS };
        let slow = Faults { expiring_claims: !has_lock, has_lock, ..NO_FAULTS };
        let finals = explore("obtain obtain", unsaved).into_iter();
        for world in finals.chain(explore("obtain login login", slow)) {
            let mut received = world.hosts.iter().filter(|host| host.has_received);
            assert!(received.all(|host| host.next != Next::LoginRequired), "{}", world.stored());
        }
    }
}

/// Otherwise the other hosts would wait until the claim expires. `World::check` finds a claim that is
/// left.
#[test]
fn session_removes_a_claim_that_it_seemed_to_fail_to_write() {
    let finals = explore("obtain obtain", Faults { store: 1, ..NO_FAULTS });
    let failed = |world: &World| world.hosts.iter().any(|host| host.has_failed_to_claim);
    assert!(finals.iter().any(failed));
}
