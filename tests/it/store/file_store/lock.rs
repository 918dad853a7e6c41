//! The lock: how long a call waits for it, and what happens if it is lost or its caller is gone.

use std::{sync::mpsc, thread, time::Duration};

use poggio::{FileStore, RegistrationStore, StoreErrorKind};
use tokio::{runtime::Builder, task::spawn_blocking, time::Instant};

use crate::support::{
    WAIT_LIMIT, metadata,
    store::{Fixture, store_error},
};

#[tokio::test]
async fn register_once_waits_for_the_lock_for_its_timeout_and_reads_without_it() {
    let fixture = Fixture::new().await;
    let other = FileStore::new(fixture.path()).unwrap();
    let lock = other.lock(Duration::ZERO).await.unwrap().unwrap();
    let wait = Duration::from_millis(300);
    let poggio = fixture.server.client_builder().timeout(wait).build().unwrap();

    let start = Instant::now();
    let error = poggio.register_once(&metadata(), &fixture.store).await.unwrap_err();
    assert!(start.elapsed() >= wait);
    assert_eq!(store_error(&error).kind(), StoreErrorKind::Busy);
    let path = fixture.path().display();
    assert_eq!(
        error.to_string(),
        format!(
            "{path} was still in use after 300ms: another process or task holds {path}.lock; no \
             client was registered: wait for the other callers or stop them, then call again"
        )
    );
    assert_eq!(fixture.request_count(), 0);

    drop(lock);
    let client = fixture.register_once(&metadata()).await.unwrap();
    let _lock = other.lock(Duration::ZERO).await.unwrap().unwrap();
    let again = fixture.register_once(&metadata()).await.unwrap();
    assert_eq!(again.client_id, client.client_id);
    assert_eq!(fixture.request_count(), 1);
}

#[cfg(unix)]
#[tokio::test]
async fn file_store_reports_a_conflict_if_its_lock_file_was_removed() {
    use poggio::store::WriteResult;

    let fixture = Fixture::new().await;
    let _first = fixture.store.lock(Duration::ZERO).await.unwrap().unwrap();
    let read = fixture.store.read().await.unwrap();
    std::fs::remove_file(fixture.folder().join("client.json.lock")).unwrap();

    // Another process locks a new lock file, and writes first.
    let other = FileStore::new(fixture.path()).unwrap();
    let _second = other.lock(Duration::ZERO).await.unwrap().unwrap();
    assert_eq!(other.write("second", None).await.unwrap(), WriteResult::Written);
    let written = fixture.store.write("first", read.as_ref()).await.unwrap();
    assert_eq!(written, WriteResult::Conflict);
    assert_eq!(fixture.text(), "second");
}

#[test]
fn file_store_completes_a_write_under_the_lock_after_its_caller_is_gone() {
    let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(1).build();
    runtime.unwrap().block_on(async {
        let fixture = Fixture::new().await;
        let lock = fixture.store.lock(Duration::ZERO).await.unwrap();
        // The write waits for the only thread that may block.
        let (release, released) = mpsc::channel::<()>();
        let occupied = spawn_blocking(move || released.recv());
        let mut write = fixture.store.write("written", None);
        assert!(futures_util::poll!(&mut write).is_pending());
        drop((write, lock));

        let other = FileStore::new(fixture.path()).unwrap();
        let try_lock = {
            let other = other.clone();
            move || {
                let runtime = Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(other.lock(Duration::ZERO)).map(|_| ())
            }
        };
        let error = thread::spawn(try_lock).join().unwrap().unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Busy);

        drop(release);
        occupied.await.unwrap().unwrap_err();
        let _lock = other.lock(WAIT_LIMIT).await.unwrap();
        assert_eq!(other.read().await.unwrap().unwrap().expose(), "written");
    });
}
