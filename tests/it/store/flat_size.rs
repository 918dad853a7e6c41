//! A document stays small however often its clients are replaced, and has no secret of a client that
//! is no longer used.

use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use poggio::{
    Client, FileStore, RegistrationStore, RegistrationStoreExt,
    store::{RetiredReason, StoreFuture, Versioned, WriteResult},
    testing::Reply,
};
use serde_json::json;

use crate::support::{
    metadata,
    store::{Fixture, MemoryStore, client_from, secret},
};

const MAX_BYTES: usize = 64 * 1024;

/// Returns the size of the document and the number of its records.
fn size(store: &MemoryStore) -> (usize, usize) {
    let text = store.text().unwrap();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let count = |list: &str| document[list].as_array().map_or(0, Vec::len);
    (text.len(), count("registrations") + count("retired"))
}

#[tokio::test]
async fn store_stays_small_after_10_000_replacements() {
    let store = MemoryStore::default();
    for number in 0..10_000 {
        let json = json!({
            "client_id": format!("client-{number}"),
            "client_secret": format!("secret-{number}-"),
            "client_secret_expires_at": 4_102_444_800_u64,
            "redirect_uris": metadata().redirect_uris,
            "client_name": "A program with a name of usual length",
            "registration_access_token": format!("management-{number}-"),
        });
        store.import("https://api.acme.example/register", &client_from(&json)).await.unwrap();
    }
    let (bytes, records) = size(&store);
    assert!(bytes < MAX_BYTES, "{bytes} bytes");
    assert_eq!(records, 51);
    let text = store.text().unwrap();
    assert_eq!((text.matches("secret-").count(), text.matches("management-").count()), (1, 1));
    assert!(text.contains("secret-9999-") && text.contains("client-9949\""));
    assert!(!text.contains("client-9948\""));
}

/// Returns the median time of `find_registration` in each of these stores, measured in turn.
async fn find_times(poggio: &Client, stores: [&FileStore; 2]) -> [Duration; 2] {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..101 {
        for (store, times) in stores.iter().zip(&mut times) {
            let started = Instant::now();
            poggio.find_registration(&metadata(), *store).await.unwrap().unwrap();
            times.push(started.elapsed());
        }
    }
    times.map(|mut times| {
        times.sort();
        times[times.len() / 2]
    })
}

#[tokio::test]
async fn store_stays_small_whatever_replaces_the_clients() {
    let fixture = Fixture::new().await;
    let (store, poggio) = (MemoryStore::default(), &fixture.poggio);
    for number in 0..300 {
        let client = poggio.register_once(&metadata(), &store).await.unwrap();
        if number % 2 == 0 {
            assert!(store.mark_rejected(&client.client_id).await.unwrap());
        } else {
            assert!(store.remove(&client.client_id).await.unwrap());
        }
        let imported = client_from(&json!({"client_id": "7", "client_secret": "entered-secret"}));
        store.import(poggio.registration_endpoint(), &imported).await.unwrap();
        store.remove("7").await.unwrap();
        let text = store.text().unwrap();
        assert!(!text.contains(secret(&client)) && !text.contains("entered-secret"), "{text}");
    }
    let (bytes, records) = size(&store);
    assert!(bytes < MAX_BYTES, "{bytes} bytes");
    assert_eq!(records, 50);
}

#[tokio::test]
async fn rejected_import_is_remembered_after_any_number_of_retired_clients() {
    let fixture = Fixture::new().await;
    let (store, poggio) = (MemoryStore::default(), &fixture.poggio);
    let endpoint = poggio.registration_endpoint();
    let entered = client_from(&json!({"client_id": "entered", "client_secret": "entered-secret"}));
    store.import(endpoint, &entered).await.unwrap();
    assert!(store.mark_rejected("entered").await.unwrap());
    for number in 0..60 {
        let other = client_from(&json!({"client_id": format!("other-{number}")}));
        store.import("https://other.example/register", &other).await.unwrap();
    }
    let error = poggio.register_once(&metadata(), &store).await.unwrap_err();
    assert!(error.to_string().contains("the imported client \"entered\""), "{error}");
    assert_eq!(fixture.request_count(), 0);

    assert!(store.remove("entered").await.unwrap());
    poggio.register_once(&metadata(), &store).await.unwrap();
    assert_eq!(fixture.request_count(), 1);
}

