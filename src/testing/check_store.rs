//! A conformance suite for stores.

use std::{fmt::Display, panic::resume_unwind, time::Duration};

use futures_util::future::join_all;
use tokio::time::{sleep, timeout};

use crate::{
    error::StoreErrorKind,
    store::{RegistrationStore, StoreLock, Versioned, WriteResult},
};

/// How many handles use the store at the same time, and how often.
const HANDLES: usize = 16;
const RACES: usize = 8;
/// Waits for a lock that becomes free, and for one that stays taken, which may end later by `GRACE`.
const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(200);
const GRACE: Duration = Duration::from_secs(5);

const EMPTY: &str = "A read of an empty store returns None. `open` must open an empty store, and the \
    read must return neither an error nor an empty text.";
const EXACT: &str = "Every handle reads a text exactly as it was written. Store it as bytes, or as \
    text without a size limit and without changes to line ends or characters.";
const STALE: &str = "A write replaces only the text that was read before it, and otherwise changes \
    nothing. Compare the version in the step that writes, as UPDATE … WHERE version = … does, and \
    return Conflict if nothing was changed.";
const RACE: &str = "If several handles write at the same time, exactly one succeeds. Compare and \
    write in one step, and create in one step, as INSERT or a file opened with create_new does.";
const LOCKED: &str = "While a handle holds the lock, other handles fail with StoreErrorKind::Busy \
    after `wait`. Lock the store, not the handle. If the storage has no locks, do not implement `lock`.";
const FREED: &str = "A dropped lock is free, and a waiting handle gets it. Release it when the value \
    that `lock` returned is dropped.";
/// Checks that a store does what [`register_once`](crate::Client::register_once) relies on: exact
/// texts, atomic writes, and an exclusive lock, if it has one.
///
/// Each call of `open` returns a new handle to the same store, as another process would have it. The
/// store must be empty, and has arbitrary contents afterwards. The check takes about a second and a
/// few hundred accesses.
///
/// # Panics
///
/// Panics if the store breaks a rule, with what happened, the rule, and what to do.
///
/// # Examples
///
/// ```
/// use poggio::{FileStore, testing::check_store};
///
/// # #[tokio::main]
/// # async fn main() {
/// # let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("client.json");
/// check_store(|| FileStore::new(&path).unwrap()).await;
/// # }
/// ```
pub async fn check_store<S: RegistrationStore + 'static>(open: impl Fn() -> S) {
    if succeed(EMPTY, open().read().await).is_some() {
        fail(EMPTY, "the first read returned a text");
    }
    check_lock(&open).await;
    for race in 0..RACES {
        check_race(&open, race).await;
    }
    check_stale_write(&open).await;
    check_exact_texts(&open).await;
}

async fn check_lock<S: RegistrationStore + 'static>(open: &impl Fn() -> S) {
    let Some(held) = lock(LOCKED, &open()).await else { return };
    match timeout(SHORT + GRACE, open().lock(SHORT)).await {
        Ok(Err(error)) if error.kind() == StoreErrorKind::Busy => {}
        Ok(Err(error)) => fail(LOCKED, format!("the error kind is {:?}: {error}", error.kind())),
        Ok(Ok(Some(_))) => fail(LOCKED, "a second handle got the lock"),
        Ok(Ok(None)) => fail(LOCKED, "one handle has a lock, and another has none"),
        Err(_) => fail(LOCKED, format!("a wait of {SHORT:?} took more than {GRACE:?}")),
    }
    let waiter = open();
    let waiting = tokio::spawn(async move { lock(FREED, &waiter).await.is_some() });
    sleep(SHORT).await;
    drop(held);
    if !waiting.await.unwrap_or_else(|error| resume_unwind(error.into_panic())) {
        fail(FREED, "one handle has a lock, and another has none");
    }
}

