//! Object stores that fail, lose responses, or lack conditional writes, and what the errors show.

use std::sync::Arc;

use poggio::{
    Error, Outcome, RegistrationStore, RegistrationStoreExt, StoreErrorKind,
    store::{
        SharedStore,
        object_store::{ObjectStoreExt, RetryConfig, aws::AmazonS3Builder},
    },
    testing::Server,
};

use super::{
    PATH,
    bucket::{Bucket, Conditions, Fault},
    open,
    s3::PlainHttp,
};
use crate::support::{Wire, all_shown, debugged, metadata, sized, store::store_error};

/// The accesses of a host that finds an empty store. The first two are reads.
const CONDITIONS: usize = 2;
const CLAIM: usize = 3;
pub(super) const READ_AFTER_CLAIM: usize = 4;
/// After the request.
pub(super) const SAVE: usize = 5;

#[tokio::test]
async fn register_once_sends_nothing_if_the_service_fails_before_the_request() {
    for access in 0..SAVE {
        let server = Server::start().await;
        let bucket = Arc::new(Bucket::with_fault(access, Fault::Fails));
        let error = server.client().register_once(&metadata(), &open(&bucket)).await.unwrap_err();
        assert_eq!(server.requests().len(), 0, "{access}");
        assert_eq!(error.outcome(), Outcome::NotRegistered, "{access}");
        let action = if matches!(access, CONDITIONS | CLAIM) { "write" } else { "read" };
        let text = format!(
            "poggio/acme.json in Bucket could not be used: failed to {action} it: out of order"
        );
        assert!(error.to_string().contains(&text), "{access}: {error}");
        assert_eq!(store_error(&error).kind(), StoreErrorKind::Failed);
        assert!(store_error(&error).client().is_none());
    }
}

#[tokio::test]
async fn register_once_finds_a_write_whose_response_is_lost_and_retries_a_failed_save() {
    for (access, fault) in [
        (CLAIM, Fault::RetriesAfterWrite),
        (SAVE, Fault::RetriesAfterWrite),
        (SAVE, Fault::LosesResponse),
        (SAVE, Fault::Fails),
    ] {
        let server = Server::start().await;
        let bucket = Arc::new(Bucket::with_fault(access, fault));
        let client = server.client().register_once(&metadata(), &open(&bucket)).await.unwrap();
        assert_eq!(client.client_id, "loopback-client-1");
        assert_eq!(server.requests().len(), 1, "{access}");
        assert_eq!(open(&bucket).list().await.unwrap().len(), 1);
        let stored = open(&bucket).read().await.unwrap().unwrap();
        assert!(!stored.expose().contains("\"claim\""), "{access}");
    }
}

#[tokio::test]
async fn register_once_refuses_a_service_without_conditional_writes() {
    for (conditions, problem) in [
        (Conditions::Ignored, "ignores the condition of a write"),
        (Conditions::CreateOnly, "does not support conditional writes"),
        (Conditions::NoTags, "returns neither an ETag nor a version"),
    ] {
        let server = Server::start().await;
        let bucket = Arc::new(Bucket::with_conditions(conditions));
        for _ in 0..2 {
            let call = server.client().register_once(&metadata(), &open(&bucket)).await;
            let error = call.unwrap_err();
            assert_eq!(error.outcome(), Outcome::NotRegistered);
            assert_eq!(
                store_error(&error).to_string(),
                format!(
                    "poggio/acme.json in Bucket cannot be used: its service {problem}, so two \
                     hosts could overwrite each other; use a service with conditional writes, \
                     and leave them on"
                ),
            );
        }
        assert!(server.requests().is_empty());
        let is_written = bucket.inner.get(&PATH.into()).await.is_ok();
        assert_eq!(is_written, conditions == Conditions::NoTags, "{conditions:?}");
    }
}

/// Returns a store on S3 whose credentials must not be shown.
fn s3(endpoint: &str) -> SharedStore {
    let s3 = AmazonS3Builder::new()
        .with_endpoint(endpoint)
        .with_bucket_name("acme")
        .with_region("us-east-1")
        .with_access_key_id("AKIAHIDDEN")
        .with_secret_access_key("hidden-key")
        .with_token("hidden-token")
        .with_allow_http(true)
        .with_http_connector(PlainHttp::new())
        .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() });
    SharedStore::new(Arc::new(s3.build().unwrap()), PATH).unwrap()
}

#[tokio::test]
async fn shared_store_error_shows_the_code_of_the_service_and_nothing_that_was_sent() {
    let body = "<Error><Code>SignatureDoesNotMatch</Code><Message>hidden-message</Message>\
         <AWSAccessKeyId>AKIAHIDDEN</AWSAccessKeyId><CanonicalRequest>PUT x-amz-security-token:\
         hidden-token</CanonicalRequest><Echo>hidden-text</Echo></Error>";
    for (status, body, expected) in [
        (
            "403 Forbidden",
            body,
            "403 Forbidden, SignatureDoesNotMatch (the credentials lack permission)",
        ),
        ("401 Unauthorized", "hidden-text", "401 Unauthorized (the credentials were rejected)"),
        ("400 Bad Request", "<Code>hidden-text hidden</Code>", "400 Bad Request"),
        ("500 Oops", "", "500 Internal Server Error"),
    ] {
        let server = Wire::answering(sized(status, "", body)).await;
        let store = s3(&server.base_url);
        let write = store.write("hidden-text", None).await.unwrap_err();
        for (action, error) in [("read", store.read().await.unwrap_err()), ("write", write)] {
            let start = "poggio/acme.json in AmazonS3(acme) could not be used";
            assert_eq!(error.to_string(), format!("{start}: failed to {action} it: {expected}"));
            let shown = all_shown(&Error::from(error)).to_lowercase();
            assert!(!shown.contains("hidden"), "{shown}");
        }
        assert!(!debugged(&store).to_lowercase().contains("hidden"));
    }
}

#[tokio::test]
async fn shared_store_error_names_a_missing_bucket_and_a_refused_connection() {
    let body = "<Error><Code>NoSuchBucket</Code></Error>";
    let server = Wire::answering(sized("404 Not Found", "", body)).await;
    let store = s3(&server.base_url);
    assert!(store.read().await.unwrap().is_none());
    let error = store.write("text", None).await.unwrap_err().to_string();
    let end = "failed to write it: 404 Not Found, NoSuchBucket (check that the bucket exists)";
    assert!(error.ends_with(end), "{error}");

    let nobody = Wire::nobody();
    let error = s3(&nobody.base_url).read().await.unwrap_err().to_string();
    assert!(error.contains("failed to read it: Connection refused"), "{error}");
}
