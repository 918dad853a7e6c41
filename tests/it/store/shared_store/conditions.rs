//! Services that handle the conditions of a write in their own way: those that cannot be relied on are
//! refused before anything is registered or changed.

use std::sync::Arc;

use poggio::{
    Outcome, RegistrationStore, RegistrationStoreExt, StoreErrorKind, store::WriteResult,
    testing::Server,
};

use super::{
    PATH,
    bucket::{Bucket, Conditions, Fault},
    open,
};
use crate::support::{
    metadata,
    store::{secret, store_error},
};

/// What the error says of each service that is refused.
const REFUSED: [(Conditions, &str); 11] = [
    (Conditions::Ignored, "ignores If-Match"),
    (Conditions::IgnoresIfMatch, "ignores If-Match"),
    (Conditions::IgnoresIfNoneMatch, "ignores If-None-Match"),
    (Conditions::CreateOnly, "does not support conditional writes"),
    (Conditions::NoTags, "returns neither an ETag nor a version"),
    (Conditions::WeakTags, "does not accept the ETag that it gave"),
    (Conditions::LengthTags, "gives different contents the same ETag"),
    (Conditions::WritesAndRefuses, "writes although it reports a conflict"),
    (Conditions::RefusesAll, "does not create an object"),
    (Conditions::AcceptsUnmet, "ignores If-Match"),
    (Conditions::DropsWrites, "does not return what was just written"),
];

/// Returns the text of a store that has one client, for another endpoint.
async fn text_of_another_host() -> String {
    let (server, bucket) = (Server::start().await, Arc::new(Bucket::default()));
    server.client().register_once(&metadata(), &open(&bucket)).await.unwrap();
    open(&bucket).read().await.unwrap().unwrap().expose().to_owned()
}

fn is_probe(path: &str) -> bool {
    path.starts_with("poggio/acme.json@probe-")
}

#[tokio::test]
async fn register_once_refuses_a_service_that_does_not_evaluate_conditions() {
    let text = text_of_another_host().await;
    for (conditions, problem) in REFUSED {
        for document in [None, Some(&text)] {
            let server = Server::start().await;
            let bucket = Arc::new(Bucket::with_conditions(conditions));
            if let Some(text) = document {
                bucket.add(PATH, text.clone()).await;
            }
            let before = bucket.contents().await;
            // Not only the first call, and not only the first store.
            let store = open(&bucket);
            for store in [&store, &store, &open(&bucket)] {
                let call = server.client().register_once(&metadata(), store).await;
                let error = call.unwrap_err();
                assert_eq!(error.outcome(), Outcome::NotRegistered, "{conditions:?}");
                assert_eq!(
                    store_error(&error).to_string(),
                    format!(
                        "poggio/acme.json in Bucket cannot be used: its service {problem}, so two \
                         hosts could overwrite each other; use a service with conditional writes, \
                         and leave them on"
                    ),
                );
            }
            assert!(server.requests().is_empty(), "{conditions:?}");
            assert_eq!(bucket.contents().await, before, "{conditions:?}");
            assert!(bucket.changed().iter().all(|path| is_probe(path)), "{conditions:?}");
        }
    }
}

#[tokio::test]
async fn register_once_refuses_a_service_whose_reads_are_outdated() {
    let text = text_of_another_host().await;
    for document in [None, Some(text)] {
        let server = Server::start().await;
        let bucket = Arc::new(Bucket::with_conditions(Conditions::Stale));
        if let Some(text) = document {
            bucket.add(PATH, text).await;
        }
        let before = bucket.contents().await;
        let call = server.client().register_once(&metadata(), &open(&bucket)).await;
        let error = call.unwrap_err();
        assert!(error.to_string().contains("does not return what was just written"), "{error}");
        assert!(server.requests().is_empty());
        assert_eq!(bucket.contents().await, before);
    }
}

