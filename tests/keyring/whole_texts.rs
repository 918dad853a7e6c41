//! Texts that are not documents with registrations, such as tokens in a sibling. This crate does not know
//! which parts of them are secret, so no part of them is in the file.

use std::{fs, time::Duration};

use poggio::{
    FileStore, RegistrationStore, StoreErrorKind,
    keyring_core::Error,
    store::{KeyringStore, WriteResult},
    testing::check_store,
};

use crate::{Fixture, mock_keyring::Call, support::store::set_mode};

async fn write(store: &dyn RegistrationStore, text: &str) -> WriteResult {
    let _lock = store.lock(Duration::from_secs(10)).await.unwrap();
    let expected = store.read().await.unwrap();
    store.write(text, expected.as_ref()).await.unwrap()
}

async fn read(store: &dyn RegistrationStore) -> Option<String> {
    store.read().await.unwrap().map(|text| text.expose().to_owned())
}

fn assert_not_in_files(fixture: &Fixture, secret: &str) {
    for name in fixture.file_names() {
        let text = fs::read_to_string(fixture.folder().join(name)).unwrap();
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test]
async fn keyring_store_writes_no_part_of_another_document_to_the_file() {
    const SECRET: &str = "refresh-token-of-no-value-elsewhere";
    let fixture = Fixture::new().await;
    fixture.register().await.unwrap();
    let sibling = fixture.keyring_store().sibling("tokens").unwrap();
    for text in [
        format!(r#"{{"format": 2, "tokens": [{{"refresh_token": "{SECRET}"}}]}}"#),
        format!(r#"{{"format": 2, "registrations": [], "tokens": "{SECRET}"}}"#),
        format!(
            r#"{{"format": 2, "registrations": [{{"client": {{"client_secret": "{SECRET}"}}}}]}}"#
        ),
        format!(r#"{{"keyring": "{SECRET}"}}"#),
        format!(r#"{{"refresh_token": "{SECRET}""#),
        format!("  {SECRET}\r\n"),
        String::new(),
    ] {
        assert_eq!(write(&*sibling, &text).await, WriteResult::Written);
        assert_eq!(read(&*sibling).await.unwrap(), text);
        // Another process.
        let sibling = fixture.keyring_store().sibling("tokens").unwrap();
        assert_eq!(read(&*sibling).await.unwrap(), text);
        assert_not_in_files(&fixture, SECRET);
        // The earlier text is deleted. The other entry is that of the client.
        assert_eq!(fixture.keyring.entries().len(), 2);
    }
    // A store without siblings of its own.
    let file = FileStore::new(fixture.folder().join("own.json")).unwrap();
    let own = KeyringStore::with_keyring(file, fixture.keyring.store());
    assert_eq!(write(&own, SECRET).await, WriteResult::Written);
    assert_eq!(read(&own).await.unwrap(), SECRET);
    assert_not_in_files(&fixture, SECRET);
}

#[tokio::test]
async fn keyring_store_passes_check_store() {
    let fixture = Fixture::new().await;
    check_store(|| fixture.keyring_store()).await;
    assert_eq!(fixture.keyring.entries().len(), 1);
}

#[tokio::test]
async fn keyring_store_replaces_only_the_text_that_was_read() {
    let fixture = Fixture::new().await;
    let store = fixture.keyring_store();
    write(&store, "one").await;
    let first = store.read().await.unwrap();
    // The same text again is another version.
    write(&store, "one").await;
    let _lock = store.lock(Duration::ZERO).await.unwrap();
    assert_eq!(store.write("two", first.as_ref()).await.unwrap(), WriteResult::Conflict);
    assert_eq!(store.write("two", None).await.unwrap(), WriteResult::Conflict);
    assert_eq!(read(&store).await.unwrap(), "one");
    assert_eq!(fixture.keyring.entries().len(), 1);
}

#[tokio::test]
async fn keyring_store_reports_a_text_that_the_keyring_lost() {
    let fixture = Fixture::new().await;
    let store = fixture.keyring_store();
    write(&store, "tokens").await;
    let name = fixture.entry_name();
    fixture.keyring.remove(&name);
    let error = store.read().await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::SecretLost);
    let message = poggio::Error::from(error).to_string();
    assert!(message.contains(&name) && message.contains("delete the file"), "{message}");
    fs::remove_file(fixture.path()).unwrap();
    assert!(store.read().await.unwrap().is_none());
    assert_eq!(write(&store, "tokens").await, WriteResult::Written);
}

/// Reads the text `before`, which is replaced by `after` between the read of the file and that of the
/// entry. Returns what was read. `result` is that of the first call that reads an entry.
async fn read_while_replaced(result: Result<(), Error>) -> Option<String> {
    let fixture = Fixture::new().await;
    let store = fixture.keyring_store();
    write(&store, "before").await;
    let file = fs::read(fixture.path()).unwrap();
    write(&store, "after").await;
    let new_file = fs::read(fixture.path()).unwrap();
    fixture.write(file);
    let (path, mut first) = (fixture.path().to_owned(), Some(result));
    fixture.keyring.before(move |call| {
        if call != Call::Get {
            return Ok(());
        }
        fs::write(&path, &new_file).unwrap();
        first.take().unwrap_or(Ok(()))
    });
    read(&store).await
}

#[tokio::test]
async fn keyring_store_reads_a_text_again_that_was_replaced_while_it_read() {
    assert_eq!(read_while_replaced(Ok(())).await.unwrap(), "after");
}

#[tokio::test]
async fn keyring_store_reads_a_text_again_whose_entry_was_deleted_while_it_read() {
    // The Secret Service has found the entry, and fails to read it.
    let deleted = Error::PlatformFailure("no such object".into());
    assert_eq!(read_while_replaced(Err(deleted)).await.unwrap(), "after");
}

#[tokio::test]
async fn keyring_store_finishes_a_write_of_a_text_that_was_interrupted() {
    let fixture = Fixture::new().await;
    let store = fixture.keyring_store();
    write(&store, "one").await;
    let (before, old_entries) = (fs::read(fixture.path()).unwrap(), fixture.keyring.entries());
    write(&store, "two").await;
    let after = fs::read(fixture.path()).unwrap();
    // The process was killed before the rename.
    for (name, content) in &old_entries {
        fixture.keyring.put(name, content);
    }
    fixture.write(before);
    let new = fixture.folder().join("client.json.new");
    fs::write(&new, after).unwrap();
    set_mode(&new, 0o600);

    assert_eq!(read(&store).await.unwrap(), "one");
    drop(store.lock(Duration::from_secs(10)).await.unwrap());
    assert_eq!(read(&store).await.unwrap(), "two");
}
