//! Documents near the size limit: nothing is written that could not be read again, and clients can
//! still be listed and removed.

use std::{sync::Arc, time::Duration};

use poggio::{
    ClientInformation, Outcome, RegistrationStore, RegistrationStoreExt, store::WriteResult,
    testing::Server,
};
use serde_json::{Value, json};

use super::{PATH, bucket::Bucket, open};
use crate::support::{metadata, store::store_error};

const MAX_SIZE: usize = 64 * 1024 * 1024;

const TOO_LARGE: &str = "poggio/acme.json in Bucket has reached the limit of 64 MiB; remove clients, \
    or use another object";

#[tokio::test]
async fn shared_store_writes_nothing_that_it_could_not_read_again() {
    let bucket = Arc::new(Bucket::default());
    let store = open(&bucket);
    let error = store.write(&" ".repeat(MAX_SIZE), None).await.unwrap_err();
    assert_eq!(error.to_string(), TOO_LARGE);
    assert!(bucket.changed().is_empty());

    let largest = " ".repeat(MAX_SIZE - 1);
    assert_eq!(store.write(&largest, None).await.unwrap(), WriteResult::Written);
    let read = store.read().await.unwrap().unwrap();
    assert_eq!(read.expose(), largest);
    let error = store.write(&" ".repeat(MAX_SIZE), Some(&read)).await.unwrap_err();
    assert_eq!(error.to_string(), TOO_LARGE);
    assert_eq!(store.read().await.unwrap().unwrap().expose(), largest);
}

#[tokio::test]
async fn shared_store_preflight_requires_room_for_a_registration() {
    let bucket = Arc::new(Bucket::default());
    let store = open(&bucket);
    store.preflight(Duration::ZERO).await.unwrap();
    bucket.add(PATH, vec![b' '; MAX_SIZE - 512 * 1024 - 1]).await;
    store.preflight(Duration::ZERO).await.unwrap();
    bucket.add(PATH, vec![b' '; MAX_SIZE - 512 * 1024]).await;
    let error = store.preflight(Duration::ZERO).await.unwrap_err();
    assert_eq!(error.to_string(), TOO_LARGE);
}

/// Returns a bucket with the clients `large` and `small` in a document of the largest size, and its text.
async fn full_bucket() -> (Arc<Bucket>, String) {
    let store = open(&Arc::new(Bucket::default()));
    for client_id in ["large", "small"] {
        let client = json!({"client_id": client_id, "client_secret": "s3cr3t", "padding": ""});
        let client = ClientInformation::from_json(&client.to_string()).unwrap();
        store.import(&format!("https://{client_id}.example/register"), &client).await.unwrap();
    }
    // Without white space, so that the usual form of the same document would be too large.
    let text = store.read().await.unwrap().unwrap();
    let text = serde_json::from_str::<Value>(text.expose()).unwrap().to_string();
    let padding = "x".repeat(MAX_SIZE - 1 - text.len());
    let text = text.replacen(r#""padding":"""#, &format!(r#""padding":"{padding}""#), 1);
    assert_eq!(text.len(), MAX_SIZE - 1);
    let bucket = Arc::new(Bucket::default());
    bucket.add(PATH, text.clone()).await;
    (bucket, text)
}

#[tokio::test]
async fn register_once_sends_nothing_if_its_claim_does_not_fit() {
    let (bucket, text) = full_bucket().await;
    let (server, store) = (Server::start().await, open(&bucket));
    let error = server.client().register_once(&metadata(), &store).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotRegistered);
    assert_eq!(store_error(&error).to_string(), TOO_LARGE);
    assert!(server.requests().is_empty());
    assert!(store.read().await.unwrap().unwrap().expose() == text);
}

#[tokio::test]
async fn clients_of_a_document_of_the_largest_size_are_listed_and_retired() {
    let store = open(&full_bucket().await.0);
    assert_eq!(store.list().await.unwrap().len(), 2);
    assert!(store.mark_rejected("small").await.unwrap());
    assert!(store.remove("large").await.unwrap());
    let registrations = store.list().await.unwrap();
    assert!(registrations.iter().all(|registration| registration.retired().is_some()));
    let server = Server::start().await;
    server.client().register_once(&metadata(), &store).await.unwrap();
}
