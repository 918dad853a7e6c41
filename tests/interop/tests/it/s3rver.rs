//! An S3 without conditional writes, by s3rver. It has to be refused before anything is registered or
//! written over.

use std::sync::Arc;

use object_store::{
    ObjectStoreExt,
    aws::{AmazonS3, AmazonS3Builder},
    memory::InMemory,
};
use poggio::{Error, Outcome, RegistrationStore, RegistrationStoreExt, testing::Server};

use crate::{
    service::{Service, installed, node},
    shared_store::{PATH, client_options, contents, metadata, open, retry},
};

fn start(folder: &str) -> Option<Service> {
    let mut command = node("s3rver", "node_modules/s3rver/bin/s3rver.js")?;
    command
        .arg("--directory")
        .arg(installed(folder))
        .args(["--address", "127.0.0.1", "--port", "0", "--silent"])
        .args(["--no-vhost-buckets", "--allow-mismatched-signatures"])
        .args(["--configure-bucket", "bucket1"]);
    Some(Service::start(&mut command, "listening on 127.0.0.1:"))
}

fn connect(s3rver: &Service) -> Arc<AmazonS3> {
    let s3 = AmazonS3Builder::new()
        .with_endpoint(&s3rver.url)
        .with_bucket_name("bucket1")
        .with_region("us-east-1")
        .with_access_key_id("S3RVER")
        .with_secret_access_key("S3RVER")
        .with_client_options(client_options())
        .with_retry(retry());
    Arc::new(s3.build().unwrap())
}

/// Calls everything that writes, and asserts that it fails and changes nothing.
async fn assert_refused(s3: &Arc<AmazonS3>) {
    let (server, before) = (Server::start().await, contents(&**s3).await);
    let poggio = server.client();
    for _ in 0..2 {
        let error = poggio.register_once(&metadata(), &open(s3)).await.unwrap_err();
        assert_eq!(error.outcome(), Outcome::NotRegistered);
        assert!(matches!(error, Error::Store(_)), "{error}");
        assert!(error.to_string().contains("its service ignores If-"), "{error}");
    }
    let entered = poggio::ClientInformation::from_json(r#"{"client_id": "7"}"#).unwrap();
    let import = open(s3).import(poggio.registration_endpoint(), &entered).await;
    assert!(import.unwrap_err().to_string().contains("its service ignores If-"));
    assert!(server.requests().is_empty());
    assert_eq!(contents(&**s3).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn shared_store_refuses_s3rver_with_an_empty_bucket() {
    let Some(s3rver) = start("empty") else { return };
    assert_refused(&connect(&s3rver)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shared_store_refuses_s3rver_with_an_object_and_leaves_it_alone() {
    // A document with a client of another server.
    let (loopback, memory) = (Server::start().await, Arc::new(InMemory::new()));
    let client = loopback.client().register_once(&metadata(), &open(&memory)).await.unwrap();
    let document = open(&memory).read().await.unwrap().unwrap().expose().to_owned();

    let Some(s3rver) = start("object") else { return };
    let s3 = connect(&s3rver);
    s3.put(&PATH.into(), document.clone().into()).await.unwrap();
    assert_refused(&s3).await;
    assert_eq!(contents(&*s3).await, [(PATH.to_owned(), document)]);
    // A client that is there is found without a write.
    let found = loopback.client().register_once(&metadata(), &open(&s3)).await.unwrap();
    assert_eq!(found.client_id, client.client_id);
    assert!(open(&s3).remove(&client.client_id).await.is_err());
    assert_eq!(loopback.requests().len(), 1);
}
