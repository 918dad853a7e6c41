//! The conformance suite for stores: correct stores pass, and a store with a fault breaks its rule.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use poggio::{
    FileStore, RegistrationStore, StoreError, StoreErrorKind,
    store::{
        SharedStore, StoreFuture, StoreLock, Versioned, WriteResult, object_store::memory::InMemory,
    },
    testing::check_store,
};
use tokio::sync::Semaphore;

#[path = "../../../examples/own_store/sqlite.rs"]
mod sqlite;

#[tokio::test(flavor = "multi_thread")]
async fn check_store_accepts_file_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("client.json");
    check_store(|| FileStore::new(&path).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_store_accepts_shared_store() {
    let bucket = Arc::new(InMemory::new());
    check_store(|| SharedStore::new(bucket.clone(), "poggio/acme.json").unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_store_accepts_example_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("acme.sqlite");
    check_store(|| sqlite::SqliteStore(path.clone())).await;
}

#[cfg(unix)]
#[tokio::test]
async fn example_store_is_readable_by_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("acme.sqlite");
    sqlite::SqliteStore(path.clone()).read().await.unwrap();
    let permissions = path.metadata().unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&permissions) & 0o777, 0o600);
}

#[tokio::test]
async fn check_store_accepts_memory_store_without_faults() {
    for fault in [None, Some(NoLock)] {
        let place = Place::new(fault);
        check_store(|| place.open()).await;
    }
}

/// Faults, what the suite finds, and the rule.
const FAULTS: &[(Fault, &str, &str)] = &[
    (ReadsEmptyText, "the first read returned a text", EMPTY),
    (FailsToRead, "the store is out of order", EMPTY),
    (IgnoresExpected, "16 of 16 returned Written", RACE),
    (LooksThenCreates, "16 of 16 returned Written", RACE),
    (ComparesThenWrites, "16 of 16 returned Written", RACE),
    (ReadsNothing, "a read returned None although a text was written", RACE),
    (WritesOnlyOnce, "16 of 16 returned Written", RACE),
    (RefusesEverything, "0 of 16 returned Written", RACE),
    (CreatesInTheEnd, "a write that expected an empty store returned Written", STALE),
    (WritesOverAnother, "16 of 16 returned Written", RACE),
    (ComparesLengths, "a write that expected an earlier text returned Written", STALE),
    (WritesThenRefuses, "16 bytes were written and 17 read; they differ from byte 15 on", RACE),
    (CachesReads, "1 bytes were written and 16 read; they differ from byte 0 on", STALE),
    (CutsText, "1048590 bytes were written and 67795 read; they differ from byte 67795 on", EXACT),
    (TrimsText, "35 bytes were written and 34 read; they differ from byte 34 on", EXACT),
    (ConvertsLines, "18 bytes were written and 17 read; they differ from byte 6 on", EXACT),
    (LocksHandleOnly, "a second handle got the lock", LOCKED),
    (LocksNothingWhenHeld, "one handle has a lock, and another has none", LOCKED),
    (LockFails, "the error kind is Failed: the store is locked", LOCKED),
    (LockWaits, "a wait of 200ms took more than 5s", LOCKED),
    (LockStays, "the store is locked", FREED),
];

const EMPTY: &str = "A read of an empty store returns None.";
const RACE: &str = "If several handles write at the same time, exactly one succeeds.";
const STALE: &str = "A write replaces only the text that was read before it, ";
const EXACT: &str = "Every handle reads a text exactly as it was written.";
const LOCKED: &str = "While a handle holds the lock, other handles fail";
const FREED: &str = "A dropped lock is free, and a waiting handle gets it.";

/// Returns the message of the suite for a store with this fault.
fn message(fault: Fault) -> Option<String> {
    let waits_long = matches!(fault, LockWaits | LockStays);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(waits_long).build();
    let place = Place::new(Some(fault));
    let checked = runtime.unwrap().block_on(async {
        tokio::spawn(async move { check_store(move || place.open()).await }).await
    });
    Some(checked.err()?.into_panic().downcast_ref::<String>().unwrap().clone())
}

