//! How many entries of the keyring a call reads.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use poggio::{FileStore, RegistrationStore, RegistrationStoreExt, store::KeyringStore};

use crate::{
    FIRST_SECRET, Fixture, client_with,
    mock_keyring::Call,
    support::{
        metadata,
        store::{MemoryStore, secret},
    },
};

/// Counts the reads of entries from now on.
fn count_reads(fixture: &Fixture) -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    fixture.keyring.before(move |call| {
        counter.fetch_add(usize::from(call == Call::Get), Ordering::SeqCst);
        Ok(())
    });
    count
}

/// Returns a store with 300 imported clients and a history of 20, as a plain file.
async fn large_fixture() -> Fixture {
    let (fixture, memory) = (Fixture::new().await, MemoryStore::default());
    for index in 0..320 {
        let client = client_with(&format!("client-{index}"), &format!("secret-{index}"));
        let endpoint = format!("https://host-{}.example/register", index % 300);
        memory.import(&endpoint, &client).await.unwrap();
    }
    fixture.write(memory.text().unwrap());
    fixture
}

#[tokio::test]
async fn keyring_store_reads_one_entry_to_find_one_client_among_300() {
    let fixture = large_fixture().await;
    let store = fixture.keyring_store();
    let client = fixture.register().await.unwrap();
    assert_eq!(secret(&client), FIRST_SECRET);
    // The clients in use only.
    assert_eq!(fixture.keyring.entries().len(), 301);
    assert!(!fixture.text().contains("secret-1"));

    let reads = count_reads(&fixture);
    assert_eq!(secret(&fixture.register().await.unwrap()), FIRST_SECRET);
    assert_eq!(reads.swap(0, Ordering::SeqCst), 1);
    let found = fixture.poggio.find_registration(&metadata(), &store).await.unwrap();
    assert_eq!(secret(&found.unwrap()), FIRST_SECRET);
    assert_eq!(reads.swap(0, Ordering::SeqCst), 1);
    let exported = store.export("client-107").await.unwrap().unwrap();
    assert_eq!(exported["client_secret"], "secret-107");
    assert_eq!(reads.swap(0, Ordering::SeqCst), 1);

    // Changes read none but the entry that they delete.
    store.import("https://new.example/register", &client_with("7", "s3cr3t")).await.unwrap();
    assert_eq!(reads.swap(0, Ordering::SeqCst), 0);
    assert!(store.mark_rejected("client-108").await.unwrap());
    assert!(store.remove("client-109").await.unwrap());
    assert_eq!(reads.swap(0, Ordering::SeqCst), 2);
    assert_eq!(fixture.keyring.entries().len(), 300);

    // A call that registers reads none, either.
    let other = metadata().with_client_name("another");
    fixture.poggio.register_once(&other, &store).await.unwrap();
    assert_eq!(reads.swap(0, Ordering::SeqCst), 0);

    // The list returns the secrets of all clients in use, and reads no history.
    let registrations = store.list().await.unwrap();
    assert_eq!(registrations.len(), 323);
    let active: Vec<_> = registrations.iter().filter(|r| r.retired().is_none()).collect();
    assert_eq!(active.len(), 301);
    assert!(active.iter().all(|registration| registration.client().client_secret.is_some()));
    assert_eq!(reads.swap(0, Ordering::SeqCst), 301);
}

#[tokio::test]
async fn keyring_store_reads_again_if_a_client_was_replaced_while_it_read() {
    let fixture = Fixture::new().await;
    let endpoint = fixture.poggio.registration_endpoint().to_owned();
    fixture.keyring_store().import(&endpoint, &client_with("7", "before")).await.unwrap();
    let text = fixture.text();
    fixture.keyring_store().import(&endpoint, &client_with("7", "after")).await.unwrap();
    let new_text = fixture.text();
    // This caller has read the file before the second import, and the keyring after it.
    fixture.write(&text);
    let path = fixture.path().to_owned();
    fixture.keyring.before(move |call| {
        if call == Call::Get {
            std::fs::write(&path, &new_text).unwrap();
        }
        Ok(())
    });
    assert_eq!(secret(&fixture.register().await.unwrap()), "after");
    assert_eq!(fixture.request_count(), 0);
}

#[tokio::test]
async fn keyring_store_read_returns_a_text_that_can_be_written_again() {
    let fixture = Fixture::new().await;
    let client = fixture.register().await.unwrap();
    let (entries, store) = (fixture.keyring.entries(), fixture.keyring_store());
    let read = store.read().await.unwrap().unwrap();
    assert!(!read.expose().contains(FIRST_SECRET));
    let lock = store.lock(std::time::Duration::ZERO).await.unwrap();
    store.write(read.expose(), Some(&read)).await.unwrap();
    drop(lock);
    assert_eq!(fixture.keyring.entries(), entries);
    assert_eq!(secret(&fixture.register().await.unwrap()), secret(&client));

    // A store without the keyring refuses it.
    let path = fixture.folder().join("copy.json");
    let copy = FileStore::new(&path).unwrap();
    copy.write(read.expose(), None).await.unwrap();
    let error = copy.list().await.unwrap_err();
    assert!(error.to_string().contains("open it with KeyringStore"), "{error}");
    let copy = KeyringStore::with_keyring(copy, fixture.keyring.store());
    assert_eq!(secret(copy.list().await.unwrap()[0].client()), FIRST_SECRET);
}
