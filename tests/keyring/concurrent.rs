//! Other writers, a caller that is gone, a crash between the two changes, and a keyring that waits
//! for a user.

use std::{
    fs,
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use poggio::{
    ClientInformation, FileStore, Outcome, RegistrationStore, RegistrationStoreExt, StoreErrorKind,
    store::KeyringStore,
};
use tokio::{runtime::Runtime, time::timeout};

use crate::{
    FIRST_SECRET, Fixture, client_with,
    mock_keyring::{Call, MockKeyring},
    support::{WAIT_LIMIT, metadata, store::secret},
};

#[tokio::test]
async fn keyring_store_keeps_what_others_write_without_the_lock() {
    let fixture = Fixture::new().await;
    let (store, imported) = (fixture.keyring_store(), client_with("7", "s3cr3t"));
    store.import("https://a.example/register", &imported).await.unwrap();
    let (path, text) = (fixture.path().to_owned(), fixture.text());
    let mut is_written = false;
    fixture.keyring.after(move |call| {
        if call == Call::Put && !is_written {
            is_written = true;
            fs::write(&path, text.replace("\"https://a.example", "\"https://b.example")).unwrap();
        }
    });
    let client = fixture.register().await.unwrap();
    assert_eq!(fixture.request_count(), 1);
    let registrations = store.list().await.unwrap();
    let stored: Vec<_> = registrations.iter().map(|r| (r.endpoint(), secret(r.client()))).collect();
    let endpoint = fixture.poggio.registration_endpoint();
    let expected = [("https://b.example/register", "s3cr3t"), (endpoint, secret(&client))];
    assert_eq!(stored, expected);
    assert_eq!(fixture.keyring.entries().len(), 2, "no entry is left over");
}

#[tokio::test]
async fn keyring_store_loses_no_secret_in_a_crash_between_keyring_and_file() {
    let fixture = Fixture::new().await;
    let other = metadata().with_client_name("another");
    let store = fixture.keyring_store();
    let before = fixture.poggio.register_once(&other, &store).await.unwrap();
    let state = Arc::new(Mutex::new(None));
    fixture.keyring.after({
        let (path, state) = (fixture.path().to_owned(), Arc::clone(&state));
        let keyring = Arc::clone(&fixture.keyring);
        move |call| {
            if call == Call::Put {
                let text = fs::read_to_string(&path).unwrap();
                *state.lock().unwrap() = Some((text, keyring.entries()));
            }
        }
    });
    let lost = fixture.register().await.unwrap();
    let (text, entries) = state.lock().unwrap().take().unwrap();
    assert_eq!(entries.len(), 2, "the secret is in the keyring before the file is written");

    // The state that the crash leaves.
    let keyring = MockKeyring::new();
    for (name, content) in &entries {
        keyring.put(name, content);
    }
    fixture.write(text);
    let file = FileStore::new(fixture.path()).unwrap();
    let store = KeyringStore::with_keyring(file, keyring.store());
    let exported = store.export(&before.client_id).await.unwrap().unwrap();
    assert_eq!(exported["client_secret"], secret(&before));
    let poggio = &fixture.poggio;
    assert!(poggio.find_registration(&metadata(), &store).await.unwrap().is_none());
    let error = poggio.register_once(&metadata(), &store).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown, "the crash left the intent of its request");
    assert!(store.clear_unknown().await.unwrap());
    let next = poggio.register_once(&metadata(), &store).await.unwrap();
    assert_eq!(next.client_id, "loopback-client-3");

    // The orphaned entry names its client, and can be imported.
    let is_orphan = |name: &str| name.starts_with("loopback-client-2 at ");
    let (_, orphan) = entries.iter().find(|(name, _)| is_orphan(name)).unwrap();
    let orphan = ClientInformation::from_json(orphan).unwrap();
    store.import(poggio.registration_endpoint(), &orphan).await.unwrap();
    let client = poggio.register_once(&metadata(), &store).await.unwrap();
    assert_eq!(secret(&client), secret(&lost));
    assert_eq!(fixture.request_count(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keyring_store_completes_a_save_under_the_lock_after_its_caller_is_gone() {
    let fixture = Arc::new(Fixture::new().await);
    let (started, has_started) = mpsc::channel();
    let (proceed, may_proceed) = mpsc::channel::<()>();
    fixture.keyring.before(move |call| {
        if call == Call::Put {
            started.send(()).unwrap();
            may_proceed.recv().unwrap();
        }
        Ok(())
    });
    let caller = {
        let fixture = Arc::clone(&fixture);
        tokio::spawn(async move { fixture.register().await })
    };
    let wait = move || has_started.recv_timeout(WAIT_LIMIT).unwrap();
    tokio::task::spawn_blocking(wait).await.unwrap();
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());

    let error = fixture.store.lock(Duration::ZERO).await.map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Busy);
    proceed.send(()).unwrap();
    let client = timeout(WAIT_LIMIT, fixture.register()).await.unwrap().unwrap();
    assert_eq!(secret(&client), FIRST_SECRET);
    assert_eq!((fixture.request_count(), fixture.keyring.entries().len()), (1, 1));
}

#[test]
fn keyring_store_waits_for_a_user_for_the_timeout_and_does_not_delay_the_end_of_a_program() {
    let (unlock, is_unlocked) = mpsc::channel::<()>();
    let (finish, has_finished) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = Runtime::new().unwrap();
        let (message, request_count) = runtime.block_on(async {
            let fixture = Fixture::new().await;
            fixture.keyring.before(move |_| {
                let _ = is_unlocked.recv();
                Ok(())
            });
            let builder = fixture.server.client_builder().timeout(Duration::from_millis(200));
            let poggio = builder.build().unwrap();
            let call = poggio.register_once(&metadata(), &fixture.keyring_store()).await;
            let error = call.unwrap_err();
            assert_eq!(error.outcome(), Outcome::NotRegistered);
            (error.to_string(), fixture.request_count())
        });
        drop(runtime);
        finish.send((message, request_count)).unwrap();
    });
    // The keyring is still locked.
    let (message, request_count) = has_finished.recv_timeout(WAIT_LIMIT).unwrap();
    drop(unlock);
    let expected = "the system keyring did not respond within 200ms; unlock it";
    assert!(message.contains(expected), "{message}");
    assert_eq!(request_count, 0);
}
