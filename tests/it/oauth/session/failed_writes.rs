//! Writes that fail for a moment, in a store without a lock: repeated only if the token would be lost.

use std::sync::{Arc, Mutex};

use poggio::{
    RegistrationStore, StoreError,
    oauth::OAuthErrorKind,
    store::{StoreFuture, Versioned, WriteResult},
};

use super::Fixture;
use crate::support::store::MemoryStore;

const SECOND_TOKEN: &str = "loopback-access-token-2-of-no-value-elsewhere";

/// A store without a lock. The next writes of a text with `marker` fail.
#[derive(Default)]
struct FlakyStore {
    memory: MemoryStore,
    marker: &'static str,
    failures_left: Mutex<u32>,
}

impl FlakyStore {
    fn new(marker: &'static str) -> Arc<Self> {
        Arc::new(Self { marker, ..Self::default() })
    }

    fn fail(&self, times: u32) {
        *self.failures_left.lock().unwrap() = times;
    }

    fn failures_left(&self) -> u32 {
        *self.failures_left.lock().unwrap()
    }
}

impl RegistrationStore for FlakyStore {
    fn read(&self) -> StoreFuture<'_, Option<Versioned>> {
        self.memory.read()
    }

    fn write<'a>(
        &'a self,
        text: &'a str,
        expected: Option<&'a Versioned>,
    ) -> StoreFuture<'a, WriteResult> {
        let mut left = self.failures_left.lock().unwrap();
        if *left > 0 && text.contains(self.marker) {
            *left -= 1;
            return Box::pin(async { Err(StoreError::new("could not be reached")) });
        }
        self.memory.write(text, expected)
    }
}

#[tokio::test]
async fn access_token_repeats_the_write_of_a_new_token() {
    let it = Fixture::new().await;
    let tokens = FlakyStore::new(SECOND_TOKEN);
    let session = it.expired_in(tokens.clone()).await;
    tokens.fail(3);

    assert_eq!(session.access_token().await.unwrap().expose(), SECOND_TOKEN);
    assert_eq!(tokens.failures_left(), 0);
    assert!(tokens.memory.text().unwrap().contains(SECOND_TOKEN));
    assert_eq!(it.token_requests().len(), 2);
}

#[tokio::test]
async fn access_token_repeats_no_write_before_its_request() {
    let it = Fixture::new().await;
    let tokens = FlakyStore::new("\"claim\"");
    let session = it.expired_in(tokens.clone()).await;
    let before = tokens.memory.text();
    tokens.fail(10);

    let error = session.access_token().await.unwrap_err();
    assert_eq!(error.kind(), OAuthErrorKind::Registration, "{error}");
    assert_eq!(tokens.failures_left(), 9);
    assert_eq!(tokens.memory.text(), before);
    assert_eq!(it.token_requests().len(), 1, "only that of the login");
}
