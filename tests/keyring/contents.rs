//! The contents of the file and of the keyring.

use std::fs;

use poggio::{ClientInformation, RegistrationStoreExt, StoreErrorKind, testing::Reply};
use serde_json::{Value, json};

use crate::{
    FIRST_SECRET, Fixture, client_with,
    support::{
        attempts, metadata,
        store::{secret, store_error},
    },
};

const TOKEN: &str = "registration-access-token-of-no-value-elsewhere";

#[tokio::test]
async fn keyring_store_puts_secrets_into_the_keyring_and_the_rest_into_the_file() {
    let fixture = Fixture::new().await;
    let expires = 4_102_444_800_u64;
    let reply = Reply::registered()
        .with_member("registration_access_token", TOKEN)
        .with_member("client_secret_expires_at", expires);
    fixture.server.script([reply]);

    let first = fixture.register().await.unwrap();
    let again = fixture.register().await.unwrap();
    assert_eq!(again.expose_json(), first.expose_json());
    assert_eq!((attempts(&first), attempts(&again)), (1, 0));
    assert_eq!(fixture.request_count(), 1);
    assert_eq!(secret(&first), FIRST_SECRET);
    assert_eq!(first.additional.get("registration_access_token"), Some(&json!(TOKEN)));

    for name in fixture.file_names() {
        let text = fs::read_to_string(fixture.folder().join(name)).unwrap();
        assert!(!text.contains(FIRST_SECRET) && !text.contains(TOKEN), "{text}");
    }
    let name = fixture.entry_name();
    let endpoint = fixture.poggio.registration_endpoint();
    assert!(name.starts_with(&format!("loopback-client-1 at {endpoint} (")), "{name}");
    let registration = &fixture.json()["registrations"][0];
    assert_eq!(registration["secrets"], json!({"keyring": name}));
    assert_eq!(registration["client"]["client_secret_expires_at"], expires);

    let entry = &fixture.keyring.entries()[&name];
    let expected = json!({
        "client_id": "loopback-client-1",
        "client_secret": FIRST_SECRET,
        "client_secret_expires_at": expires,
        "registration_access_token": TOKEN,
    });
    assert_eq!(serde_json::from_str::<Value>(entry).unwrap(), expected);
    // The documentation promises that the entry can be imported.
    assert_eq!(secret(&ClientInformation::from_json(entry).unwrap()), FIRST_SECRET);
    assert!(!format!("{:?}", fixture.keyring_store()).contains(FIRST_SECRET));
}

#[tokio::test]
async fn keyring_store_deletes_the_secret_of_a_client_that_is_retired() {
    let fixture = Fixture::new().await;
    let store = fixture.keyring_store();
    let first = fixture.register().await.unwrap();
    let entry = fixture.entry_name();
    assert!(store.mark_rejected(&first.client_id).await.unwrap());
    assert!(fixture.keyring.entries().is_empty());
    let second = fixture.register().await.unwrap();
    assert_ne!(second.client_id, first.client_id);
    let second_entry = fixture.entry_name();
    assert_ne!(second_entry, entry);
    assert_eq!(fixture.request_count(), 2);
    assert_eq!(store.export(&first.client_id).await.unwrap(), None);

    // An entry that is still in use is not written again.
    let other = metadata().with_client_name("another");
    let third = fixture.poggio.register_once(&other, &store).await.unwrap();
    assert!(fixture.keyring.entries().contains_key(&second_entry));
    assert!(store.remove(&third.client_id).await.unwrap());
    assert_eq!(fixture.entry_name(), second_entry);
}