async fn check_race<S: RegistrationStore + 'static>(open: &impl Fn() -> S, race: usize) {
    let before = succeed(RACE, open().read().await);
    let text = move |handle| format!("race {race}, handle {handle}");
    let results = at_once(open, |handle, store| {
        let before = before.clone();
        async move { write(RACE, &store, &text(handle), before.as_ref()).await }
    });
    let results = results.await.into_iter().enumerate();
    let winners = results.filter(|(_, result)| *result == WriteResult::Written);
    let winners: Vec<_> = winners.map(|(handle, _)| handle).collect();
    let [winner] = winners[..] else {
        fail(RACE, format!("{} of {HANDLES} returned Written", winners.len()));
    };
    holds(RACE, &open(), &text(winner)).await;
}

/// All texts have the same length, so that a store cannot tell them apart by that.
async fn check_stale_write<S: RegistrationStore>(open: &impl Fn() -> S) {
    let (first, second) = (open(), open());
    replace(STALE, &first, "a").await;
    let read = succeed(STALE, first.read().await);
    replace(STALE, &second, "b").await;
    for expected in [read.as_ref(), None] {
        if write(STALE, &first, "c", expected).await == WriteResult::Written {
            let expected = if expected.is_some() { "an earlier text" } else { "an empty store" };
            fail(STALE, format!("a write that expected {expected} returned Written"));
        }
        holds(STALE, &first, "b").await;
        holds(STALE, &open(), "b").await;
    }
    replace(STALE, &first, "d").await;
    holds(STALE, &second, "d").await;
}

async fn check_exact_texts<S: RegistrationStore>(open: &impl Fn() -> S) {
    for text in [
        "{\"quoted\": \"\\\" ' ` \\\\ %s $1 ; --\"}\n",
        "  ends\r\nof\tlines\n\n",
        "Übergröße, e\u{301} and é, 登録, 🔑, \u{7f}",
        &"a line that is one of many é\n".repeat(1024 * 1024 / 30 + 1),
        "short",
    ] {
        replace(EXACT, &open(), text).await;
        holds(EXACT, &open(), text).await;
    }
}

fn fail(rule: &str, found: impl Display) -> ! {
    panic!("check_store: {found}. {rule}")
}

fn succeed<T, E: Display>(rule: &str, result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| fail(rule, error))
}

async fn lock<S: RegistrationStore>(rule: &str, store: &S) -> Option<StoreLock> {
    succeed(rule, store.lock(LONG).await)
}

/// Writes as `register_once` does: under the lock, if there is one.
async fn write<S: RegistrationStore>(
    rule: &str,
    store: &S,
    text: &str,
    expected: Option<&Versioned>,
) -> WriteResult {
    let _lock = lock(rule, store).await;
    succeed(rule, store.write(text, expected).await)
}

async fn replace<S: RegistrationStore>(rule: &str, store: &S, text: &str) {
    let read = succeed(rule, store.read().await);
    if write(rule, store, text, read.as_ref()).await == WriteResult::Conflict {
        fail(rule, "a write that expected the current text returned Conflict");
    }
}

async fn holds<S: RegistrationStore>(rule: &str, store: &S, text: &str) {
    let Some(read) = succeed(rule, store.read().await) else {
        fail(rule, "a read returned None although a text was written");
    };
    let found = read.expose();
    if found != text {
        let at = found.bytes().zip(text.bytes()).take_while(|(a, b)| a == b).count();
        let (found, text) = (found.len(), text.len());
        fail(
            rule,
            format!("{text} bytes were written and {found} read; they differ from byte {at} on"),
        );
    }
}

/// Runs a task for each handle at the same time, and returns their results.
async fn at_once<S, T, F>(open: &impl Fn() -> S, task: impl Fn(usize, S) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks = (0..HANDLES).map(|handle| tokio::spawn(task(handle, open()))).collect::<Vec<_>>();
    let results = join_all(tasks).await.into_iter();
    results.map(|result| result.unwrap_or_else(|error| resume_unwind(error.into_panic()))).collect()
}
