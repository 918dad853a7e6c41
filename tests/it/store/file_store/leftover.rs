//! A `.new` file that an unfinished write left behind: adopted if it is whole and this user's.

use std::{fs, os::unix::fs::symlink, path::PathBuf};

use poggio::{ClientMetadata, RegistrationStore, RegistrationStoreExt, StoreErrorKind};

use super::{NOBODY, chown_if_root, refusal};
use crate::support::{
    WAIT_LIMIT, attempts, metadata,
    store::{Fixture, set_mode, store_error},
};

fn other_metadata() -> ClientMetadata {
    metadata().with_client_name("Another")
}

fn new_file(fixture: &Fixture) -> PathBuf {
    fixture.folder().join("client.json.new")
}

fn write_new(fixture: &Fixture, bytes: impl AsRef<[u8]>) {
    fs::write(new_file(fixture), bytes).unwrap();
    set_mode(&new_file(fixture), 0o600);
}

/// Two versions of a document: with one client, and with a second for `other_metadata`.
struct Versions {
    fixture: Fixture,
    old: String,
    new: String,
}

impl Versions {
    /// Returns a store with the old version.
    async fn new() -> Self {
        let fixture = Fixture::new().await;
        fixture.register_once(&metadata()).await.unwrap();
        let old = fixture.text();
        fixture.register_once(&other_metadata()).await.unwrap();
        let new = fixture.text();
        fixture.write(&old);
        Self { fixture, old, new }
    }

    async fn ids(&self) -> Vec<String> {
        self.fixture.history().await.into_iter().map(|(id, _)| id).collect()
    }
}

#[tokio::test]
async fn file_store_adopts_a_whole_new_version_and_registers_no_second_client() {
    for filler in [0, 1, 100_000] {
        let versions = Versions::new().await;
        let fixture = &versions.fixture;
        // A process that is killed in a write leaves a part of its reservation.
        write_new(fixture, [versions.new.as_bytes(), &vec![1; filler]].concat());
        let client = fixture.register_once(&other_metadata()).await.unwrap();
        assert_eq!((client.client_id.as_str(), attempts(&client)), ("loopback-client-2", 0));
        assert_eq!(fixture.request_count(), 2);
        assert_eq!(fixture.text(), versions.new);
        assert_eq!(fixture.file_names(), ["client.json", "client.json.lock"]);
    }
}

#[tokio::test]
async fn file_store_adopts_the_first_version_of_a_new_store() {
    let fixture = Fixture::new().await;
    let client = fixture.register_once(&metadata()).await.unwrap();
    fs::rename(fixture.path(), new_file(&fixture)).unwrap();
    let again = fixture.register_once(&metadata()).await.unwrap();
    assert_eq!(again.expose_json(), client.expose_json());
    assert_eq!(fixture.request_count(), 1);
}

#[tokio::test]
async fn file_store_is_empty_after_a_rehearsal_that_was_interrupted() {
    let fixture = Fixture::new().await;
    fixture.write([1; 1000]);
    assert!(fixture.store.list().await.unwrap().is_empty());
    let client = fixture.register_once(&metadata()).await.unwrap();
    assert_eq!(attempts(&client), 1);
    let again = fixture.register_once(&metadata()).await.unwrap();
    assert_eq!((&again.client_id, attempts(&again)), (&client.client_id, 0));
    assert_eq!(fixture.request_count(), 1);
}

#[tokio::test]
async fn file_store_adopts_a_new_version_before_any_write() {
    let versions = Versions::new().await;
    write_new(&versions.fixture, &versions.new);
    assert!(versions.fixture.store.mark_rejected("loopback-client-1").await.unwrap());
    let mut ids = versions.ids().await;
    ids.sort();
    assert_eq!(ids, ["loopback-client-1", "loopback-client-2"]);
}

#[tokio::test]
async fn file_store_adopts_no_version_without_a_new_registration() {
    let versions = Versions::new().await;
    let fixture = &versions.fixture;
    fixture.write(&versions.new);
    let changed =
        versions.new.replacen("\"registrations\"", "\"intents\": {}, \"registrations\"", 1);
    for left in [&versions.old, &versions.new, &changed] {
        write_new(fixture, left);
        drop(fixture.store.lock(WAIT_LIMIT).await.unwrap());
        assert_eq!(fixture.text(), versions.new);
        assert_eq!(fixture.file_names(), ["client.json", "client.json.lock"]);
    }
}