#[tokio::test]
async fn keyring_store_deletes_the_earlier_secret_of_a_client_that_is_imported_again() {
    let fixture = Fixture::new().await;
    let (store, endpoint) = (fixture.keyring_store(), fixture.poggio.registration_endpoint());
    // The third needs no new entry.
    for secret in ["before", "after", "after"] {
        store.import(endpoint, &client_with("7", secret)).await.unwrap();
    }
    assert_eq!(store.list().await.unwrap().len(), 3);
    let entries = fixture.keyring.entries();
    assert_eq!(entries.len(), 1);
    assert!(entries.values().all(|content| content.contains("after")), "{entries:?}");
    assert_eq!(secret(&fixture.register().await.unwrap()), "after");
    assert_eq!(fixture.request_count(), 0);
    assert!(!fixture.text().contains("before") && !fixture.text().contains("after"));
}

#[tokio::test]
async fn file_store_refuses_a_file_whose_secrets_are_in_a_keyring() {
    let fixture = Fixture::new().await;
    let client = fixture.register().await.unwrap();
    let (text, store, poggio) = (fixture.text(), &fixture.store, &fixture.poggio);
    let errors = [
        poggio.register_once(&metadata(), store).await.unwrap_err(),
        poggio.find_registration(&metadata(), store).await.unwrap_err(),
        store.list().await.unwrap_err(),
        store.export(&client.client_id).await.unwrap_err(),
        store.remove(&client.client_id).await.unwrap_err(),
        store.import("https://a.example/register", &client_with("7", "s")).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(store_error(&error).kind(), StoreErrorKind::RequiresKeyring);
        let message = error.to_string();
        assert!(message.contains("open it with KeyringStore"), "{message}");
        assert!(message.contains(fixture.path().to_str().unwrap()), "{message}");
    }
    assert_eq!(fixture.request_count(), 1);
    assert_eq!(fixture.text(), text);
}

#[tokio::test]
async fn keyring_store_moves_the_secrets_of_a_plain_file_with_the_next_change() {
    let fixture = Fixture::new().await;
    let first = fixture.register_once(&metadata()).await.unwrap();
    assert!(fixture.text().contains(secret(&first)));
    assert_eq!(fixture.register().await.unwrap().expose_json(), first.expose_json());
    assert!(fixture.keyring.entries().is_empty());

    let other = metadata().with_client_name("another");
    fixture.poggio.register_once(&other, &fixture.keyring_store()).await.unwrap();
    assert!(!fixture.text().contains(secret(&first)));
    assert_eq!(fixture.keyring.entries().len(), 2);
    assert_eq!(fixture.register().await.unwrap().expose_json(), first.expose_json());
    assert_eq!(fixture.request_count(), 2);
}

#[tokio::test]
async fn keyring_store_makes_no_entry_without_a_secret_and_ignores_an_entry_name_in_a_response() {
    let fixture = Fixture::new().await;
    let (store, imported) = (fixture.keyring_store(), client_with("7", "s3cr3t"));
    store.import("https://a.example/register", &imported).await.unwrap();
    let secrets = json!({"keyring": fixture.entry_name()});
    let reply = Reply::registered().with_member("secrets", secrets);
    fixture.server.script([reply.without_member("client_secret")]);
    for _ in 0..2 {
        let client = fixture.register().await.unwrap();
        assert_eq!(client.client_id, "loopback-client-1");
        assert!(client.client_secret.is_none());
    }
    assert_eq!((fixture.request_count(), fixture.keyring.entries().len()), (1, 1));
    assert!(fixture.json()["registrations"][1].get("secrets").is_none());
}

#[tokio::test]
async fn keyring_store_refuses_damaged_files_and_unknown_formats() {
    let fixture = Fixture::new().await;
    for (text, kind) in [
        ("{", StoreErrorKind::Damaged),
        (
            r#"{"format": 2, "registrations": [{"secrets": {"keyring": 7}}]}"#,
            StoreErrorKind::Damaged,
        ),
        (r#"{"format": 3, "registrations": {}}"#, StoreErrorKind::UnknownFormat),
    ] {
        fixture.write(text);
        let error = fixture.register().await.unwrap_err();
        assert_eq!(store_error(&error).kind(), kind, "{error}");
        assert_eq!(fixture.text(), text);
    }
    assert_eq!(fixture.request_count(), 0);
}
