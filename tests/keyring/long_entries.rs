//! A keyring whose entries are limited to 2,560 bytes, as on Windows.

use poggio::{
    ClientInformation, RegistrationStore, RegistrationStoreExt, keyring_core::Error,
    testing::check_store,
};

use crate::{
    FIRST_SECRET, Fixture, client_with,
    mock_keyring::{Call, MockKeyring},
    support::{metadata, store::secret},
};

const LIMIT: u32 = 2560;

async fn fixture() -> Fixture {
    Fixture::with_keyring(MockKeyring::with_limit(LIMIT)).await
}

#[tokio::test]
async fn keyring_store_splits_a_long_secret_and_deletes_all_its_parts() {
    let fixture = fixture().await;
    let (store, endpoint) = (fixture.keyring_store(), fixture.poggio.registration_endpoint());
    let long = "0123456789".repeat(1000);
    store.import(endpoint, &client_with("7", &long)).await.unwrap();
    let entries = fixture.keyring.entries();
    // The entry itself, and 10,043 bytes in parts of 2,560.
    assert_eq!(entries.len(), 5, "{:?}", entries.keys());
    assert!(entries.values().all(|content| content.len() <= 2560));
    assert!(!fixture.text().contains("0123456789"));
    assert_eq!(secret(&fixture.register().await.unwrap()), long);
    assert_eq!(fixture.request_count(), 0);

    assert!(store.remove("7").await.unwrap());
    assert!(fixture.keyring.entries().is_empty());
    assert_eq!(secret(&fixture.register().await.unwrap()), FIRST_SECRET);
    assert_eq!(fixture.keyring.entries().len(), 1, "a short secret is not split");
}

#[tokio::test]
async fn keyring_store_reports_a_secret_whose_part_is_lost() {
    let fixture = fixture().await;
    let (store, endpoint) = (fixture.keyring_store(), fixture.poggio.registration_endpoint());
    store.import(endpoint, &client_with("7", &"x".repeat(6000))).await.unwrap();
    let entries = fixture.keyring.entries();
    let part = entries.keys().find(|name| name.ends_with(" part 2")).unwrap();
    fixture.keyring.remove(part);
    let error = fixture.register().await.unwrap_err();
    assert!(error.to_string().contains("the system keyring no longer has the secret"), "{error}");
    fixture.keyring.put(part, &entries[part]);
    fixture.register().await.unwrap();
    assert_eq!(fixture.request_count(), 0);
}

#[tokio::test]
async fn keyring_store_leaves_no_part_if_one_cannot_be_written() {
    let fixture = fixture().await;
    let store = fixture.keyring_store();
    let long: ClientInformation = client_with("7", &"x".repeat(9000));
    // The entry with the number of parts is the first.
    for failing in 1..=5 {
        let mut puts = 0;
        fixture.keyring.before(move |call| {
            puts += usize::from(call == Call::Put);
            let fails = call == Call::Put && puts == failing;
            if fails { Err(Error::NoStorageAccess("locked".into())) } else { Ok(()) }
        });
        let error = store.import("https://a.example/register", &long).await.unwrap_err();
        assert!(error.to_string().contains("is locked"), "{error}");
        fixture.keyring.reset();
        assert!(fixture.keyring.entries().is_empty(), "{failing}");
        assert!(store.list().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn keyring_store_with_short_entries_keeps_any_text() {
    let fixture = fixture().await;
    check_store(|| fixture.keyring_store()).await;
    assert_eq!(fixture.keyring.entries().len(), 1);

    let sibling = fixture.keyring_store().sibling("tokens").unwrap();
    let text = "é🔑\"\\".repeat(4000);
    sibling.write(&text, None).await.unwrap();
    assert_eq!(sibling.read().await.unwrap().unwrap().expose(), text);
    let other = fixture.keyring_store().sibling("other").unwrap();
    let client = fixture.poggio.register_once(&metadata(), &*other).await.unwrap();
    assert_eq!(secret(&client), FIRST_SECRET);
}