#[tokio::test]
async fn file_store_adopts_no_torn_new_version() {
    let whole = Versions::new().await.new;
    let half = whole.len() / 2;
    let with = |at: usize, bytes: &[u8]| {
        [&whole.as_bytes()[..at], bytes, &whole.as_bytes()[at..]].concat()
    };
    let without_end = whole.trim_end().strip_suffix('}').unwrap();
    for torn in [
        b"".to_vec(),
        vec![1; 1000],
        vec![b' '; 1000],
        vec![0; 1000],
        whole.as_bytes()[..half].to_vec(),
        [&whole.as_bytes()[..half], &vec![1; 1000]].concat(),
        without_end.as_bytes().to_vec(),
        with(half, &[1; 100]),
        with(half, b"\xff"),
        with(0, b"\x01"),
        with(whole.len(), b"}"),
        with(whole.len(), whole.as_bytes()),
        b"{}".to_vec(),
        b"null".to_vec(),
        br#"{"format": 7, "registrations": []}"#.to_vec(),
        br#"{"format": "1", "registrations": []}"#.to_vec(),
        br#"{"name": "another program"}"#.to_vec(),
    ] {
        let versions = Versions::new().await;
        write_new(&versions.fixture, &torn);
        let client = versions.fixture.register_once(&metadata()).await.unwrap();
        assert_eq!(attempts(&client), 0);
        assert_eq!(versions.fixture.text(), versions.old);
        let client = versions.fixture.register_once(&other_metadata()).await.unwrap();
        assert_eq!((client.client_id.as_str(), attempts(&client)), ("loopback-client-3", 1));
        assert_eq!(versions.ids().await, ["loopback-client-1", "loopback-client-3"]);
        assert_eq!(versions.fixture.file_names(), ["client.json", "client.json.lock"]);
    }
}

#[tokio::test]
async fn file_store_adopts_no_new_version_that_others_could_have_written() {
    let plants: [fn(&Versions) -> bool; 4] = [
        |versions| {
            let there = versions.fixture.root.path().join("there");
            fs::write(&there, &versions.new).unwrap();
            set_mode(&there, 0o600);
            symlink(there, new_file(&versions.fixture)).unwrap();
            true
        },
        |versions| {
            write_new(&versions.fixture, &versions.new);
            set_mode(&new_file(&versions.fixture), 0o620);
            true
        },
        |versions| {
            write_new(&versions.fixture, &versions.new);
            set_mode(&new_file(&versions.fixture), 0o604);
            true
        },
        |versions| {
            write_new(&versions.fixture, &versions.new);
            chown_if_root(&new_file(&versions.fixture), NOBODY)
        },
    ];
    for plant in plants {
        let versions = Versions::new().await;
        if !plant(&versions) {
            continue;
        }
        let client = versions.fixture.register_once(&other_metadata()).await.unwrap();
        assert_eq!((client.client_id.as_str(), attempts(&client)), ("loopback-client-3", 1));
        assert_eq!(versions.ids().await, ["loopback-client-1", "loopback-client-3"]);
    }
}

#[tokio::test]
async fn file_store_names_a_folder_in_the_place_of_its_new_file() {
    let fixture = Fixture::new().await;
    fs::create_dir(new_file(&fixture)).unwrap();
    let error = refusal(&fixture).await.to_string();
    assert!(
        error.contains(&format!("failed to create {}: ", new_file(&fixture).display())),
        "{error}"
    );
}

#[tokio::test]
async fn file_store_leaves_a_new_version_beside_a_file_that_is_refused() {
    for damage in [
        (|versions: &Versions| versions.fixture.write(b"{\"format\"")) as fn(&Versions),
        |versions| set_mode(versions.fixture.path(), 0o644),
    ] {
        let versions = Versions::new().await;
        let fixture = &versions.fixture;
        write_new(fixture, &versions.new);
        damage(&versions);
        let before = fixture.text();
        let error = fixture.register_once(&other_metadata()).await.unwrap_err();
        let kind = store_error(&error).kind();
        let is_refused = [StoreErrorKind::Damaged, StoreErrorKind::InsecurePermissions];
        assert!(is_refused.contains(&kind), "{error}");
        fixture.store.mark_rejected("loopback-client-1").await.unwrap_err();
        assert_eq!(fixture.text(), before);
        assert_eq!(fs::read_to_string(new_file(fixture)).unwrap(), versions.new);
        assert_eq!(fixture.request_count(), 2);
    }
}