#[tokio::test]
async fn remove_and_mark_rejected_erase_the_secret_from_all_files() {
    type Retire = fn(&Fixture, String) -> StoreFuture<'_, bool, poggio::Error>;
    let remove: Retire = |f, id| Box::pin(async move { f.store.remove(&id).await });
    let reject: Retire = |f, id| Box::pin(async move { f.store.mark_rejected(&id).await });
    for (retire, reason) in [(remove, RetiredReason::Removed), (reject, RetiredReason::Rejected)] {
        let fixture = Fixture::new().await;
        let reply = Reply::registered()
            .with_member("client_secret", "s3cr3t-of-acme")
            .with_member("registration_access_token", "s3cr3t-management")
            .with_member("x_other", "s3cr3t-other");
        fixture.server.script([reply]);
        let client = fixture.register_once(&metadata()).await.unwrap();
        let other = metadata().with_scope("read");
        let kept = fixture.register_once(&other).await.unwrap();
        assert!(fixture.text().contains("s3cr3t-of-acme"));

        assert!(retire(&fixture, client.client_id.clone()).await.unwrap());
        for name in fixture.file_names() {
            let text = fs::read_to_string(fixture.folder().join(&name)).unwrap();
            assert!(!text.contains("s3cr3t"), "{name}: {text}");
        }
        assert_eq!(fixture.store.export(&client.client_id).await.unwrap(), None);
        let history = fixture.history().await;
        assert_eq!(history, [(client.client_id, Some(reason)), (kept.client_id.clone(), None)]);
        let found = fixture.register_once(&other).await.unwrap();
        assert_eq!(secret(&found), secret(&kept));
    }
}

/// Counts the bytes that a call reads and writes.
#[derive(Default)]
struct CountingStore {
    store: MemoryStore,
    read: AtomicUsize,
}

impl RegistrationStore for CountingStore {
    fn read(&self) -> StoreFuture<'_, Option<Versioned>> {
        Box::pin(async {
            let text = self.store.read().await?;
            let bytes = text.as_ref().map_or(0, |text| text.expose().len());
            self.read.fetch_add(bytes, Ordering::SeqCst);
            Ok(text)
        })
    }

    fn write<'a>(
        &'a self,
        text: &'a str,
        expected: Option<&'a Versioned>,
    ) -> StoreFuture<'a, WriteResult> {
        self.store.write(text, expected)
    }
}

#[tokio::test]
async fn finding_a_client_reads_the_same_bytes_in_the_same_time_after_1000_renewals() {
    let fixture = Fixture::new().await;
    let store = CountingStore::default();
    let mut read = Vec::new();
    for number in 1..=1000 {
        let client = fixture.poggio.register_once(&metadata(), &store).await.unwrap();
        if number == 100 || number == 1000 {
            let before = store.read.load(Ordering::SeqCst);
            fixture.poggio.find_registration(&metadata(), &store).await.unwrap().unwrap();
            read.push(store.read.load(Ordering::SeqCst) - before);
        }
        if number < 1000 {
            assert!(store.mark_rejected(&client.client_id).await.unwrap());
        }
    }
    // Only the number and the ids have more digits.
    assert!(read[1] < read[0] + 500, "{read:?}");
    assert_eq!(size(&store.store).1, 51);
    assert_found_in_the_time_of_a_fresh_store(&fixture, &store.store.text().unwrap()).await;
}

/// Asserts that finding a client in this document takes at most twice the time, both in files.
async fn assert_found_in_the_time_of_a_fresh_store(fixture: &Fixture, document: &str) {
    let old = Fixture::new().await;
    old.write(document);
    fixture.register_once(&metadata()).await.unwrap();
    // Another process may take the processor while one of the stores is measured.
    let mut all = Vec::new();
    for _ in 0..5 {
        let [fresh, old] = find_times(&fixture.poggio, [&fixture.store, &old.store]).await;
        if old <= fresh * 2 {
            return;
        }
        all.push((fresh, old));
    }
    panic!("{all:?}");
}
