//! Writes that fail for a moment, in a store without a lock: repeated only if the token would be lost.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use poggio::oauth::OAuthErrorKind;

use super::Fixture;
use crate::support::store::MemoryStore;

const SECOND_TOKEN: &str = "loopback-access-token-2-of-no-value-elsewhere";

/// Returns a store without a lock, and how many of the next writes of a text with `marker` fail.
fn flaky_store(marker: &'static str) -> (Arc<MemoryStore>, Arc<AtomicU32>) {
    let failures_left = Arc::new(AtomicU32::new(0));
    let left = Arc::clone(&failures_left);
    let refuses = move |text: &str| {
        let one_less = |left: u32| left.checked_sub(1);
        text.contains(marker)
            && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok()
    };
    (Arc::new(MemoryStore::refusing(refuses)), failures_left)
}

#[tokio::test]
async fn access_token_repeats_the_write_of_a_new_token() {
    let it = Fixture::new().await;
    let (tokens, failures_left) = flaky_store(SECOND_TOKEN);
    let session = it.expired_in(tokens.clone()).await;
    failures_left.store(3, Ordering::SeqCst);

    assert_eq!(session.access_token().await.unwrap().expose(), SECOND_TOKEN);
    assert_eq!(failures_left.load(Ordering::SeqCst), 0);
    assert!(tokens.text().unwrap().contains(SECOND_TOKEN));
    assert_eq!(it.token_requests().len(), 2);
}

#[tokio::test]
async fn access_token_repeats_no_write_before_its_request() {
    let it = Fixture::new().await;
    let (tokens, failures_left) = flaky_store("\"claim\"");
    let session = it.expired_in(tokens.clone()).await;
    let before = tokens.text();
    failures_left.store(10, Ordering::SeqCst);

    let error = session.access_token().await.unwrap_err();
    assert_eq!(error.kind(), OAuthErrorKind::Registration, "{error}");
    assert_eq!(failures_left.load(Ordering::SeqCst), 9);
    assert_eq!(tokens.text(), before);
    assert_eq!(it.token_requests().len(), 1, "only that of the login");
}
