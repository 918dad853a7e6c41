//! The object: its path, its versions, and objects that are not documents.

use std::sync::Arc;

use poggio::{
    RegistrationStore, RegistrationStoreExt,
    store::{
        SharedStore, Versioned, WriteResult,
        object_store::{ObjectStoreExt, memory::InMemory},
    },
};

use super::{
    PATH,
    bucket::{Bucket, Conditions},
    open,
};
use crate::support::store::store_error;

#[tokio::test]
async fn shared_store_refuses_objects_that_are_no_documents() {
    let bucket = Arc::new(Bucket::default());
    for (bytes, problem) in [
        (vec![b' '; 64 * 1024 * 1024], "it is larger than 64 MiB"),
        (vec![b'{', 0xff], "it is not UTF-8"),
        (b"{".to_vec(), "it ends too early, at line 1, column 1"),
    ] {
        bucket.inner.put(&PATH.into(), bytes.into()).await.unwrap();
        let error = open(&bucket).list().await.unwrap_err();
        let expected = format!(
            "poggio/acme.json in Bucket is damaged or is not a document of poggio: {problem}; it \
             was not changed"
        );
        assert_eq!(store_error(&error).to_string(), expected);
    }
}

#[tokio::test]
async fn shared_store_replaces_only_what_it_read() {
    let store = open(&Arc::new(Bucket::default()));
    let foreign = Versioned::new("old".to_owned(), "7");
    let error = store.write("new", Some(&foreign)).await.unwrap_err();
    assert!(error.to_string().contains("got a version of another store"), "{error}");

    // An object that was removed since it was read.
    assert_eq!(store.write("old", None).await.unwrap(), WriteResult::Written);
    let read = store.read().await.unwrap();
    let empty = open(&Arc::new(Bucket::default()));
    assert_eq!(empty.write("new", read.as_ref()).await.unwrap(), WriteResult::Conflict);
    assert!(empty.read().await.unwrap().is_none());
}

#[tokio::test]
async fn shared_store_accepts_a_service_with_versions_instead_of_tags() {
    let bucket = Arc::new(Bucket::with_conditions(Conditions::Versions));
    let store = open(&bucket);
    for text in ["one", "two", "three"] {
        let read = store.read().await.unwrap();
        assert_eq!(store.write(text, read.as_ref()).await.unwrap(), WriteResult::Written);
        assert_eq!(store.read().await.unwrap().unwrap().expose(), text);
    }
}

#[test]
fn new_requires_a_path_that_names_an_object() {
    let bucket = Arc::new(InMemory::new());
    for path in ["", "/", "a//b", "a/../b", "./a"] {
        let error = SharedStore::new(bucket.clone(), path).unwrap_err();
        let start =
            format!("SharedStore::new: {path:?} is not the path of an object; use one such as");
        assert!(error.to_string().contains(&start), "{error}");
    }
    for path in ["acme.json", "/poggio/acme.json", "poggio/acme sync.json"] {
        let store = SharedStore::new(bucket.clone(), path).unwrap();
        assert_eq!(store.path(), path.trim_start_matches('/'));
        assert_eq!(store.name(), format!("{} in InMemory", store.path()));
        assert_eq!(format!("{store:?}"), format!("SharedStore({:?})", store.name()));
    }
}
