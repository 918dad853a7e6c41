//! How many requests reach the server, for each way in which a program can restart or retry. The rows
//! are those of the guide, `poggio::guide::register_once`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use poggio::{
    Client, ClientMetadata, Error, Outcome, RegistrationStore, RegistrationStoreExt,
    StoreErrorKind,
    testing::{Reply, Server},
};
use serde_json::Value;

use crate::support::{
    Wire, eventually, metadata, sized,
    store::{Fixture, MemoryStore, secret, store_error},
};

const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;
const YEAR: i64 = 365 * DAY;

fn seconds_ago(seconds: i64) -> Value {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    (i64::try_from(now.as_secs()).unwrap() - seconds).into()
}

/// Rewrites the store as if the last request had been sent so many seconds ago.
fn set_sent_at(fixture: &Fixture, seconds: i64) {
    let mut document = fixture.json();
    let intent = document["intents"][0].as_object_mut().unwrap();
    intent.insert("sent_at".into(), seconds_ago(seconds));
    fixture.write(document.to_string());
}

/// Calls `register_once`, which has to fail without a request.
#[track_caller]
fn assert_waits(result: Result<poggio::ClientInformation, Error>, at_most: Duration) {
    let error = result.unwrap_err();
    assert_eq!(store_error(&error).kind(), StoreErrorKind::UnknownOutcome);
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert!(error.retry_after().unwrap() <= at_most, "{error}");
}

#[tokio::test]
async fn register_once_sends_six_requests_on_the_first_day_of_unknown_outcomes_and_one_a_day_after()
{
    for reply in [Reply::disconnect(), Reply::status(500), Reply::text(201, "{}")] {
        let fixture = Fixture::new().await;
        fixture.server.script((0..9).map(|_| reply.clone()));
        fixture.register_once(&metadata()).await.unwrap_err();
        for (sent, minutes) in (1..).zip([1_i64, 4, 16, 64, 256, 1440, 1440, 1440]) {
            let wait = Duration::from_secs(minutes.unsigned_abs() * 60);
            assert_waits(fixture.register_once(&metadata()).await, wait);
            set_sent_at(&fixture, minutes * MINUTE - 5);
            assert_waits(fixture.register_once(&metadata()).await, Duration::from_secs(5));
            assert_eq!(fixture.request_count(), sent);
            set_sent_at(&fixture, minutes * MINUTE);
            let error = fixture.register_once(&metadata()).await.unwrap_err();
            assert_ne!(error.outcome(), Outcome::NotRegistered);
            assert_eq!(fixture.request_count(), sent + 1);
        }
        // A success starts over.
        assert!(fixture.store.clear_unknown().await.unwrap());
        let client = fixture.register_once(&metadata()).await.unwrap();
        fixture.store.mark_rejected(&client.client_id).await.unwrap();
        fixture.server.script([reply]);
        fixture.register_once(&metadata()).await.unwrap_err();
        assert_waits(fixture.register_once(&metadata()).await, Duration::from_secs(60));
    }
}

#[tokio::test]
async fn register_once_waits_for_the_same_metadata_and_endpoint_only() {
    let fixture = Fixture::new().await;
    fixture.server.script([Reply::status(500)]);
    fixture.register_once(&metadata()).await.unwrap_err();
    fixture.register_once(&metadata().with_scope("read")).await.unwrap();
    let other = Server::start().await;
    other.client().register_once(&metadata(), &fixture.store).await.unwrap();
    assert_waits(fixture.register_once(&metadata()).await, Duration::from_secs(60));
    assert_eq!((fixture.request_count(), other.requests().len()), (2, 1));
}

