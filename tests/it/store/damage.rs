//! A store whose text was damaged: what cannot be read is left as it is, what can be read is kept.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use poggio::{
    Client, ClientInformation, ClientMetadata, Error, RegistrationStore, RegistrationStoreExt,
    StoreErrorKind,
    store::{StoreFuture, StoredRegistration, Versioned, WriteResult},
    testing::Server,
};
use proptest::{
    prelude::{Strategy, any},
    prop_assert, prop_assert_eq,
    sample::Index,
    test_runner::{Config, TestCaseError, TestRunner},
};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use crate::support::{all_shown, metadata};

/// A store that is a text.
#[derive(Clone, Default)]
struct Text(Arc<Mutex<Option<String>>>);

impl RegistrationStore for Text {
    fn read(&self) -> StoreFuture<'_, Option<Versioned>> {
        let text = self.0.lock().unwrap().clone();
        Box::pin(async { Ok(text.map(|text| Versioned::new(text, ""))) })
    }

    fn write<'a>(
        &'a self,
        text: &'a str,
        old: Option<&'a Versioned>,
    ) -> StoreFuture<'a, WriteResult> {
        let mut own = self.0.lock().unwrap();
        let is_same = own.as_deref() == old.map(Versioned::expose);
        if is_same {
            *own = Some(text.to_owned());
        }
        Box::pin(
            async move { Ok(if is_same { WriteResult::Written } else { WriteResult::Conflict }) },
        )
    }
}

/// A store with one client of each kind that there is, and a server.
struct Kept {
    runtime: Runtime,
    server: Server,
    poggio: Client,
    good: String,
}

fn another() -> ClientMetadata {
    metadata().with_client_name("Another").with_contacts(["ops@acme.example"])
}

impl Kept {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let server = runtime.block_on(Server::start());
        let (poggio, store) = (server.client(), Text::default());
        runtime.block_on(async {
            poggio.register_once(&metadata(), &store).await.unwrap();
            assert!(store.mark_rejected("loopback-client-1").await.unwrap());
            poggio.register_once(&metadata(), &store).await.unwrap();
            poggio.register_once(&another(), &store).await.unwrap();
            let entered = json!({"client_id": "entered", "client_secret": "entered-secret"});
            let entered = ClientInformation::from_json(&entered.to_string()).unwrap();
            store.import("https://api.acme.example/v1/oauth/register", &entered).await.unwrap();
        });
        let good = store.0.lock().unwrap().clone().unwrap();
        Self { runtime, server, poggio, good }
    }

    /// What a call comes to with this text in the store, and what the store has then.
    fn call(&self, text: &str) -> (Result<Vec<StoredRegistration>, Error>, String) {
        let store = Text(Arc::new(Mutex::new(Some(text.to_owned()))));
        let before = self.server.requests().len();
        let kept = self.runtime.block_on(async {
            let kept = store.list().await;
            let called = self.poggio.register_once(&another(), &store).await;
            match (&kept, called) {
                (Ok(_), Err(Error::Store(error))) => {
                    assert_eq!(error.kind(), StoreErrorKind::ImportedUnusable, "{error}");
                }
                (Ok(_), called) => drop(called.unwrap()),
                (Err(_), called) => drop(called.unwrap_err()),
            }
            kept
        });
        if kept.is_err() {
            assert_eq!(self.server.requests().len(), before, "it registered all the same");
        }
        (kept, store.0.lock().unwrap().clone().unwrap())
    }

    /// Calls with a damaged text, and looks what became of it.
    fn check(&self, text: &str) -> Result<(), TestCaseError> {
        let (kept, left) = self.call(text);
        match kept {
            Ok(kept) => {
                let left: Value = serde_json::from_str(&left).unwrap();
                let left =
                    credentials(left["registrations"].as_array().unwrap().iter().map(client));
                let kept = credentials(kept.iter().map(|kept| kept.client().expose_json()));
                prop_assert!(left.is_superset(&kept), "{:?} of {:?}", left, kept);
            }
            Err(error) => {
                let Error::Store(refused) = &error else { panic!("{error}") };
                let known = [StoreErrorKind::Damaged, StoreErrorKind::UnknownFormat];
                prop_assert!(known.contains(&refused.kind()), "{}", error);
                prop_assert!(!all_shown(&error).contains("secret-"), "{}", all_shown(&error));
                prop_assert_eq!(left, text);
            }
        }
        Ok(())
    }
}

fn client(registration: &Value) -> Value {
    registration["client"].clone()
}

fn credentials(clients: impl Iterator<Item = Value>) -> BTreeSet<(String, String)> {
    clients.map(|c| (c["client_id"].to_string(), c["client_secret"].to_string())).collect()
}

#[test]
fn cut_anywhere_it_is_left_as_it_is() {
    let kept = Kept::new();
    let end = kept.good.trim_end().len();
    for cut in (0..end).filter(|cut| kept.good.is_char_boundary(*cut)) {
        let text = &kept.good[..cut];
        let (read, left) = kept.call(text);
        let Err(Error::Store(error)) = read else { panic!("cut at {cut}: {read:?}") };
        assert_eq!(error.kind(), StoreErrorKind::Damaged, "cut at {cut}");
        assert_eq!(left, text);
    }
    let (read, _) = kept.call(&kept.good[..end]);
    assert_eq!(read.unwrap().len(), 4);
}

#[test]
fn flipped_bytes_lose_nothing_that_can_be_read() {
    let kept = Kept::new();
    let flips = proptest::collection::vec((any::<Index>(), any::<u8>()), 1..4);
    let damaged = flips.prop_map(|flips| {
        let mut bytes = kept.good.clone().into_bytes();
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte & 0x7F;
        }
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let config = Config { failure_persistence: None, ..Config::with_cases(3000) };
    TestRunner::new(config).run(&damaged, |text| kept.check(&text)).unwrap();
}
