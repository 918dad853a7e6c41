//! A keyring that fails, a file that cannot be written, a crash in between, many at once.

use std::{
    fs,
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

use poggio::{
    ClientInformation, FileStore, Outcome, RegistrationStore, keyring_core::Error,
    store::KeyringStore,
};
use tokio::task::JoinSet;

use crate::{
    Case, all_shown, entered, metadata,
    scripted::{Call, Keyring},
    secret, store_error,
};

fn locked() -> Error {
    Error::NoStorageAccess("the collection is locked".into())
}

#[tokio::test]
async fn a_keyring_that_cannot_be_written_is_found_before_anything_is_registered() {
    for call in [Call::ProvingPut, Call::ProvingGet, Call::ProvingDelete] {
        let case = Case::new().await;
        case.keyring.fail(call, locked);
        let error = case.once().await.unwrap_err();
        assert_eq!(error.outcome(), Outcome::NotRegistered);
        let (error, said) = store_error(error);
        assert!(error.client().is_none());
        let expected = "cannot be used: the system keyring is locked, or refuses: the collection is \
             locked; unlock it";
        assert!(said.contains(expected), "{said}");
        assert!(said.contains(case.path().to_str().unwrap()), "{said}");
        assert_eq!(case.server.requests().len(), 0, "{call:?}");

        case.keyring.works();
        case.once().await.unwrap();
    }
}

#[tokio::test]
async fn a_keyring_that_forgets_at_once_is_found_before_anything_is_registered() {
    let case = Case::new().await;
    let keyring = Arc::clone(&case.keyring);
    case.keyring.after(move |call| {
        if call == Call::ProvingPut {
            let entries = keyring.entries();
            for name in entries.keys() {
                keyring.lose(name);
            }
        }
    });
    let (_, said) = store_error(case.once().await.unwrap_err());
    assert!(said.contains("the system keyring failed: what was put there is gone"), "{said}");
    let keyring = Arc::clone(&case.keyring);
    case.keyring.after(move |call| {
        if call == Call::ProvingPut {
            keyring.entries().keys().for_each(|name| keyring.put(name, "something else"));
        }
    });
    let (_, said) = store_error(case.once().await.unwrap_err());
    assert!(said.contains("the system keyring does not keep what is put there"), "{said}");
    assert_eq!(case.server.requests().len(), 0);
    assert!(case.keyring.entries().is_empty());
}

#[tokio::test]
async fn a_keyring_that_cannot_be_read_is_no_reason_to_register() {
    let case = Case::new().await;
    let client = case.once().await.unwrap();
    case.keyring.fail(Call::Get, locked);
    let (_, said) = store_error(case.once().await.unwrap_err());
    assert!(said.contains("is locked"), "{said}");
    case.keyring.works();
    assert_eq!(secret(&case.once().await.unwrap()), secret(&client));
    assert_eq!(case.registered(), 1);
}

#[tokio::test]
async fn the_client_whose_secret_cannot_be_put_into_the_keyring_is_in_the_error() {
    let case = Case::new().await;
    case.store().import("https://a.example/register", &entered("7", "s3cr3t")).await.unwrap();
    let (raw, entries) = (case.raw(), case.keyring.entries());
    case.keyring.fail(Call::Put, locked);
    let error = case.once().await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Registered);
    assert!(!all_shown(&error).contains("loopback-secret"));
    let client = store_error(error).0.into_client().unwrap();
    assert_eq!(secret(&client), "loopback-secret-1-of-no-value-elsewhere");
    assert_eq!(case.raw(), raw);
    assert_eq!(case.keyring.entries(), entries);

    // As the error advises.
    case.keyring.works();
    let endpoint = case.server.client().registration_endpoint().to_owned();
    case.store().import(&endpoint, &client).await.unwrap();
    assert_eq!(case.once().await.unwrap().client_id, client.client_id);
    assert_eq!(case.registered(), 1);
}