#[tokio::test]
async fn changes_of_a_store_are_refused_too_if_the_service_does_not_evaluate_conditions() {
    let (server, bucket) = (Server::start().await, Arc::new(Bucket::default()));
    let client = server.client().register_once(&metadata(), &open(&bucket)).await.unwrap();
    let text = open(&bucket).read().await.unwrap().unwrap().expose().to_owned();

    let bucket = Arc::new(Bucket::with_conditions(Conditions::Ignored));
    bucket.add(PATH, text.clone()).await;
    let (poggio, store) = (server.client(), open(&bucket));
    for error in [
        store.remove(&client.client_id).await.unwrap_err(),
        store.mark_rejected(&client.client_id).await.unwrap_err(),
        store.import(poggio.registration_endpoint(), &client).await.unwrap_err(),
    ] {
        assert_eq!(store_error(&error).kind(), StoreErrorKind::Failed);
        assert!(error.to_string().contains("its service ignores If-Match"), "{error}");
    }
    assert_eq!(bucket.contents().await, [(PATH.to_owned(), text)]);
    // A client that is there is found without a write.
    let found = poggio.register_once(&metadata(), &store).await.unwrap();
    assert_eq!(secret(&found), secret(&client));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn shared_store_check_leaves_an_object_alone_that_appears_meanwhile() {
    let text: &str = text_of_another_host().await.leak();
    for conditions in [Conditions::Ignored, Conditions::IgnoresIfNoneMatch] {
        // The accesses before and during the check.
        for access in 0..9 {
            let server = Server::start().await;
            let bucket =
                Bucket::with_conditions(conditions).and_fault(access, Fault::Appears(text));
            let bucket = Arc::new(bucket);
            let call = server.client().register_once(&metadata(), &open(&bucket)).await;
            let error = call.unwrap_err();
            assert_eq!(error.outcome(), Outcome::NotRegistered, "{access}: {error}");
            assert!(server.requests().is_empty());
            // It appears after the last access of some services.
            if bucket.accesses() > access {
                let document = (PATH.to_owned(), text.to_owned());
                assert_eq!(bucket.contents().await, [document], "{conditions:?} {access}");
            }
        }
    }
}

#[tokio::test]
async fn shared_store_checks_the_conditions_once_before_its_first_write() {
    let (server, bucket) = (Server::start().await, Arc::new(Bucket::default()));
    let (poggio, store) = (server.client(), open(&bucket));
    poggio.register_once(&metadata(), &store).await.unwrap();
    let probes = |bucket: &Bucket| bucket.changed().iter().filter(|path| is_probe(path)).count();
    // Four writes and a deletion.
    assert_eq!(probes(&bucket), 5);
    let other = metadata().with_client_name("another");
    poggio.register_once(&other, &store).await.unwrap();
    store.clone().remove("loopback-client-1").await.unwrap();
    let sibling = store.sibling("tokens").unwrap();
    assert_eq!(sibling.write("{}", None).await.unwrap(), WriteResult::Written);
    assert_eq!(probes(&bucket), 5);

    // A store that only reads checks nothing.
    let reader = open(&bucket);
    poggio.register_once(&other, &reader).await.unwrap();
    assert_eq!(probes(&bucket), 5);
    assert_eq!(bucket.contents().await.len(), 2);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn register_once_accepts_services_with_versions_or_without_deletions() {
    for (conditions, probes) in [(Conditions::Versions, 0), (Conditions::NoDelete, 1)] {
        let (server, bucket) =
            (Server::start().await, Arc::new(Bucket::with_conditions(conditions)));
        let client = server.client().register_once(&metadata(), &open(&bucket)).await.unwrap();
        assert_eq!(client.client_id, "loopback-client-1", "{conditions:?}");
        assert_eq!(server.requests().len(), 1);
        let contents = bucket.contents().await;
        let left: Vec<_> = contents.iter().filter(|(path, _)| is_probe(path)).collect();
        assert_eq!(left.len(), probes, "{conditions:?}");
        assert!(left.iter().all(|(_, text)| text.contains("delete this object")));
    }
}

#[tokio::test]
async fn shared_store_check_accepts_a_write_that_was_retried_after_it_took_effect() {
    // The creation and the replacement of the probe.
    for access in [2, 4] {
        let server = Server::start().await;
        let bucket = Arc::new(Bucket::with_fault(access, Fault::RetriesAfterWrite));
        server.client().register_once(&metadata(), &open(&bucket)).await.unwrap();
        assert_eq!(server.requests().len(), 1, "{access}");
        assert_eq!(bucket.contents().await.len(), 1, "{access}");
    }
}
