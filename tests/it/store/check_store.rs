//! The conformance suite for stores: sound ones pass, and each rule is broken by one that is not.

use std::{
    collections::HashSet,
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
async fn the_file_store_keeps_every_rule() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("client.json");
    check_store(|| FileStore::new(&path).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shared_store_keeps_every_rule() {
    let bucket = Arc::new(InMemory::new());
    check_store(|| SharedStore::new(bucket.clone(), "poggio/acme.json").unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_store_keeps_every_rule() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("acme.sqlite");
    check_store(|| sqlite::SqliteStore::open(&path).unwrap()).await;
}

#[cfg(unix)]
#[test]
fn the_example_store_is_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("acme.sqlite");
    sqlite::SqliteStore::open(&path).unwrap();
    let permissions = path.metadata().unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&permissions) & 0o777, 0o600);
}

#[tokio::test]
async fn the_store_that_faults_are_built_into_is_sound() {
    for fault in [None, Some(NoLock)] {
        let place = Place::new(fault);
        check_store(|| place.open()).await;
    }
}

/// The rules, by how their messages begin, and what breaks them.
const FAULTS: &[(&str, Fault, &str)] = &[
    (EMPTY, ReadsEmptyText, "the first read returned a text"),
    (EMPTY, FailsToRead, "the first read failed: the store is out of order"),
    (CREATE, IgnoresExpected, "16 of 16 returned Done"),
    (CREATE, LooksThenCreates, "16 of 16 returned Done"),
    (CREATE, CreatesInTheEnd, "a write that expected nothing returned Done"),
    (CREATE, ReadsNothing, "a read returned None although a text had been written"),
    (EXACT, WritesOnlyOnce, "a text of 35 bytes came back as one of 1"),
    (
        EXACT,
        CutsText,
        "a text of 1048590 bytes came back as one of 67795, which differs from byte 67795",
    ),
    (EXACT, TrimsText, "a text of 35 bytes came back as one of 34, which differs from byte 34"),
    (EXACT, ConvertsLines, "a text of 18 bytes came back as one of 17, which differs from byte 6"),
    (EXACT, RefusesEverything, "a write that expected what was there returned Conflict"),
    (STALE, WritesOverAnother, "a write that expected an earlier text returned Done"),
    (STALE, WritesThenRefuses, "a text of 11 bytes came back as one of 4, which differs"),
    (STALE, CachesReads, "which differs from byte 0 on"),
    (SAME, RefusesWhatCameBack, "a write that expected what was there returned Conflict"),
    (SAME, ComparesLengths, "a write that expected an earlier text returned Done"),
    (SAME, AcceptsWhatCameBack, "a text of 1 bytes came back as one of 1, which differs"),
    (ONE, ComparesThenWrites, "16 of 16 returned Done"),
    (EXCLUSIVE, LocksHandleOnly, "a second handle got it"),
    (EXCLUSIVE, LocksNothingWhenHeld, "one handle has a lock and the next has none"),
    (BUSY, LockFails, "the error was of the kind Failed: the store is locked"),
    (BUSY, LockWaits, "a wait of 200ms had not ended after 5.2"),
    (FREED, LockStays, "a lock that was dropped failed: the store is locked"),
    (ONCE, LocksNoDocument, "16 requests were sent, not 1"),
];

const EMPTY: &str = "Where nothing was written yet, a read returns None";
const CREATE: &str = "A write that expects nothing writes only where there is nothing";
const EXACT: &str = "A text comes back exactly as it was written";
const STALE: &str = "A write replaces only what was read before it";
const SAME: &str = "A text that was there before counts as what a later read says it is";
const ONE: &str = "Of many that replace the same text at once, exactly one succeeds";
const EXCLUSIVE: &str = "While a handle holds the lock no other gets it";
const BUSY: &str = "A lock that is not to be had in time is an error of the kind Busy";
const FREED: &str = "A lock is free as soon as its holder drops it";
const ONCE: &str = "Many handles that register at once send one request";