#[tokio::test]
async fn an_error_of_the_keyring_shows_nothing_of_an_entry() {
    let case = Case::new().await;
    case.once().await.unwrap();
    let content = case.keyring.entries()[&case.entry()].clone();
    let errors: [Box<dyn Fn() -> Error + Send>; 4] = [
        Box::new({
            let content = content.clone();
            move || Error::BadEncoding(content.clone().into_bytes())
        }),
        Box::new({
            let content = content.clone();
            move || Error::BadDataFormat(content.clone().into_bytes(), content.as_str().into())
        }),
        Box::new({
            let entry = case.keyring.entries().into_keys().next().unwrap();
            let keyring = case.keyring.store();
            move || Error::Ambiguous(vec![keyring.build("poggio", &entry, None).unwrap()])
        }),
        Box::new(move || Error::Invalid("secret".into(), content.clone())),
    ];
    let other = metadata().with_scope("another");
    for (index, error) in errors.into_iter().enumerate() {
        // While it proves itself, no entry can have been lost.
        case.keyring.fail(Call::ProvingGet, error);
        let registered = case.server.client().register_once(&other, &case.store()).await;
        let error = registered.unwrap_err();
        let shown = all_shown(&error);
        assert!(shown.contains("the system keyring failed: "), "{index}: {shown}");
        assert!(!shown.contains("loopback-secret"), "{index}: {shown}");
    }
    assert!(case.store().list().await.unwrap()[0].retired().is_none());
}

#[tokio::test]
async fn a_file_that_cannot_be_written_leaves_nothing_in_the_keyring() {
    let case = Case::new().await;
    case.store().import("https://a.example/register", &entered("7", "s3cr3t")).await.unwrap();
    let (raw, entries) = (case.raw(), case.keyring.entries());
    let new = case.folder.path().join("client.json.new");
    case.keyring.after(move |call| {
        if call == Call::Put {
            fs::remove_file(&new).unwrap();
            fs::create_dir(&new).unwrap();
        }
    });
    let error = case.once().await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Registered);
    let client = store_error(error).0.into_client().unwrap();
    assert_eq!(secret(&client), "loopback-secret-1-of-no-value-elsewhere");
    assert_eq!(case.raw(), raw);
    assert_eq!(case.keyring.entries(), entries);
}

#[tokio::test]
async fn what_others_write_without_the_lock_is_kept() {
    let case = Case::new().await;
    let endpoint = case.server.client().registration_endpoint().to_owned();
    case.store().import("https://a.example/register", &entered("7", "s3cr3t")).await.unwrap();
    let raw = case.raw();
    let path = case.path();
    let mut others = 0;
    case.keyring.after(move |call| {
        if call == Call::Put && others == 0 {
            others += 1;
            fs::write(&path, raw.replace("\"https://a.example", "\"https://b.example")).unwrap();
        }
    });
    let client = case.once().await.unwrap();
    assert_eq!(case.registered(), 1);
    let kept = case.store().list().await.unwrap();
    let kept: Vec<_> = kept.iter().map(|kept| (kept.endpoint(), secret(kept.client()))).collect();
    let expected =
        [("https://b.example/register", "s3cr3t".to_owned()), (&endpoint, secret(&client))];
    assert_eq!(kept, expected);
    assert_eq!(
        case.keyring.entries().len(),
        2,
        "the entry of the write that came to nothing stays"
    );
}

