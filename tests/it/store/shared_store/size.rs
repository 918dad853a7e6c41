//! Documents near the size limit: nothing is written that could not be read again, and clients can
//! still be listed and removed.

use std::sync::Arc;

use poggio::{
    ClientInformation, Outcome, RegistrationStore, RegistrationStoreExt, testing::Server,
};
use serde_json::json;

use super::{bucket::Bucket, open};
use crate::support::{metadata, store::store_error};

const MAX_SIZE: usize = 64 * 1024 * 1024;

/// Imports a client for another endpoint, whose document has this length.
async fn fill(bucket: &Arc<Bucket>, length: usize) {
    let store = open(bucket);
    let client = |padding: usize| {
        let json = json!({"client_id": "large", "padding": "x".repeat(padding)});
        ClientInformation::from_json(&json.to_string()).unwrap()
    };
    let probe = Arc::new(Bucket::default());
    let endpoint = "https://a.example/register";
    open(&probe).import(endpoint, &client(0)).await.unwrap();
    let overhead = open(&probe).read().await.unwrap().unwrap().expose().len();
    store.import(endpoint, &client(length - overhead)).await.unwrap();
    assert_eq!(store.read().await.unwrap().unwrap().expose().len(), length);
}

#[tokio::test]
async fn shared_store_writes_nothing_that_it_could_not_read_again() {
    // A claim does not fit; a claim fits, but not the client; a client of the largest size may not fit.
    for length in [MAX_SIZE - 1, MAX_SIZE - 400, MAX_SIZE - 512 * 1024] {
        let (server, bucket) = (Server::start().await, Arc::new(Bucket::default()));
        fill(&bucket, length).await;
        let store = open(&bucket);
        let before = store.read().await.unwrap().unwrap();
        let error = server.client().register_once(&metadata(), &store).await.unwrap_err();
        assert_eq!(error.outcome(), Outcome::NotRegistered, "{error}");
        let message = store_error(&error).to_string();
        assert!(message.contains("has reached the 64 MiB that are read of it"), "{message}");
        assert!(server.requests().is_empty());
        assert_eq!(store.read().await.unwrap().unwrap().expose(), before.expose());

        assert_eq!(store.list().await.unwrap()[0].client().client_id, "large");
        assert!(store.remove("large").await.unwrap());
        assert!(store.list().await.unwrap()[0].retired().is_some());
    }
    let store = open(&Arc::new(Bucket::default()));
    let error = store.write(&" ".repeat(MAX_SIZE), None).await.unwrap_err();
    assert!(error.to_string().contains("has reached the 64 MiB"), "{error}");
    assert!(store.read().await.unwrap().is_none());
}