/// What the suite says of a store with this fault; `None` where it finds none.
fn said_of(fault: Fault) -> Option<String> {
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
fn each_rule_is_broken_by_a_store_with_its_fault() {
    let checks = FAULTS.iter().map(|row| (row, std::thread::spawn(|| said_of(row.1))));
    let checks: Vec<_> = checks.collect();
    let mut wrong = Vec::new();
    for ((rule, fault, found), check) in checks {
        let said = check.join().unwrap().unwrap_or_default();
        if !said.starts_with(&format!("check_store: {rule}")) || !said.contains(found) {
            wrong.push(format!("{fault:?}: {said:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_broken_rule_says_what_it_is_what_happened_and_what_to_do() {
    insta::assert_snapshot!(said_of(WritesOverAnother).unwrap(), @"check_store: A write replaces only what was read before it, and changes nothing otherwise. Here, a write that expected an earlier text returned Done. Compare the version, or the text, in the step that writes, as UPDATE … WHERE version = … does, and return Conflict where nothing was changed.");
}

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// Nothing, it just has no lock.
    NoLock,
    ReadsEmptyText,
    FailsToRead,
    IgnoresExpected,
    LooksThenCreates,
    /// Once sixteen have tried.
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
    RefusesWhatCameBack,
    AcceptsWhatCameBack,
    ComparesThenWrites,
    ComparesLengths,
    LocksHandleOnly,
    LocksNothingWhenHeld,
    LockFails,
    LockWaits,
    LockStays,
    LocksNoDocument,
}
use Fault::*;

/// Where the handles lead to.
struct Place {
    fault: Option<Fault>,
    row: Mutex<Row>,
    lock: Arc<Semaphore>,
}

#[derive(Default)]
struct Row {
    text: Option<String>,
    version: usize,
    /// What it held before.
    replaced: HashSet<String>,
    tried: usize,
}

/// A handle: of one task, so that nothing comes between two lines without an await.
struct Memory {
    place: Arc<Place>,
    lock: Arc<Semaphore>,
    cached: Mutex<Option<Versioned>>,
}

impl Place {
    fn new(fault: Option<Fault>) -> Arc<Self> {
        Arc::new(Self { fault, row: Mutex::default(), lock: Arc::new(Semaphore::new(1)) })
    }

    fn open(self: &Arc<Self>) -> Store {
        let lock = match self.fault {
            Some(LocksHandleOnly) => Arc::new(Semaphore::new(1)),
            _ => Arc::clone(&self.lock),
        };
        Store(Memory { place: Arc::clone(self), lock, cached: Mutex::default() })
    }

    /// Whether a write takes place.
    fn accepts(&self, expected: Option<&Versioned>) -> bool {
        let mut row = self.row.lock().unwrap();
        row.tried += 1;
        let is_same = match (&row.text, expected) {
            (None, None) => true,
            (Some(_), Some(expected)) => expected.version() == row.version.to_string(),
            _ => false,
        };
        match (self.fault, &row.text, expected) {
            (Some(IgnoresExpected), ..) | (Some(WritesOverAnother), _, Some(_)) => true,
            (Some(CreatesInTheEnd), _, None) => is_same || row.tried > 16,
            (Some(RefusesEverything), _, Some(_)) => false,
            (Some(RefusesWhatCameBack), _, Some(expected)) => {
                is_same && !row.replaced.contains(expected.expose())
            }
            (Some(ComparesLengths), Some(text), Some(expected)) => {
                text.len() == expected.expose().len()
            }
            _ => is_same,
        }
    }

    /// What it says of a write that takes place or not.
    fn says(&self, accepts: bool, expected: Option<&Versioned>) -> WriteResult {
        let came_back = || {
            let row = self.row.lock().unwrap();
            row.text.as_deref() == expected.map(Versioned::expose)
        };
        if accepts || self.fault == Some(AcceptsWhatCameBack) && came_back() {
            WriteResult::Written
        } else {
            WriteResult::Conflict
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
        let replaced = row.text.replace(text);
        row.replaced.extend(replaced);
        row.version += 1;
    }

    fn has_document(&self) -> bool {
        self.row.lock().unwrap().text.as_ref().is_some_and(|text| text.contains("\"format\""))
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
            let said = place.says(accepts, expected);
            match (fault, expected) {
                (Some(ComparesThenWrites), Some(_)) | (Some(LooksThenCreates), None) => {
                    tokio::task::yield_now().await;
                }
                _ => {}
            }
            if accepts || fault == Some(WritesThenRefuses) && expected.is_some() {
                place.put(text);
            }
            Ok(said)
        })
    }

    fn lock(&self, wait: Duration) -> StoreFuture<'_, Option<StoreLock>> {
        Box::pin(async move {
            let (place, fault) = (&self.place, self.place.fault);
            match fault {
                Some(NoLock | ComparesThenWrites | LooksThenCreates) => return Ok(None),
                Some(LocksNothingWhenHeld) if self.lock.available_permits() == 0 => {
                    return Ok(None);
                }
                Some(LocksNoDocument) if place.has_document() => {
                    return Ok(Some(Box::new(()) as StoreLock));
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

/// The same, with methods of its own that a store should leave alone.
struct Store(Memory);

impl RegistrationStore for Store {
    fn read(&self) -> StoreFuture<'_, Option<Versioned>> {
        self.0.read()
    }

    fn write<'a>(
        &'a self,
        text: &'a str,
        expected: Option<&'a Versioned>,
    ) -> StoreFuture<'a, WriteResult> {
        self.0.write(text, expected)
    }

    fn lock(&self, wait: Duration) -> StoreFuture<'_, Option<StoreLock>> {
        self.0.lock(wait)
    }
}
