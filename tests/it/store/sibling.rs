//! `RegistrationStore::sibling` of each store: other documents beside the first one.

use std::sync::Arc;

use poggio::{
    FileStore, RegistrationStore,
    store::{SharedStore, StoreFuture, Versioned, WriteResult, object_store::memory::InMemory},
};

/// Names that could leave the folder, hide the file, or be read as something else.
const HOSTILE_NAMES: [&str; 13] = [
    "",
    ".",
    "..",
    "../x",
    "a/b",
    "a\\b",
    ".hidden",
    "/etc/passwd",
    "a b",
    "a\0b",
    "ä",
    "a%2fb",
    "a@b",
];

async fn write(store: &dyn RegistrationStore, text: &str) {
    let _lock = store.lock(std::time::Duration::from_secs(10)).await.unwrap();
    let expected = store.read().await.unwrap();
    let result = store.write(text, expected.as_ref()).await.unwrap();
    assert_eq!(result, WriteResult::Written);
}

async fn read(store: &dyn RegistrationStore) -> Option<String> {
    store.read().await.unwrap().map(|stored| stored.expose().to_owned())
}

/// Checks the siblings of `store`. `open` returns another handle of the same document.
async fn check_siblings(
    store: &dyn RegistrationStore,
    open: impl Fn() -> Arc<dyn RegistrationStore>,
) {
    write(store, "first").await;
    let tokens = store.sibling("tokens").unwrap();
    let other = store.sibling("tokens.a-b_C.1").unwrap();
    assert_eq!((read(&*tokens).await, read(&*other).await), (None, None));

    write(&*tokens, "tokens").await;
    write(&*other, "other").await;
    assert_eq!(read(store).await.unwrap(), "first");
    assert_eq!(read(&*open().sibling("tokens").unwrap()).await.unwrap(), "tokens");
    assert_eq!(read(&*open().sibling("tokens.a-b_C.1").unwrap()).await.unwrap(), "other");
    assert_eq!(store.sibling("tokens").unwrap().name(), tokens.name());

    let nested = tokens.sibling("tokens").unwrap();
    assert_eq!(read(&*nested).await, None);
    for name in HOSTILE_NAMES {
        assert!(store.sibling(name).is_none(), "{name:?}");
    }
}

/// Returns the names of `stores`, of their siblings and of the siblings of these.
fn names(stores: &[Arc<dyn RegistrationStore>]) -> Vec<String> {
    // Names that contain one another, or end as the lock, the new version or another file does.
    const NAMES: [&str; 8] = ["a", "b", "a.b", "a.json", "b.json", "a.lock", "a.json.new", "json"];
    let siblings =
        |store: &Arc<dyn RegistrationStore>| NAMES.map(|name| store.sibling(name).unwrap());
    let first: Vec<_> = stores.iter().flat_map(siblings).collect();
    let second: Vec<_> = first.iter().flat_map(siblings).collect();
    [stores, &first, &second].concat().iter().map(|store| store.name()).collect()
}

fn assert_distinct(names: &[String]) {
    let set: std::collections::BTreeSet<_> = names.iter().collect();
    assert_eq!(set.len(), names.len());
}

#[test]
fn siblings_are_no_other_document() {
    let apps = ["a", "b", "a.b", "a.a", "a.json", "a.a.json", "a.b.json", "a.lock", "a.json.a"];
    let names_of = |open: &dyn Fn(&str) -> Arc<dyn RegistrationStore>| names(&apps.map(open));
    // With the lock and the new version of each file.
    let files = names_of(&|app| Arc::new(FileStore::for_app(app).unwrap()));
    let suffixed = |suffix| files.iter().map(move |file| format!("{file}{suffix}"));
    let all: Vec<_> = ["", ".lock", ".new"].into_iter().flat_map(suffixed).collect();
    assert_distinct(&all);

    let bucket = Arc::new(InMemory::new());
    assert_distinct(&names_of(&|app| {
        Arc::new(SharedStore::new(bucket.clone(), &format!("tenants/{app}.json")).unwrap())
    }));
    // Files that differ only in their extension.
    assert_distinct(&names(
        &["client", "client.json", "client.conf"]
            .map(|name| Arc::new(FileStore::new(name).unwrap()) as Arc<dyn RegistrationStore>),
    ));
}

#[tokio::test]
async fn file_store_sibling_is_a_file_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    for (name, sibling) in [
        ("client.json", "client.json@tokens.json"),
        ("client", "client@tokens.json"),
        ("a.b.conf", "a.b.conf@tokens.json"),
        (".client", ".client@tokens.json"),
    ] {
        let folder = folder.path().join(name.replace('.', "_"));
        let open = || FileStore::new(folder.join(name)).unwrap();
        check_siblings(&open(), || Arc::new(open())).await;
        assert!(folder.join(sibling).is_file(), "{sibling}");
        assert_eq!(std::fs::read_to_string(folder.join(sibling)).unwrap(), "tokens");
    }
}

#[tokio::test]
async fn shared_store_sibling_is_an_object_beside_it() {
    for (path, sibling) in [
        ("poggio/acme.json", "poggio/acme.json@tokens.json"),
        ("acme", "acme@tokens.json"),
        ("a.b/a.b.conf", "a.b/a.b.conf@tokens.json"),
        ("acme/acme/.acme", "acme/acme/.acme@tokens.json"),
        ("acme/a%2Fb.json", "acme/a%2Fb.json@tokens.json"),
    ] {
        let bucket = Arc::new(InMemory::new());
        let open = |path: &str| SharedStore::new(bucket.clone(), path).unwrap();
        check_siblings(&open(path), || Arc::new(open(path))).await;
        assert_eq!(read(&open(sibling)).await.unwrap(), "tokens", "{sibling}");
    }
}

#[cfg(feature = "keyring")]
#[tokio::test]
async fn keyring_store_sibling_is_a_file_beside_it_with_the_same_keyring() {
    use poggio::{keyring_core::mock::Store, store::KeyringStore};

    const DOCUMENT: &str =
        r#"{"registrations": [{"client": {"client_id": "1", "client_secret": "secret-of-one"}}]}"#;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("client.json");
    let keyring = Store::new().unwrap();
    let open = || KeyringStore::with_keyring(FileStore::new(&path).unwrap(), keyring.clone());
    check_siblings(&open(), || Arc::new(open())).await;

    let credentials = open().sibling("credentials").unwrap();
    write(&*credentials, DOCUMENT).await;
    let file = std::fs::read_to_string(folder.path().join("client.json@credentials.json")).unwrap();
    assert!(!file.contains("secret-of-one"), "{file}");
    let document = read(&*open().sibling("credentials").unwrap()).await.unwrap();
    assert!(document.contains("secret-of-one"), "{document}");
}

#[test]
fn registration_store_has_no_siblings_by_default() {
    struct Minimal;

    impl RegistrationStore for Minimal {
        fn read(&self) -> StoreFuture<'_, Option<Versioned>> {
            Box::pin(async { Ok(None) })
        }

        fn write<'a>(
            &'a self,
            _: &'a str,
            _: Option<&'a Versioned>,
        ) -> StoreFuture<'a, WriteResult> {
            Box::pin(async { Ok(WriteResult::Conflict) })
        }
    }

    assert!(Minimal.sibling("tokens").is_none());
}
