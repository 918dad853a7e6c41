//! Who owns the files and the folder, and who can write the folder. `chown` needs root, so these
//! tests show what a root process refuses.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::symlink,
    sync::{Arc, Mutex},
};

use poggio::{FileStore, RegistrationStore, RegistrationStoreExt, StoreErrorKind};
use tracing_subscriber::fmt::MakeWriter;

use super::{NOBODY, chown_if_root, refusal};
use crate::support::{
    attempts, metadata,
    store::{Fixture, set_mode, store_error},
};

/// Returns a store with one client.
async fn registered() -> Fixture {
    let fixture = Fixture::new().await;
    fixture.register_once(&metadata()).await.unwrap();
    fixture
}

/// Asserts that every call is refused with this problem, and none with the opt-out.
async fn assert_refused(fixture: &Fixture, problem: &str) {
    for error in [
        fixture.register_once(&metadata()).await.unwrap_err(),
        fixture.store.list().await.unwrap_err(),
        fixture.store.mark_rejected("loopback-client-1").await.unwrap_err(),
    ] {
        assert_eq!(store_error(&error).kind(), StoreErrorKind::InsecurePermissions, "{error}");
        let text = error.to_string();
        assert!(text.contains(problem), "{text}");
        assert!(text.contains("FileStore::allow_insecure_permissions"), "{text}");
    }
    let before = fixture.request_count();
    let store = fixture.store.clone().allow_insecure_permissions();
    let client = fixture.poggio.register_once(&metadata(), &store).await.unwrap();
    assert_eq!((attempts(&client), fixture.request_count()), (0, before));
    assert!(store.mark_rejected(&client.client_id).await.unwrap());
}

#[tokio::test]
async fn file_store_refuses_a_file_of_another_user() {
    let fixture = registered().await;
    if !chown_if_root(fixture.path(), NOBODY) {
        return;
    }
    let path = fixture.path().display().to_string();
    let problem = format!(
        "{path} belongs to user 65534, and this process runs as user 0; use \
         FileStore::allow_insecure_permissions, or if you trust that file, run: chown 0 '{path}'"
    );
    assert_refused(&fixture, &problem).await;
}

#[tokio::test]
async fn file_store_refuses_a_folder_of_another_user() {
    let fixture = registered().await;
    if !chown_if_root(fixture.folder(), NOBODY) {
        return;
    }
    let problem = "is in a folder of user 65534, who can replace it, and this process runs as user \
                   0; use a folder of user 0, or FileStore::allow_insecure_permissions";
    assert_refused(&fixture, problem).await;

    let fixture = Fixture::new().await;
    chown_if_root(fixture.folder(), NOBODY);
    assert!(refusal(&fixture).await.to_string().contains(problem));
    assert!(fixture.file_names().is_empty());
}

#[tokio::test]
async fn file_store_refuses_a_lock_file_of_another_user() {
    let fixture = Fixture::new().await;
    let lock = fixture.folder().join("client.json.lock");
    fs::write(&lock, "").unwrap();
    if !chown_if_root(&lock, NOBODY) {
        return;
    }
    let text = refusal(&fixture).await.to_string();
    assert!(text.contains(&format!("{} belongs to user 65534", lock.display())), "{text}");
}

#[tokio::test]
async fn file_store_refuses_a_folder_that_every_user_can_write() {
    for mode in [0o777, 0o757, 0o702] {
        let fixture = registered().await;
        set_mode(fixture.folder(), mode);
        let problem = format!(
            "is in a folder where every user can replace it (mode {mode:04o}); use a new folder \
             inside it, or FileStore::allow_insecure_permissions, or run: chmod o-w '{}'",
            fixture.folder().display()
        );
        assert_refused(&fixture, &problem).await;

        let mut fixture = Fixture::new().await;
        set_mode(fixture.folder(), mode);
        assert!(refusal(&fixture).await.to_string().contains("every user can replace it"));
        assert!(fixture.file_names().is_empty());
        // Both pieces of advice can be followed.
        fixture.store = FileStore::new(fixture.folder().join("own/client.json")).unwrap();
        fixture.register_once(&metadata()).await.unwrap();
    }
}

#[tokio::test]
async fn file_store_checks_the_folder_behind_a_link_and_none_above_it() {
    let mut fixture = Fixture::new().await;
    let link = fixture.root.path().join("link");
    symlink(fixture.folder(), &link).unwrap();
    let folder = fixture.folder().to_owned();
    fixture.store = FileStore::new(link.join("client.json")).unwrap();
    set_mode(&folder, 0o777);
    assert!(refusal(&fixture).await.to_string().contains("every user can replace it"));
    set_mode(&folder, 0o755);
    set_mode(fixture.root.path(), 0o777);
    fixture.register_once(&metadata()).await.unwrap();
}

#[tokio::test]
async fn file_store_uses_a_folder_with_the_sticky_bit_but_no_planted_file() {
    let fixture = registered().await;
    set_mode(fixture.folder(), 0o1777);
    assert_eq!(attempts(&fixture.register_once(&metadata()).await.unwrap()), 0);
    if chown_if_root(fixture.path(), NOBODY) {
        assert_refused(&fixture, "belongs to user 65534").await;
    }
}

#[tokio::test]
async fn file_store_sibling_keeps_the_opt_out() {
    let fixture = registered().await;
    set_mode(fixture.folder(), 0o777);
    fixture
        .store
        .sibling("tokens")
        .unwrap()
        .lock(std::time::Duration::ZERO)
        .await
        .map(|_| ())
        .unwrap_err();
    let store = fixture.store.clone().allow_insecure_permissions();
    store.sibling("tokens").unwrap().lock(std::time::Duration::ZERO).await.unwrap();
}

/// What a subscriber has written.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Returns the warnings of three calls on a new store in a folder with this mode.
async fn warnings(mode: u32) -> Vec<String> {
    let fixture = Fixture::new().await;
    set_mode(fixture.folder(), mode);
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(log.clone())
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .with_ansi(false)
        .finish();
    let guard = tracing_subscriber::util::SubscriberInitExt::set_default(subscriber);
    for _ in 0..3 {
        fixture.register_once(&metadata()).await.unwrap();
    }
    drop(guard);
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let folder = fixture.folder().display().to_string();
    text.lines().filter(|line| line.contains(&folder)).map(str::to_owned).collect()
}

#[tokio::test]
async fn file_store_warns_once_of_a_folder_that_its_group_can_write() {
    for mode in [0o775, 0o2770] {
        let warnings = warnings(mode).await;
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        let expected = "the group of this folder can replace the store in it";
        assert!(warnings[0].contains(expected), "{warnings:?}");
    }
    for mode in [0o755, 0o700, 0o1775] {
        assert_eq!(warnings(mode).await, Vec::<String>::new());
    }
}
