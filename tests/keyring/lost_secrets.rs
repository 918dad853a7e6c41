//! Secrets that the keyring lost: an error says so, and no caller registers another client.

use poggio::{Outcome, RegistrationStoreExt, StoreErrorKind, testing::Reply};

use crate::{
    Fixture, client_with,
    support::{
        all_shown, metadata,
        store::{secret, store_error},
    },
};

#[tokio::test]
async fn keyring_store_reports_a_lost_secret_until_it_returns_or_the_client_is_removed() {
    let fixture = Fixture::new().await;
    let (store, poggio) = (fixture.keyring_store(), &fixture.poggio);
    let reply = Reply::registered().with_member("client_secret_expires_at", 4_102_444_800_u64);
    fixture.server.script([reply]);
    let client = fixture.register().await.unwrap();
    let name = fixture.entry_name();
    let content = fixture.keyring.entries()[&name].clone();

    // The entry is missing, belongs to another client, or is not JSON.
    fixture.keyring.remove(&name);
    for content in [None, Some(content.replace("client-1", "client-9")), Some("{".to_owned())] {
        if let Some(content) = content {
            fixture.keyring.put(&name, &content);
        }
        for error in [
            fixture.register().await.unwrap_err(),
            store.export(&client.client_id).await.unwrap_err(),
            poggio.find_registration(&metadata(), &store).await.unwrap_err(),
        ] {
            assert_eq!(error.outcome(), Outcome::NotRegistered);
            assert!(!all_shown(&error).contains("loopback-secret"));
            assert_eq!(store_error(&error).kind(), StoreErrorKind::SecretLost);
            let message = error.to_string();
            for part in ["loopback-client-1", &name, "remove the client from the store"] {
                assert!(message.contains(part), "{message}");
            }
        }
    }
    assert_eq!(fixture.request_count(), 1);

    // Other clients are usable, and changes keep the record.
    let other = metadata().with_client_name("another");
    poggio.register_once(&other, &store).await.unwrap();
    let registrations = store.list().await.unwrap();
    assert_eq!(registrations[0].lost_secrets(), Some(&*name));
    assert_eq!(registrations[1].lost_secrets(), None);
    assert!(registrations[0].client().client_secret.is_none());

    fixture.keyring.put(&name, &content);
    assert_eq!(fixture.register().await.unwrap().expose_json(), client.expose_json());

    fixture.keyring.remove(&name);
    assert!(store.remove(&client.client_id).await.unwrap());
    assert_eq!(fixture.register().await.unwrap().client_id, "loopback-client-3");
    assert_eq!(fixture.request_count(), 3);
}

#[tokio::test]
async fn keyring_store_reports_the_lost_secret_of_an_imported_client_until_it_is_imported_again() {
    let fixture = Fixture::new().await;
    let (store, imported) = (fixture.keyring_store(), client_with("7", "s3cr3t"));
    store.import(fixture.poggio.registration_endpoint(), &imported).await.unwrap();
    fixture.keyring.remove(&fixture.entry_name());
    let error = fixture.register().await.unwrap_err();
    assert_eq!(store_error(&error).kind(), StoreErrorKind::SecretLost, "{error}");
    store.import(fixture.poggio.registration_endpoint(), &imported).await.unwrap();
    assert_eq!(secret(&fixture.register().await.unwrap()), "s3cr3t");
    assert_eq!(fixture.request_count(), 0);
}
