//! Damaged documents: an unreadable one is not changed, and readable members are not lost.

use std::{collections::BTreeSet, time::SystemTime};

use poggio::{
    Client, ClientMetadata, Error, RegistrationStoreExt, SecretExpiry, StoreErrorKind,
    chrono::{DateTime, Utc},
    store::StoredRegistration,
    testing::Server,
};
use proptest::{
    prelude::{Strategy, any},
    prop_assert, prop_assert_eq,
    sample::Index,
    test_runner::TestCaseError,
};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use crate::support::{
    all_shown, metadata, property_runner,
    store::{MemoryStore, client_from, store_error},
};

/// A server, and a document with one client of each kind.
struct Document {
    runtime: Runtime,
    server: Server,
    poggio: Client,
    text: String,
}

fn other_metadata() -> ClientMetadata {
    metadata().with_client_name("Another").with_contacts(["ops@acme.example"])
}

impl Document {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let server = runtime.block_on(Server::start());
        let (poggio, store) = (server.client(), MemoryStore::default());
        runtime.block_on(async {
            poggio.register_once(&metadata(), &store).await.unwrap();
            assert!(store.mark_rejected("loopback-client-1").await.unwrap());
            poggio.register_once(&metadata(), &store).await.unwrap();
            poggio.register_once(&other_metadata(), &store).await.unwrap();
            let imported = json!({"client_id": "entered", "client_secret": "entered-secret"});
            let endpoint = "https://api.acme.example/v1/oauth/register";
            store.import(endpoint, &client_from(&imported)).await.unwrap();
        });
        Self { runtime, server, poggio, text: store.text().unwrap() }
    }

    /// Lists and registers with this text in the store. Returns the list and the text afterwards.
    fn call(&self, text: &str) -> (Result<Vec<StoredRegistration>, Error>, String) {
        let store = MemoryStore::with_text(text);
        let before = self.server.requests().len();
        let listed = self.runtime.block_on(async {
            let listed = store.list().await;
            match self.poggio.register_once(&other_metadata(), &store).await {
                Err(error) if listed.is_ok() => {
                    assert_eq!(store_error(&error).kind(), StoreErrorKind::ImportedUnusable);
                }
                result => assert_eq!(result.is_ok(), listed.is_ok(), "{result:?}"),
            }
            listed
        });
        if listed.is_err() {
            assert_eq!(self.server.requests().len(), before, "nothing is registered");
        }
        (listed, store.text().unwrap())
    }

    /// Asserts that a damaged text is refused and left as it is, or keeps all readable credentials. A
    /// client whose secret has expired by the changed text is replaced, as any expired one.
    fn check(&self, text: &str) -> Result<(), TestCaseError> {
        let (listed, left) = self.call(text);
        match listed {
            Ok(listed) => {
                let left: Value = serde_json::from_str(&left).unwrap();
                let in_use = left["registrations"].as_array().unwrap().iter();
                let in_use = credentials(in_use.map(|record| record["client"].clone()));
                let listed = listed.iter().filter(|r| r.retired().is_none() && !has_expired(r));
                let listed = credentials(listed.map(|r| r.client().expose_json()));
                prop_assert!(in_use.is_superset(&listed), "{:?} of {:?}", in_use, listed);
            }
            Err(error) => {
                let kind = store_error(&error).kind();
                let is_known = [StoreErrorKind::Damaged, StoreErrorKind::UnknownFormat];
                prop_assert!(is_known.contains(&kind), "{}", error);
                prop_assert!(!all_shown(&error).contains("secret-"), "{}", all_shown(&error));
                prop_assert_eq!(left, text);
            }
        }
        Ok(())
    }
}

fn has_expired(record: &StoredRegistration) -> bool {
    let now = DateTime::<Utc>::from(SystemTime::now());
    matches!(record.client().client_secret_expires_at, SecretExpiry::At(at) if at < now)
}

fn credentials(clients: impl Iterator<Item = Value>) -> BTreeSet<(String, String)> {
    clients.map(|c| (c["client_id"].to_string(), c["client_secret"].to_string())).collect()
}

#[test]
fn document_truncated_anywhere_is_refused_and_left_as_it_is() {
    let document = Document::new();
    let end = document.text.trim_end().len();
    for length in (0..end).filter(|length| document.text.is_char_boundary(*length)) {
        let text = &document.text[..length];
        let (listed, left) = document.call(text);
        let kind = store_error(&listed.unwrap_err()).kind();
        assert_eq!(kind, StoreErrorKind::Damaged, "truncated at {length}");
        assert_eq!(left, text);
    }
    let (listed, _) = document.call(&document.text[..end]);
    assert_eq!(listed.unwrap().len(), 4);
}

#[test]
fn document_with_changed_bytes_keeps_all_readable_credentials() {
    let document = Document::new();
    let (found, expired) = ("\"client_secret_expires_at\": 0", "\"client_secret_expires_at\":10");
    assert!(document.text.contains(found));
    document.check(&document.text.replace(found, expired)).unwrap();
    let changes = proptest::collection::vec((any::<Index>(), any::<u8>()), 1..4);
    let damaged = changes.prop_map(|changes| {
        let mut bytes = document.text.clone().into_bytes();
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte & 0x7F;
        }
        String::from_utf8_lossy(&bytes).into_owned()
    });
    property_runner(1000).run(&damaged, |text| document.check(&text)).unwrap();
}