#[tokio::test]
async fn register_once_keeps_an_earlier_wait_after_a_refusal() {
    let fixture = Fixture::new().await;
    fixture.server.script([Reply::status(403), Reply::status(500)]);
    let error = fixture.register_once(&metadata()).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotRegistered);
    assert!(!fixture.text().contains("intents"));
    fixture.register_once(&metadata()).await.unwrap_err();

    // The count of unknown outcomes goes on: the next wait is the second.
    set_sent_at(&fixture, MINUTE);
    fixture.server.script([Reply::status(403), Reply::status(403), Reply::status(500)]);
    for _ in 0..3 {
        fixture.register_once(&metadata()).await.unwrap_err();
    }
    assert_waits(fixture.register_once(&metadata()).await, Duration::from_secs(4 * 60));
    assert_eq!(fixture.request_count(), 5);
}

#[tokio::test]
async fn register_once_waits_after_a_dropped_future() {
    let fixture = Fixture::new().await;
    let memory = MemoryStore::default();
    let stores: [&dyn RegistrationStore; 2] = [&fixture.store, &memory];
    for (requests, store) in (1..).zip(stores) {
        let timeout = Duration::from_millis(10);
        // The claim of a store without a lock would expire after ten more seconds.
        let poggio = fixture.server.client_builder().timeout(timeout).build().unwrap();
        fixture.server.script([Reply::registered().with_delay(Duration::from_secs(600))]);
        let requested = metadata();
        tokio::select! {
            result = fixture.poggio.register_once(&requested, store) => panic!("{result:?}"),
            () = eventually(|| fixture.request_count() == requests) => {}
        }
        if requests == 1 {
            for _ in 0..3 {
                let result = poggio.register_once(&requested, store).await;
                assert_waits(result, Duration::from_secs(60));
            }
        }
        assert_eq!(fixture.request_count(), requests);
    }
    let document: Value = serde_json::from_str(&memory.text().unwrap()).unwrap();
    assert_eq!(document["intents"].as_array().unwrap().len(), 1);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn register_once_waits_after_a_killed_process() {
    let fixture = Fixture::new().await;
    fixture.server.script([Reply::registered().with_delay(Duration::from_secs(600))]);
    let mut child = fixture.command().spawn().unwrap();
    eventually(|| fixture.request_count() == 1).await;
    child.kill().unwrap();
    child.wait().unwrap();
    for _ in 0..3 {
        let printed = fixture.run(3);
        assert!(printed.contains("clear_unknown"), "{printed}");
    }
    assert_eq!(fixture.request_count(), 1);
    set_sent_at(&fixture, MINUTE);
    fixture.run(0);
    assert_eq!(fixture.request_count(), 2);
}

#[tokio::test]
async fn register_once_sends_one_request_for_each_rejected_client() {
    let fixture = Fixture::new().await;
    for requests in 1..4 {
        for _ in 0..3 {
            fixture.register_once(&metadata()).await.unwrap();
        }
        assert_eq!(fixture.request_count(), requests);
        let client = fixture.register_once(&metadata()).await.unwrap();
        for is_first in [true, false] {
            let is_marked = fixture.store.mark_rejected(&client.client_id).await.unwrap();
            assert_eq!(is_marked, is_first);
        }
    }
}

#[tokio::test]
async fn expired_secrets_cost_two_requests_and_then_one_after_each_wait() {
    let fixture = Fixture::new().await;
    let expired = Reply::registered().with_member("client_secret_expires_at", seconds_ago(YEAR));
    fixture.server.script((0..9).map(|_| expired.clone()));
    let set_saved_at = |seconds| {
        let mut document = fixture.json();
        document["registrations"][0]["saved_at"] = seconds_ago(seconds);
        fixture.write(document.to_string());
    };
    fixture.register_once(&metadata()).await.unwrap();
    for (sent, minutes) in (2..).zip([1, 4, 16, 64, 256, 1440, 1440]) {
        for _ in 0..3 {
            fixture.register_once(&metadata()).await.unwrap();
        }
        assert_eq!(fixture.request_count(), sent);
        set_saved_at(minutes * MINUTE - 5);
        fixture.register_once(&metadata()).await.unwrap();
        assert_eq!(fixture.request_count(), sent);
        set_saved_at(minutes * MINUTE);
    }
}

#[tokio::test]
async fn changed_metadata_costs_one_request_for_each_different_metadata() {
    let fixture = Fixture::new().await;
    for _ in 0..5 {
        for scope in ["read", "read write", "write read"] {
            fixture.register_once(&metadata().with_scope(scope)).await.unwrap();
        }
    }
    assert_eq!(fixture.request_count(), 2);
}

#[tokio::test]
async fn register_once_waits_no_longer_than_from_now_after_a_clock_jumped_forward_and_back() {
    let fixture = Fixture::new().await;
    fixture.server.script([Reply::status(500), Reply::status(500)]);
    fixture.register_once(&metadata()).await.unwrap_err();
    // The request was sent by a clock a year ahead, which was then set back.
    set_sent_at(&fixture, -YEAR);
    for _ in 0..3 {
        assert_waits(fixture.register_once(&metadata()).await, Duration::from_secs(60));
    }
    assert_eq!(fixture.request_count(), 1);
    let mut document = fixture.json();
    document["intents"][0]["seen_at"] = seconds_ago(MINUTE);
    fixture.write(document.to_string());
    fixture.register_once(&metadata()).await.unwrap_err();
    assert_eq!(fixture.request_count(), 2);
    assert_waits(fixture.register_once(&metadata()).await, Duration::from_secs(4 * 60));
}

async fn register_at(
    poggio: &Client,
    store: &MemoryStore,
) -> Result<poggio::ClientInformation, Error> {
    poggio.register_once(&metadata(), store).await
}

#[tokio::test(start_paused = true)]
async fn register_once_waits_after_a_failed_save_and_loses_no_secret() {
    // This server uses the test's clock.
    let body = r#"{"client_id": "7", "client_secret": "hunter2"}"#;
    let wire = Wire::responding(sized("201 Created", "", body)).await;
    let saves_clients = Arc::new(AtomicBool::new(false));
    let saves = Arc::clone(&saves_clients);
    let store = MemoryStore::refusing(move |text| {
        text.contains("client_secret\"") && !saves.load(Ordering::Relaxed)
    });
    let poggio = wire.client();
    let error = register_at(&poggio, &store).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Registered);
    for _ in 0..3 {
        assert_waits(register_at(&poggio, &store).await, Duration::from_secs(60));
    }
    assert_eq!(wire.arrived(), 1);

    saves_clients.store(true, Ordering::Relaxed);
    let Error::Store(error) = error else { panic!("{error}") };
    let client = error.into_client().unwrap();
    poggio.save_registration(&metadata(), &store, &client).await.unwrap();
    let found = register_at(&poggio, &store).await.unwrap();
    assert_eq!((&*found.client_id, secret(&found)), ("7", "hunter2"));
    assert_eq!(wire.arrived(), 1);
    assert!(!store.text().unwrap().contains("intents"));
}