/// The file and the keyring as they were between their two changes.
#[tokio::test]
async fn a_crash_between_keyring_and_file_loses_no_secret() {
    let case = Case::new().await;
    let before = case.once().await.unwrap();
    case.store().mark_rejected(&before.client_id).await.unwrap();
    let (path, entries, crash) = (case.path(), case.keyring.looking(), Arc::new(Mutex::new(None)));
    let seen = Arc::clone(&crash);
    case.keyring.after(move |call| {
        if call == Call::Put {
            *seen.lock().unwrap() = Some((fs::read_to_string(&path).unwrap(), entries()));
        }
    });
    let lost = case.once().await.unwrap();
    let (raw, entries) = crash.lock().unwrap().take().unwrap();
    assert_eq!(entries.len(), 2, "the secret is in the keyring before the file is written");

    let (path, keyring) = (case.folder.path().join("after.json"), Keyring::new());
    fs::copy(case.path(), &path).unwrap(); // for its mode
    fs::write(&path, raw).unwrap();
    for (name, content) in &entries {
        keyring.put(name, content);
    }
    let store = KeyringStore::with_keyring(FileStore::new(path).unwrap(), keyring.store());
    let exported = store.export(&before.client_id).await.unwrap().unwrap();
    assert_eq!(exported["client_secret"], secret(&before));
    let poggio = case.server.client();
    assert!(poggio.find_registration(&metadata(), &store).await.unwrap().is_none());
    let next = poggio.register_once(&metadata(), &store).await.unwrap();
    assert_eq!(next.client_id, "loopback-client-3");

    // What the crash left in the keyring says whose it is, and can be imported.
    let (_, orphan) =
        entries.iter().find(|(name, _)| name.starts_with("loopback-client-2 at ")).unwrap();
    let orphan = ClientInformation::from_json(orphan).unwrap();
    assert_eq!(secret(&orphan), secret(&lost));
    store.import(poggio.registration_endpoint(), &orphan).await.unwrap();
    let client = poggio.register_once(&metadata(), &store).await.unwrap();
    assert_eq!(secret(&client), secret(&lost));
    assert_eq!(case.registered(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_save_goes_on_under_the_lock_when_its_caller_has_gone() {
    let case = Arc::new(Case::new().await);
    let (has_begun, begun) = mpsc::channel();
    let (go_on, goes_on) = mpsc::channel();
    case.keyring.before(move |call| {
        if call == Call::Put {
            has_begun.send(()).unwrap();
            goes_on.recv().unwrap();
        }
        Ok(())
    });
    let caller = tokio::spawn({
        let case = Arc::clone(&case);
        async move { case.once().await }
    });
    tokio::task::spawn_blocking(move || begun.recv_timeout(Duration::from_secs(10)).unwrap())
        .await
        .unwrap();
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());

    // Another one has to wait for it.
    let mut next = tokio::spawn({
        let case = Arc::clone(&case);
        async move { case.once().await }
    });
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut next).await.is_err());
    go_on.send(()).unwrap();
    let client =
        tokio::time::timeout(Duration::from_secs(10), next).await.unwrap().unwrap().unwrap();
    assert_eq!(secret(&client), "loopback-secret-1-of-no-value-elsewhere");
    assert_eq!(case.registered(), 1);
    assert_eq!(case.keyring.entries().len(), 1);
}

#[test]
fn a_keyring_that_waits_for_a_person_holds_up_neither_a_call_nor_the_end_of_a_program() {
    let begin = Instant::now();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (unlock, unlocked) = mpsc::channel::<()>();
    runtime.block_on(async {
        let case = Case::new().await;
        case.keyring.before(move |_| {
            let _ = unlocked.recv();
            Ok(())
        });
        let poggio = case.server.client_builder().timeout(Duration::from_millis(200));
        let poggio = poggio.build().unwrap();
        let error = poggio.register_once(&metadata(), &case.store()).await.unwrap_err();
        assert_eq!(error.outcome(), Outcome::NotRegistered);
        let said = error.to_string();
        assert!(
            said.contains("the system keyring has not answered within 200ms; unlock it"),
            "{said}"
        );
        assert_eq!(case.server.requests().len(), 0);
    });
    drop(runtime);
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    drop(unlock);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_at_once_register_once() {
    let case = Arc::new(Case::new().await);
    let mut callers = JoinSet::new();
    for _ in 0..8 {
        let case = Arc::clone(&case);
        callers.spawn(async move { secret(&case.once().await.unwrap()) });
    }
    let secrets = callers.join_all().await;
    assert_eq!(secrets, vec!["loopback-secret-1-of-no-value-elsewhere"; 8]);
    assert_eq!(case.registered(), 1);
    case.entry();
}

#[tokio::test]
async fn secrets_go_into_the_keyring_all_or_none() {
    let case = Case::new().await;
    for client_id in ["7", "8"] {
        let endpoint = format!("https://{client_id}.example/register");
        case.file().import(&endpoint, &entered(client_id, "s3cr3t")).await.unwrap();
    }
    let raw = case.raw();
    let mut puts = 0;
    case.keyring.before(move |call| {
        puts += usize::from(call == Call::Put);
        if call == Call::Put && puts == 2 { Err(locked()) } else { Ok(()) }
    });
    let (error, said) = store_error(case.store().remove("7").await.unwrap_err());
    assert!(said.contains("is locked") && error.client().is_none(), "{said}");
    assert_eq!(case.raw(), raw);
    case.keyring.works();
    assert!(case.keyring.entries().is_empty());
    assert!(case.store().remove("7").await.unwrap());
    assert_eq!(case.keyring.entries().len(), 2);
}
