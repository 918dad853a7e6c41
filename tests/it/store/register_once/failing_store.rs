//! A store that fails or is too slow: no secret is lost, and the error states the outcome.

use std::time::Duration;

use poggio::{
    Client, Error, Outcome,
    testing::{Reply, Server},
};

use crate::support::{
    Wire, all_shown, metadata, sized,
    store::{MemoryStore, secret},
};

#[tokio::test]
async fn register_once_loses_no_secret_if_the_store_fails_from_any_access_on() {
    // Read, read again, claim, read; the request; save.
    const BEFORE_THE_REQUEST: usize = 4;
    for fails_from in 0..=BEFORE_THE_REQUEST {
        let server = Server::start().await;
        let store = MemoryStore::failing_from(fails_from);
        let error = server.client().register_once(&metadata(), &store).await.unwrap_err();
        let is_sent = fails_from == BEFORE_THE_REQUEST;
        assert_eq!(server.requests().len(), usize::from(is_sent), "{fails_from}");
        let shown = all_shown(&error);
        assert!(shown.contains("vault secret/acme cannot be reached"), "{shown}");
        assert!(shown.contains("connection refused"), "{shown}");
        assert!(!shown.contains("loopback-secret"), "{shown}");
        let (outcome, attempts) = (error.outcome(), error.attempts());
        let Error::Store(error) = error else { panic!("{error}") };
        match error.into_client() {
            None => assert_eq!((outcome, attempts), (Outcome::NotRegistered, 0)),
            Some(client) => {
                assert!(is_sent);
                assert_eq!((outcome, attempts), (Outcome::Registered, 1));
                assert_eq!(secret(&client), "loopback-secret-1-of-no-value-elsewhere");
                assert!(shown.contains(r#"the client "loopback-client-1" could not be saved"#));
            }
        }
    }
    let server = Server::start().await;
    let store = MemoryStore::failing_from(BEFORE_THE_REQUEST + 1);
    let client = server.client().register_once(&metadata(), &store).await.unwrap();
    assert_eq!((&*client.client_id, server.requests().len()), ("loopback-client-1", 1));
}

#[tokio::test]
async fn register_once_releases_its_claim_after_an_error_and_after_a_registration() {
    let (server, store) = (Server::start().await, MemoryStore::default());
    server.script([Reply::status(403)]);
    server.client().register_once(&metadata(), &store).await.unwrap_err();
    let text = store.text().unwrap();
    assert!(!text.contains("claim"), "{text}");
    server.client().register_once(&metadata(), &store).await.unwrap();
    let text = store.text().unwrap();
    assert!(!text.contains("claim") && text.contains("loopback-client-1"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn register_once_sends_nothing_if_the_store_is_too_slow_for_its_claims() {
    // This server uses the test's clock.
    let wire = Wire::responding(sized("201 Created", "", r#"{"client_id": "7"}"#)).await;
    let poggio = Client::builder().base_url(&wire.base_url).build().unwrap();
    let store = |latency, preflight_latency| {
        MemoryStore::slow(Duration::from_secs(latency), Duration::from_secs(preflight_latency))
    };
    // The slack of a claim is ten seconds, for a write, a read and the preflight.
    for store in [store(6, 0), store(0, 11)] {
        let error = poggio.register_once(&metadata(), &store).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "vault secret/acme is too slow: its claim could expire before the response arrives; \
             no client was registered: fix the store, then call again"
        );
        assert_eq!((wire.arrived(), error.outcome()), (0, Outcome::NotRegistered));
    }
    let client = poggio.register_once(&metadata(), &store(4, 1)).await.unwrap();
    assert_eq!(client.client_id, "7");
}
