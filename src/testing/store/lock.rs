//! A store's lock, where it has one.

use std::time::Duration;

use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};

use super::{HANDLES, Rule, WAIT, at_once};
use crate::{
    StoreErrorKind,
    store::{RegistrationStore, StoreLock, WriteResult},
};

/// What a handle waits for a lock that it is not to get.
const SHORT: Duration = Duration::from_millis(200);
/// How late it may say so, on a machine that is busy.
const GRACE: Duration = Duration::from_secs(5);

const EXCLUSIVE: Rule = Rule {
    says: "While a handle holds the lock no other gets it",
    mend: "Lock the place, not the handle: another process has a handle of its own. A store \
           without such a lock leaves `lock` as it is.",
};
const BUSY: Rule = Rule {
    says: "A lock that is not to be had in time is an error of the kind Busy when `wait` is over",
    mend: "Try again until `wait` is over, then return \
           StoreError::new(…).with_kind(StoreErrorKind::Busy).",
};
const FREED: Rule = Rule {
    says: "A lock is free as soon as its holder drops it, or is gone, and who waits for it gets it",
    mend: "Free it in the Drop of what `lock` returns, or let it hold a file, or a connection, \
           whose end frees it.",
};

pub(super) async fn check<S: RegistrationStore + 'static>(open: &impl Fn() -> S) {
    let Some(held) = EXCLUSIVE.lock(&open()).await else { return };
    is_busy(&open()).await;
    drop(held);

    // Dropped while another waits.
    let held = lock(&open()).await;
    let waiter = open();
    let waiting = tokio::spawn(async move { lock(&waiter).await });
    tokio::time::sleep(SHORT).await;
    drop(held);
    match waiting.await {
        Ok(lock) => drop(lock),
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }

    // Held by a task that is aborted.
    let holder = open();
    let (tell, told) = oneshot::channel();
    let holding = tokio::spawn(async move {
        let _held = lock(&holder).await;
        let _ = tell.send(());
        std::future::pending::<()>().await;
    });
    let _ = told.await;
    is_busy(&open()).await;
    holding.abort();
    let _ = holding.await;
    drop(lock(&open()).await);
}

/// Every handle takes the lock, reads, and replaces what it read: none meets another.
pub(super) async fn one_at_a_time<S: RegistrationStore + 'static>(open: &impl Fn() -> S) {
    let add = |i: usize, store: S| async move {
        let lock = EXCLUSIVE.lock(&store).await;
        if lock.is_none() {
            return WriteResult::Written;
        }
        let read = EXCLUSIVE.read(&store).await;
        tokio::task::yield_now().await;
        let written = store.write(&format!("counted by {i}"), Some(&read)).await;
        EXCLUSIVE.worked("a write under the lock", written)
    };
    for written in at_once(open, HANDLES, add).await {
        if written == WriteResult::Conflict {
            EXCLUSIVE.broken("another wrote between a read and a write under the lock");
        }
    }
}

async fn lock<S: RegistrationStore>(store: &S) -> StoreLock {
    match FREED.worked("a lock that was dropped", store.lock(WAIT).await) {
        Some(lock) => lock,
        None => EXCLUSIVE.broken("one handle has a lock and the next has none"),
    }
}

async fn is_busy<S: RegistrationStore>(store: &S) {
    let start = Instant::now();
    let Ok(answer) = timeout(SHORT + GRACE, store.lock(SHORT)).await else {
        BUSY.broken(format!("a wait of {SHORT:?} had not ended after {:?}", start.elapsed()));
    };
    match answer {
        Ok(Some(_)) => EXCLUSIVE.broken("a second handle got it"),
        Ok(None) => EXCLUSIVE.broken("one handle has a lock and the next has none"),
        Err(error) if error.kind() != StoreErrorKind::Busy => {
            BUSY.broken(format!("the error was of the kind {:?}: {error}", error.kind()));
        }
        Err(_) => {}
    }
}
