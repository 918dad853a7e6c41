//! What a session keeps in memory: nothing after a logout, and the client of its last token.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use poggio::{
    RegistrationStore,
    oauth::{LoginOptions, Logout, OAuthErrorKind},
    store::{StoreFuture, Versioned, WriteResult},
    testing::Reply,
};
use serde_json::json;
use tokio::sync::Notify;

use super::Fixture;
use crate::support::store::MemoryStore;

/// A store without a lock, which counts its reads, and whose next write reports its end on request.
#[derive(Default)]
struct SlowStore {
    memory: MemoryStore,
    reads: AtomicUsize,
    /// Whether a write of the second token waits for `may_end` after it has taken effect.
    is_slow: AtomicBool,
    has_written: Notify,
    may_end: Notify,
}

impl RegistrationStore for SlowStore {
    fn read(&self) -> StoreFuture<'_, Option<Versioned>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.memory.read()
    }

    fn write<'a>(
        &'a self,
        text: &'a str,
        expected: Option<&'a Versioned>,
    ) -> StoreFuture<'a, WriteResult> {
        Box::pin(async move {
            let result = self.memory.write(text, expected).await;
            let is_second = text.contains("loopback-access-token-2");
            if is_second && self.is_slow.swap(false, Ordering::SeqCst) {
                self.has_written.notify_one();
                self.may_end.notified().await;
            }
            result
        })
    }
}

#[tokio::test]
async fn logout_discards_the_token_of_a_refresh_that_is_under_way() {
    let it = Fixture::new().await;
    let tokens = Arc::new(SlowStore::default());
    let session = it.expired_in(tokens.clone()).await;

    tokens.is_slow.store(true, Ordering::SeqCst);
    let refresh = tokio::spawn({
        let session = session.clone();
        async move { session.access_token().await.map(|token| token.expose().to_owned()) }
    });
    tokens.has_written.notified().await;
    assert_eq!(session.logout().await.unwrap(), Logout::Erased);
    tokens.may_end.notify_one();
    refresh.await.unwrap().unwrap();
    let error = session.access_token().await.unwrap_err();
    assert_eq!(error.kind(), OAuthErrorKind::LoginRequired);
}

#[tokio::test]
async fn access_token_reads_the_registration_once_for_each_refresh() {
    let it = Fixture::new().await;
    let (clients, tokens) = (Arc::new(SlowStore::default()), Arc::new(MemoryStore::default()));
    let builder = poggio::oauth::Session::builder(&it.poggio, clients.clone());
    let builder = builder.server(it.endpoints.clone()).token_store(tokens.clone());
    let session = builder.build().unwrap();
    it.server.script_token([Reply::issued().with_member("expires_in", 0)]);
    it.log_in(&session, LoginOptions::new()).await.unwrap();
    assert!(clients.memory.text().unwrap().contains("has_obtained_token"));

    it.server.script_token([Reply::issued().with_member("expires_in", 0)]);
    let before = clients.reads.load(Ordering::SeqCst);
    session.access_token().await.unwrap();
    assert_eq!(clients.reads.load(Ordering::SeqCst) - before, 1);
}

#[tokio::test]
async fn access_token_sends_a_refused_refresh_token_once_although_its_removal_was_not_saved() {
    let it = Fixture::new().await;
    let tokens = Arc::new(super::concurrency::FailingStore::default());
    let session = it.expired_in(tokens.clone()).await;

    it.server.script_token([Reply::json(400, json!({"error": "invalid_grant"}))]);
    tokens.set_fails(true);
    for _ in 0..2 {
        let error = session.access_token().await.unwrap_err();
        assert_eq!(error.kind(), OAuthErrorKind::Registration);
    }
    tokens.set_fails(false);
    let error = session.access_token().await.unwrap_err();
    assert_eq!(error.kind(), OAuthErrorKind::LoginRequired);
    assert_eq!(it.token_requests().len(), 2);
}
