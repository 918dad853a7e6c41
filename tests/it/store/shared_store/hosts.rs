//! Hosts that die, are slow, or never end their claim. All tests use tokio's paused clock.

use std::{sync::Arc, time::Duration};

use poggio::{
    Client, Outcome, RegistrationStore, RegistrationStoreExt, StoreErrorKind,
    store::{RetiredReason, object_store::ObjectStoreExt},
};
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::{
    PATH,
    bucket::{Bucket, Fault},
    faults::{READ_AFTER_CLAIM, SAVE},
    open,
};
use crate::support::{
    ServerBehaviour, Wire, metadata, sized,
    store::{secret, store_error},
};

const SECRET: &str = "hunter2";
const TIMEOUT: Duration = Duration::from_secs(2);
/// The term of a claim: `TIMEOUT` and ten seconds.
const TERM: Duration = Duration::from_secs(12);

/// Returns a server on the test's clock that registers `client-1`, `client-2` and `client-3`.
async fn wire() -> (Wire, Client) {
    let response = |i| {
        let body = format!(r#"{{"client_id": "client-{i}", "client_secret": "{SECRET}"}}"#);
        ServerBehaviour::Responds(sized("201 Created", "", &body))
    };
    let wire = Wire::serve(vec![response(1), response(2), response(3)]).await;
    let poggio = Client::builder().base_url(&wire.base_url).timeout(TIMEOUT).build().unwrap();
    (wire, poggio)
}

#[tokio::test(start_paused = true)]
async fn register_once_waits_one_term_for_a_host_that_died() {
    let (_wire, poggio) = wire().await;
    let fault = Fault::Delays(Duration::MAX / 4);
    let bucket = Arc::new(Bucket::with_fault(READ_AFTER_CLAIM, fault));
    let call = async { poggio.register_once(&metadata(), &open(&bucket)).await };
    timeout(Duration::from_secs(1), call).await.unwrap_err();
    let stored = open(&bucket).read().await.unwrap().unwrap();
    assert!(stored.expose().contains("\"term_seconds\": 12"));

    let start = Instant::now();
    let error = poggio.register_once(&metadata(), &open(&bucket)).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert!((TERM..TERM + TIMEOUT).contains(&start.elapsed()), "{:?}", start.elapsed());
    assert!(open(&bucket).clear_unknown().await.unwrap());
    let client = poggio.register_once(&metadata(), &open(&bucket)).await.unwrap();
    assert_eq!(client.client_id, "client-1");
    // Later calls do not wait.
    let start = Instant::now();
    let client = poggio.register_once(&metadata(), &open(&bucket)).await.unwrap();
    assert_eq!((client.client_id.as_str(), start.elapsed()), ("client-1", Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn register_once_on_a_slow_host_returns_the_client_of_the_winner_and_lists_its_own() {
    let (_wire, poggio) = wire().await;
    let bucket = Arc::new(Bucket::with_fault(SAVE, Fault::Delays(Duration::from_secs(60))));
    let (first, second, requested) = (open(&bucket), open(&bucket), metadata());
    let (slow, winner) = tokio::join!(poggio.register_once(&requested, &first), async {
        // A person overrides the wait for the slow host.
        sleep(Duration::from_secs(1)).await;
        assert!(second.clear_unknown().await.unwrap());
        poggio.register_once(&requested, &second).await
    });
    assert_eq!(winner.unwrap().client_id, "client-2");
    assert_eq!(slow.unwrap().client_id, "client-2");

    let registrations = first.list().await.unwrap();
    let stored: Vec<_> = registrations
        .iter()
        .map(|r| (&*r.client().client_id, r.retired().map(|r| r.reason)))
        .collect();
    assert_eq!(stored, [("client-1", Some(RetiredReason::LostRace)), ("client-2", None)]);
    assert!(registrations[0].client().client_secret.is_none());
    assert_eq!(secret(registrations[1].client()), SECRET);
}

#[tokio::test(start_paused = true)]
async fn register_once_names_the_owner_of_a_claim_that_does_not_end() {
    let (wire, poggio) = wire().await;
    let bucket = Arc::new(Bucket::default());
    let document = json!({
        "format": 2, "last_number": 0,
        "claim": {"owner": "process 7 (cafe)", "term_seconds": 1_000_000},
        "registrations": [],
    });
    bucket.inner.put(&PATH.into(), document.to_string().into()).await.unwrap();

    let start = Instant::now();
    let error = poggio.register_once(&metadata(), &open(&bucket)).await.unwrap_err();
    assert!((TERM..TERM + 2 * TIMEOUT).contains(&start.elapsed()), "{:?}", start.elapsed());
    assert_eq!(error.outcome(), Outcome::NotRegistered);
    insta::assert_snapshot!(error, @"poggio/acme.json in Bucket was still in use after 14s: process 7 (cafe) has claimed it; no client was registered: wait for the other callers or stop them, then call again");
    assert_eq!(store_error(&error).kind(), StoreErrorKind::Busy);
    assert_eq!(wire.arrived(), 0);
}

#[tokio::test(start_paused = true)]
async fn register_once_returns_the_client_in_the_error_if_no_save_succeeds_in_time() {
    let (wire, poggio) = wire().await;
    let bucket = Arc::new(Bucket::with_fault(SAVE, Fault::RefusesFromHere));
    let start = Instant::now();
    let error = poggio.register_once(&metadata(), &open(&bucket)).await.unwrap_err();
    assert!((TIMEOUT..2 * TIMEOUT).contains(&start.elapsed()), "{:?}", start.elapsed());
    assert_eq!(error.outcome(), Outcome::Registered);
    let error = store_error(&error);
    assert_eq!(error.kind(), StoreErrorKind::Busy);
    assert_eq!(
        error.to_string(),
        "the client \"client-1\" could not be saved: poggio/acme.json in Bucket was still in use \
         after 2s: other callers keep changing it"
    );
    assert_eq!(secret(error.client().unwrap()), SECRET);
    assert_eq!(wire.arrived(), 1);
}
