//! `Client::save_registration`: a client that `register_once` could not save is saved later.

use std::time::Duration;

use poggio::{Outcome, RegistrationStoreExt, store::RetiredReason, testing::Reply};

use crate::support::{
    metadata,
    store::{Fixture, MemoryStore, store_error},
};

#[tokio::test]
async fn save_registration_saves_an_unsaved_client_once_and_it_is_renewed_later() {
    let fixture = Fixture::new().await;
    let (poggio, store) = (&fixture.poggio, &fixture.store);
    fixture.server.script([Reply::registered().with_member("client_secret_expires_at", i32::MAX)]);
    let error = poggio.register_once(&metadata(), &MemoryStore::failing_from(4)).await.unwrap_err();
    let remedy = "in this error with Client::save_registration";
    assert!(error.to_string().contains(remedy), "{error}");
    let client = store_error(&error).client().unwrap();

    for _ in 0..2 {
        poggio.save_registration(&metadata(), store, client).await.unwrap();
    }
    let again = fixture.register_once(&metadata()).await.unwrap();
    assert_eq!(again.expose_json(), client.expose_json());
    let registrations = store.list().await.unwrap();
    assert_eq!((registrations.len(), registrations[0].is_imported()), (1, false));

    // More than half of its lifetime ago.
    let mut document = fixture.json();
    document["registrations"][0]["saved_at"] = 1_000_000_000.into();
    fixture.write(document.to_string());
    let poggio = fixture.server.client_builder().renewal_margin(Duration::MAX).build().unwrap();
    let renewed = poggio.register_once(&metadata(), store).await.unwrap();
    assert_ne!(renewed.client_id, client.client_id);
}

#[tokio::test]
async fn save_registration_retires_the_saved_client_if_another_is_in_use() {
    let fixture = Fixture::new().await;
    let client = fixture.poggio.register(&metadata()).await.unwrap();
    let in_use = fixture.register_once(&metadata()).await.unwrap();
    fixture.poggio.save_registration(&metadata(), &fixture.store, &client).await.unwrap();
    let again = fixture.register_once(&metadata()).await.unwrap();
    assert_eq!(again.client_id, in_use.client_id);
    assert_eq!(
        fixture.history().await,
        [(client.client_id, Some(RetiredReason::LostRace)), (in_use.client_id, None)]
    );
}

#[tokio::test]
async fn save_registration_reinstates_a_rejected_client() {
    let fixture = Fixture::new().await;
    let client = fixture.register_once(&metadata()).await.unwrap();
    assert!(fixture.store.mark_rejected(&client.client_id).await.unwrap());
    fixture.poggio.save_registration(&metadata(), &fixture.store, &client).await.unwrap();
    let found = fixture.poggio.find_registration(&metadata(), &fixture.store).await.unwrap();
    assert_eq!(found.unwrap().client_id, client.client_id);
    assert_eq!(fixture.store.list().await.unwrap().len(), 2);
}

#[tokio::test]
async fn save_registration_returns_the_client_in_the_error_if_the_store_fails() {
    let fixture = Fixture::new().await;
    fixture.server.script([Reply::registered().with_header("x-request-id", "r-7")]);
    let (poggio, store) = (&fixture.poggio, MemoryStore::failing_from(0));
    let client = poggio.register(&metadata()).await.unwrap();
    let error = poggio.save_registration(&metadata(), &store, &client).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the client \"loopback-client-1\" could not be saved: vault secret/acme cannot be \
         reached [request r-7]; a client was registered: fix the store, then save the client in \
         this error with Client::save_registration"
    );
    assert_eq!(error.outcome(), Outcome::Registered);
    assert_eq!((error.attempts(), error.request_id()), (1, Some("r-7")));
    assert_eq!(store_error(&error).client().unwrap().expose_json(), client.expose_json());
}