#[test]
fn check_store_finds_each_fault() {
    let checks = FAULTS.iter().map(|row| (row, std::thread::spawn(|| message(row.0))));
    let checks: Vec<_> = checks.collect();
    let mut wrong = Vec::new();
    for ((fault, found, rule), check) in checks {
        let message = check.join().unwrap().unwrap_or_default();
        if !message.starts_with(&format!("check_store: {found}")) || !message.contains(rule) {
            wrong.push(format!("{fault:?}: {message:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn check_store_message_has_what_happened_the_rule_and_the_remedy() {
    insta::assert_snapshot!(message(CreatesInTheEnd).unwrap(), @"check_store: a write that expected an empty store returned Written. A write replaces only the text that was read before it, and otherwise changes nothing. Compare the version in the step that writes, as UPDATE … WHERE version = … does, and return Conflict if nothing was changed.");
}

/// The fault of a store.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// It has no lock, which is allowed.
    NoLock,
    ReadsEmptyText,
    FailsToRead,
    IgnoresExpected,
    LooksThenCreates,
    /// After many writes.
    CreatesInTheEnd,
    ReadsNothing,
    WritesOnlyOnce,
    CutsText,
    TrimsText,
    ConvertsLines,
    RefusesEverything,
    WritesOverAnother,
    WritesThenRefuses,
    CachesReads,
    ComparesThenWrites,
    ComparesLengths,
    LocksHandleOnly,
    LocksNothingWhenHeld,
    LockFails,
    LockWaits,
    LockStays,
}
use Fault::*;

/// The storage that all handles share.
struct Place {
    fault: Option<Fault>,
    row: Mutex<Row>,
    lock: Arc<Semaphore>,
}

#[derive(Default)]
struct Row {
    text: Option<String>,
    version: usize,
    writes: usize,
}

/// A handle. All tasks run on one thread, so only an `await` lets another handle run.
struct Memory {
    place: Arc<Place>,
    lock: Arc<Semaphore>,
    cached: Mutex<Option<Versioned>>,
}

impl Place {
    fn new(fault: Option<Fault>) -> Arc<Self> {
        Arc::new(Self { fault, row: Mutex::default(), lock: Arc::new(Semaphore::new(1)) })
    }

    fn open(self: &Arc<Self>) -> Memory {
        let lock = match self.fault {
            Some(LocksHandleOnly) => Arc::new(Semaphore::new(1)),
            _ => Arc::clone(&self.lock),
        };
        Memory { place: Arc::clone(self), lock, cached: Mutex::default() }
    }

    /// Whether a write takes place.
    fn accepts(&self, expected: Option<&Versioned>) -> bool {
        let mut row = self.row.lock().unwrap();
        row.writes += 1;
        let is_same = match (&row.text, expected) {
            (None, None) => true,
            (Some(_), Some(expected)) => expected.version() == row.version.to_string(),
            _ => false,
        };
        match (self.fault, &row.text, expected) {
            (Some(IgnoresExpected), ..) | (Some(WritesOverAnother), _, Some(_)) => true,
            (Some(CreatesInTheEnd), _, None) => is_same || row.writes > 100,
            (Some(RefusesEverything), ..) => false,
            (Some(ComparesLengths), Some(text), Some(expected)) => {
                is_same || (text.len() == 1 && expected.expose().len() == 1)
            }
            _ => is_same,
        }
    }

    fn put(&self, text: &str) {
        let mut row = self.row.lock().unwrap();
        let text = match self.fault {
            Some(WritesOnlyOnce) if row.text.is_some() => return,
            Some(CutsText) => text.chars().take(65536).collect(),
            Some(TrimsText) => text.trim().to_owned(),
            Some(ConvertsLines) => text.replace("\r\n", "\n"),
            _ => text.to_owned(),
        };
        row.text = Some(text);
        row.version += 1;
    }
}

impl RegistrationStore for Memory {
    fn read(&self) -> StoreFuture<'_, Option<Versioned>> {
        Box::pin(async move {
            let row = self.place.row.lock().unwrap();
            let text = row.text.clone();
            let stored = text.map(|text| Versioned::new(text, row.version.to_string()));
            match self.place.fault {
                Some(ReadsNothing) => Ok(None),
                Some(FailsToRead) => Err(StoreError::new("is out of order")),
                Some(ReadsEmptyText) => {
                    Ok(Some(stored.unwrap_or_else(|| Versioned::new(String::new(), "0"))))
                }
                Some(CachesReads) => {
                    let mut cached = self.cached.lock().unwrap();
                    *cached = cached.take().or(stored);
                    Ok(cached.clone())
                }
                _ => Ok(stored),
            }
        })
    }

    fn write<'a>(
        &'a self,
        text: &'a str,
        expected: Option<&'a Versioned>,
    ) -> StoreFuture<'a, WriteResult> {
        Box::pin(async move {
            let (place, fault) = (&self.place, self.place.fault);
            let accepts = place.accepts(expected);
            match (fault, expected) {
                (Some(ComparesThenWrites), Some(_)) | (Some(LooksThenCreates), None) => {
                    tokio::task::yield_now().await;
                }
                _ => {}
            }
            if accepts || fault == Some(WritesThenRefuses) && expected.is_some() {
                place.put(text);
            }
            Ok(if accepts { WriteResult::Written } else { WriteResult::Conflict })
        })
    }

    fn lock(&self, wait: Duration) -> StoreFuture<'_, Option<StoreLock>> {
        Box::pin(async move {
            let fault = self.place.fault;
            match fault {
                Some(NoLock | ComparesThenWrites | LooksThenCreates) => return Ok(None),
                Some(LocksNothingWhenHeld) if self.lock.available_permits() == 0 => {
                    return Ok(None);
                }
                _ => {}
            }
            let wait = if fault == Some(LockWaits) { Duration::MAX } else { wait };
            let taken = tokio::time::timeout(wait, Arc::clone(&self.lock).acquire_owned());
            match taken.await {
                Ok(permit) if fault == Some(LockStays) => {
                    permit.unwrap().forget();
                    Ok(Some(Box::new(()) as StoreLock))
                }
                Ok(permit) => Ok(Some(Box::new(permit.unwrap()) as StoreLock)),
                Err(_) if fault == Some(LockFails) => Err(StoreError::new("is locked")),
                Err(_) => Err(StoreError::new("is locked").with_kind(StoreErrorKind::Busy)),
            }
        })
    }
}
