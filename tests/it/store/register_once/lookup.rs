//! Which record of the store a call uses, and when it sends a request.

use std::time::Duration;

use poggio::{
    ClientMetadata, Error, FileStore, Outcome, RegistrationStoreExt,
    testing::{Reply, Server},
};
use serde_json::json;
use tokio::time::timeout;

use crate::support::{
    WAIT_LIMIT, attempts, eventually, metadata,
    store::{Fixture, secret},
};

#[tokio::test]
async fn register_once_returns_the_stored_client_to_later_processes() {
    let fixture = Fixture::new().await;
    fixture.server.script([Reply::registered().with_member("x_tenant", "acme")]);
    let first = fixture.register_once(&metadata()).await.unwrap();
    assert_eq!(attempts(&first), 1);

    // Another process has nothing but the file.
    let store = FileStore::new(fixture.path()).unwrap();
    let again = fixture.server.client().register_once(&metadata(), &store).await.unwrap();
    assert_eq!(again.client_id, first.client_id);
    assert_eq!(secret(&again), secret(&first));
    assert_eq!(again.expose_json(), first.expose_json());
    assert_eq!(again.additional.get("x_tenant"), Some(&json!("acme")));
    assert!(again.response().is_none());
    assert_eq!(fixture.request_count(), 1);
}

#[tokio::test]
async fn register_once_keeps_a_record_for_each_endpoint() {
    let fixture = Fixture::new().await;
    let (other_server, store) = (Server::start().await, &fixture.store);
    other_server.script([Reply::registered().with_member("client_id", "other-1")]);
    let other = other_server.client();

    let client = fixture.register_once(&metadata()).await.unwrap();
    for _ in 0..2 {
        let other_client = other.register_once(&metadata(), store).await.unwrap();
        assert_eq!(other_client.client_id, "other-1");
        let again = fixture.register_once(&metadata()).await.unwrap();
        assert_eq!(again.client_id, client.client_id);
    }
    assert_eq!((fixture.request_count(), other_server.requests().len()), (1, 1));
    let registrations = store.list().await.unwrap();
    assert_eq!(registrations[0].endpoint(), fixture.poggio.registration_endpoint());
}

/// Without `float_roundtrip`, `serde_json` reads this number as 0.21, so that the metadata of the store
/// differ from those of the caller at every start.
#[tokio::test]
async fn register_once_finds_metadata_with_a_fraction() {
    let fixture = Fixture::new().await;
    let metadata = metadata().with_additional("sample_rate", 0.210_000_000_000_000_02);
    let response = Reply::registered().with_member("x_rate", 0.210_000_000_000_000_02);
    fixture.server.script([response]);
    for _ in 0..3 {
        let client = fixture.register_once(&metadata).await.unwrap();
        assert_eq!(client.additional.get("x_rate"), Some(&json!(0.210_000_000_000_000_02)));
    }
    assert_eq!(fixture.request_count(), 1);
    let stored = &fixture.store.list().await.unwrap()[0];
    assert_eq!(stored.requested(), Some(&metadata));
}

#[tokio::test]
async fn register_once_keeps_a_record_for_each_metadata() {
    let fixture = Fixture::new().await;
    let other = metadata().with_scope("read");
    let first = fixture.register_once(&metadata()).await.unwrap();
    let second = fixture.register_once(&other).await.unwrap();
    assert_ne!(second.client_id, first.client_id);

    // Two versions of a program that run in turns do not register at each start.
    assert_eq!(fixture.register_once(&metadata()).await.unwrap().client_id, first.client_id);
    assert_eq!(fixture.register_once(&other).await.unwrap().client_id, second.client_id);
    assert_eq!(fixture.request_count(), 2);
    let registrations = fixture.store.list().await.unwrap();
    let requested: Vec<_> = registrations.iter().map(|r| r.requested().unwrap()).collect();
    assert_eq!(requested, [&metadata(), &other]);
    assert_eq!(secret(registrations[0].client()), secret(&first));
}

#[tokio::test]
async fn register_once_ignores_list_order_and_loopback_ports() {
    let minimal = Reply::json(201, json!({"client_id": "7", "client_secret": "s"}));
    for reply in [Reply::registered(), minimal] {
        let fixture = Fixture::new().await;
        fixture.server.script([reply]);
        let requested =
            metadata().with_scope("read write").with_contacts(["a@a.example", "b@b.example"]);
        let first = fixture.register_once(&requested).await.unwrap();

        let mut reordered =
            requested.with_scope("write read").with_contacts(["b@b.example", "a@a.example"]);
        reordered.redirect_uris = vec!["http://127.0.0.1:50123/callback".to_owned()];
        let again = fixture.register_once(&reordered).await.unwrap();
        assert_eq!(again.client_id, first.client_id);
        // The registered port, even if the server did not return it.
        assert_eq!(again.metadata.redirect_uris, ["http://127.0.0.1:8910/callback"]);
        assert_eq!(fixture.request_count(), 1);
    }
}

#[tokio::test]
async fn find_registration_sends_and_creates_nothing() {
    let fixture = &Fixture::new().await;
    let find =
        async |metadata| fixture.poggio.find_registration(&metadata, &fixture.store).await.unwrap();
    assert!(find(metadata()).await.is_none());
    assert_eq!(fixture.store.export("loopback-client-1").await.unwrap(), None);
    assert!(fixture.store.list().await.unwrap().is_empty());
    assert!(fixture.file_names().is_empty());
    assert!(!fixture.store.mark_rejected("loopback-client-1").await.unwrap());

    let first = fixture.register_once(&metadata()).await.unwrap();
    assert_eq!(find(metadata()).await.unwrap().client_id, first.client_id);
    assert!(find(metadata().with_scope("read")).await.is_none());
    assert_eq!(fixture.request_count(), 1);
}

#[tokio::test]
async fn register_once_validates_metadata_before_it_touches_the_store() {
    let fixture = Fixture::new().await;
    let error = fixture.register_once(&ClientMetadata::new()).await.unwrap_err();
    assert!(matches!(error, Error::Validation(_)), "{error}");
    assert!(fixture.file_names().is_empty());
}

#[tokio::test]
async fn register_once_returns_a_refusal_and_registers_at_the_next_call() {
    let fixture = Fixture::new().await;
    fixture.server.script([Reply::status(403), Reply::status(404)]);
    for expected in [403, 404] {
        let error = fixture.register_once(&metadata()).await.unwrap_err();
        assert_eq!(error.status().unwrap().as_u16(), expected);
        assert_eq!(error.outcome(), Outcome::NotRegistered);
    }
    assert!(fixture.store.list().await.unwrap().is_empty());
    assert_eq!(attempts(&fixture.register_once(&metadata()).await.unwrap()), 1);
}

#[tokio::test]
async fn register_once_does_not_block_on_a_call_that_was_dropped() {
    let fixture = Fixture::new().await;
    fixture.server.script([Reply::registered().with_delay(Duration::from_secs(600))]);
    let requested = metadata();
    tokio::select! {
        result = fixture.register_once(&requested) => panic!("{result:?}"),
        () = eventually(|| fixture.request_count() == 1) => {}
    }
    let call = || timeout(WAIT_LIMIT, fixture.register_once(&requested));
    assert_eq!(call().await.unwrap().unwrap_err().outcome(), Outcome::Unknown);
    assert!(fixture.store.clear_unknown().await.unwrap());
    assert_eq!(attempts(&call().await.unwrap().unwrap()), 1);
}