#[tokio::test(start_paused = true)]
async fn register_once_waits_after_an_intent_that_cannot_be_removed() {
    let wire = Wire::responding(sized("403 Forbidden", "", r#"{"detail": "closed"}"#)).await;
    let store = MemoryStore::refusing(|text| !text.contains("intents"));
    let error = register_at(&wire.client(), &store).await.unwrap_err();
    assert_eq!((error.status().unwrap().as_u16(), error.outcome()), (403, Outcome::NotRegistered));
    for _ in 0..3 {
        assert_waits(register_at(&wire.client(), &store).await, Duration::from_secs(60));
    }
    assert_eq!(wire.arrived(), 1);
}

#[tokio::test]
async fn intents_of_many_metadata_are_bounded_in_number_and_size() {
    let fixture = Fixture::new().await;
    fixture.server.script((0..40).map(|_| Reply::status(500)));
    for i in 0..40 {
        let long = ClientMetadata::new()
            .with_redirect_uri("https://acme.example/callback")
            .with_client_name(format!("{i}").repeat(1000));
        fixture.register_once(&long).await.unwrap_err();
    }
    // The others wait for the first of these.
    assert_eq!(fixture.request_count(), 32);
    assert!(fixture.text().len() < 16_000, "{}", fixture.text().len());
}
