//! A conformance suite for stores.

mod lock;
mod once;
mod text;

use std::{fmt, time::Duration};

use futures_util::future::join_all;

use crate::store::{RegistrationStore, StoreLock, Versioned, WriteResult};

/// How many use the store at once.
const HANDLES: usize = 16;
/// How long a handle waits for the others.
const WAIT: Duration = Duration::from_secs(30);

/// Puts a store through what [`register_once`](crate::Client::register_once) relies on: texts that
/// come back as they were, writes that replace only what was read, a lock that is exclusive and
/// freed when its holder is gone, and then many handles that register at once.
///
/// Each call of `open` returns another handle to the same place, as another process would have it;
/// the place is empty at first, and full of what was tried at the end. It takes a second or so,
/// plus some 800 accesses to the store.
///
/// # Panics
///
/// Where the store breaks a rule, with the rule, what happened, and what to do.
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
    text::is_empty(&open).await;
    lock::check(&open).await;
    text::check(&open).await;
    lock::one_at_a_time(&open).await;
    once::check(&open).await;
}

/// What a store has to do, and what its author does about it where it does not.
#[derive(Clone, Copy)]
struct Rule {
    says: &'static str,
    mend: &'static str,
}

impl Rule {
    fn broken(self, how: impl fmt::Display) -> ! {
        panic!("check_store: {}. Here, {how}. {}", self.says, self.mend)
    }

    /// What a call returned, which has to have worked.
    fn worked<T, E: fmt::Display>(self, what: &str, result: Result<T, E>) -> T {
        match result {
            Ok(value) => value,
            Err(error) => self.broken(format!("{what} failed: {error}")),
        }
    }

    /// What the store has, which has to be something.
    async fn read<S: RegistrationStore>(self, store: &S) -> Versioned {
        match self.worked("a read", store.read().await) {
            Some(stored) => stored,
            None => self.broken("a read returned None although a text had been written"),
        }
    }

    async fn holds<S: RegistrationStore>(self, store: &S, text: &str) {
        let found = self.read(store).await;
        if found.expose() != text {
            self.broken(difference(found.expose(), text));
        }
    }

    async fn lock<S: RegistrationStore>(self, store: &S) -> Option<StoreLock> {
        self.worked("a lock that nobody holds for long", store.lock(WAIT).await)
    }

    /// Writes as this crate does: under the lock, where there is one.
    async fn write<S: RegistrationStore>(
        self,
        store: &S,
        text: &str,
        expected: Option<&Versioned>,
    ) -> WriteResult {
        let _lock = self.lock(store).await;
        self.worked("a write", store.write(text, expected).await)
    }

    async fn writes<S: RegistrationStore>(
        self,
        store: &S,
        text: &str,
        expected: Option<&Versioned>,
    ) {
        if self.write(store, text, expected).await == WriteResult::Conflict {
            self.broken("a write that expected what was there returned Conflict");
        }
    }

    async fn refuses<S: RegistrationStore>(
        self,
        store: &S,
        text: &str,
        expected: Option<&Versioned>,
    ) {
        if self.write(store, text, expected).await == WriteResult::Written {
            let expected = if expected.is_some() { "an earlier text" } else { "nothing" };
            self.broken(format!("a write that expected {expected} returned Done"));
        }
    }
}

/// Runs a task for each handle, all at once, and returns what each returned.
async fn at_once<S, T, F>(
    open: &impl Fn() -> S,
    count: usize,
    task: impl Fn(usize, S) -> F,
) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks = (0..count).map(|i| tokio::spawn(task(i, open())));
    let ended = join_all(tasks.collect::<Vec<_>>()).await.into_iter();
    ended
        .map(|ended| match ended {
            Ok(value) => value,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        })
        .collect()
}

/// Where two texts part, without showing them whole.
fn difference(found: &str, text: &str) -> String {
    let at = found.bytes().zip(text.bytes()).take_while(|(a, b)| a == b).count();
    let (found, text) = (found.len(), text.len());
    format!("a text of {text} bytes came back as one of {found}, which differs from byte {at} on")
}
