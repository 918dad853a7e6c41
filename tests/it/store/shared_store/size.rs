//! Documents near the size limit: nothing is written that could not be read again, and clients can
//! still be listed and removed.

use std::{sync::Arc, time::Duration};

use poggio::{
    ClientInformation, Outcome, RegistrationStore, RegistrationStoreExt, store::WriteResult,
    testing::Server,
};
use serde_json::json;

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

#[tokio::test]
async fn clients_of_a_document_of_the_largest_size_are_listed_and_removed() {
    let client = |padding: usize| {
        let json = json!({"client_id": "large", "padding": "x".repeat(padding)});
        ClientInformation::from_json(&json.to_string()).unwrap()
    };
    let endpoint = "https://a.example/register";
    let store = open(&Arc::new(Bucket::default()));
    store.import(endpoint, &client(0)).await.unwrap();
    let overhead = store.read().await.unwrap().unwrap().expose().len();

    let bucket = Arc::new(Bucket::default());
    let store = open(&bucket);
    store.import(endpoint, &client(MAX_SIZE - 1 - overhead)).await.unwrap();
    let before = store.read().await.unwrap().unwrap();
    assert_eq!(before.expose().len(), MAX_SIZE - 1);

    // A claim does not fit.
    let server = Server::start().await;
    let error = server.client().register_once(&metadata(), &store).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotRegistered);
    assert_eq!(store_error(&error).to_string(), TOO_LARGE);
    assert!(server.requests().is_empty());
    assert!(store.read().await.unwrap().unwrap().expose() == before.expose());

    assert_eq!(store.list().await.unwrap()[0].client().client_id, "large");
    assert!(store.remove("large").await.unwrap());
    let registrations = store.list().await.unwrap();
    assert!(registrations[0].retired().is_some());
    server.client().register_once(&metadata(), &store).await.unwrap();
}
