//! Object stores that fail, lose responses, or lack conditional writes, and what the errors show.

use std::sync::Arc;

use poggio::{
    Error, Outcome, RegistrationStore, RegistrationStoreExt, StoreErrorKind,
    store::{
        SharedStore,
        object_store::{RetryConfig, aws::AmazonS3Builder},
    },
    testing::Server,
};

use super::{
    PATH,
    bucket::{Bucket, Fault},
    open,
    plain_http::PlainHttp,
};
use crate::support::{Wire, all_shown, debugged, metadata, sized, store::store_error};

/// The accesses of a host that finds an empty store. The first two are reads; then follow the seven of
/// the check of the conditions, four of which are writes.
const CHECK: std::ops::Range<usize> = 2..9;
const WRITES_OF_CHECK: [usize; 4] = [2, 4, 6, 7];
const CLAIM: usize = 9;
pub(super) const READ_AFTER_CLAIM: usize = 10;
/// After the preflight, which is a read, and the request.
pub(super) const SAVE: usize = 12;

#[tokio::test]
async fn register_once_sends_nothing_if_the_service_fails_before_the_request() {
    for access in 0..SAVE {
        let server = Server::start().await;
        let bucket = Arc::new(Bucket::with_fault(access, Fault::Fails));
        let error = server.client().register_once(&metadata(), &open(&bucket)).await.unwrap_err();
        assert_eq!(server.requests().len(), 0, "{access}");
        assert_eq!(error.outcome(), Outcome::NotRegistered, "{access}");
        let is_write = access == CLAIM || WRITES_OF_CHECK.contains(&access);
        let action = if is_write { "write" } else { "read" };
        let what = if CHECK.contains(&access) {
            "the test object poggio/acme.json@probe-"
        } else {
            "it: out of order"
        };
        let text =
            format!("poggio/acme.json in Bucket could not be used: failed to {action} {what}");
        assert!(error.to_string().contains(&text), "{access}: {error}");
        assert!(error.to_string().contains(": out of order"), "{access}: {error}");
        assert_eq!(bucket.contents().await.len(), usize::from(access > CLAIM), "{access}");
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

/// Replaces the unique part of a probe's path.
fn without_unique_ids(message: &str) -> String {
    match message.split_once("@probe-") {
        Some((start, end)) => format!("{start}@probe-*{}", &end[32..]),
        None => message.to_owned(),
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
        let server = Wire::responding(sized(status, "", body)).await;
        let store = s3(&server.base_url);
        let write = store.write("hidden-text", None).await.unwrap_err();
        for (action, error) in [
            ("read it", store.read().await.unwrap_err()),
            ("write the test object poggio/acme.json@probe-*", write),
        ] {
            let start = "poggio/acme.json in AmazonS3(acme) could not be used";
            let message = without_unique_ids(&error.to_string());
            assert_eq!(message, format!("{start}: failed to {action}: {expected}"));
            let shown = all_shown(&Error::from(error)).to_lowercase();
            assert!(!shown.contains("hidden"), "{shown}");
        }
        assert!(!debugged(&store).to_lowercase().contains("hidden"));
    }
}

#[tokio::test]
async fn shared_store_error_names_a_missing_bucket_and_a_refused_connection() {
    let body = "<Error><Code>NoSuchBucket</Code></Error>";
    let server = Wire::responding(sized("404 Not Found", "", body)).await;
    let store = s3(&server.base_url);
    assert!(store.read().await.unwrap().is_none());
    let error = store.write("text", None).await.unwrap_err().to_string();
    let end = ": 404 Not Found, NoSuchBucket (check that the bucket exists)";
    assert!(error.ends_with(end), "{error}");

    let nobody = Wire::nobody();
    let error = s3(&nobody.base_url).read().await.unwrap_err().to_string();
    assert!(error.contains("failed to read it: Connection refused"), "{error}");
}
