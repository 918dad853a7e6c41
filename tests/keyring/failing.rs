//! A keyring that fails, and a file that cannot be written.

use std::{fs, sync::Arc};

use poggio::{Outcome, RegistrationStoreExt, keyring_core::Error};

use crate::{
    FIRST_SECRET, Fixture, client_with,
    mock_keyring::Call,
    support::{
        all_shown, metadata, require,
        store::{secret, store_error},
    },
};

fn locked() -> Error {
    Error::NoStorageAccess("the collection is locked".into())
}

#[tokio::test]
async fn keyring_store_sends_nothing_if_the_keyring_is_locked() {
    for call in [Call::ProbePut, Call::ProbeGet, Call::ProbeDelete] {
        let fixture = Fixture::new().await;
        fixture.keyring.fail(call, locked);
        let error = fixture.register().await.unwrap_err();
        assert_eq!(error.outcome(), Outcome::NotRegistered);
        assert!(store_error(&error).client().is_none());
        let message = error.to_string();
        let expected = "cannot be used: the system keyring is locked or denied access: the \
             collection is locked; unlock it";
        assert!(message.contains(expected), "{message}");
        assert!(message.contains(fixture.path().to_str().unwrap()), "{message}");
        assert_eq!(fixture.request_count(), 0, "{call:?}");

        fixture.keyring.reset();
        fixture.register().await.unwrap();
    }
}

#[tokio::test]
async fn keyring_store_sends_nothing_if_the_keyring_does_not_keep_what_is_written() {
    let fixture = Fixture::new().await;
    for (content, expected) in [
        (None, "the system keyring failed: an entry is missing"),
        (Some("something else"), "the system keyring does not return what was written to it"),
    ] {
        let keyring = Arc::clone(&fixture.keyring);
        fixture.keyring.after(move |call| {
            if call == Call::ProbePut {
                keyring.entries().keys().for_each(|name| match content {
                    Some(content) => keyring.put(name, content),
                    None => keyring.remove(name),
                });
            }
        });
        let message = fixture.register().await.unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
    assert_eq!(fixture.request_count(), 0);
    assert!(fixture.keyring.entries().is_empty());
}

#[tokio::test]
async fn keyring_store_sends_nothing_if_a_stored_secret_cannot_be_read() {
    let fixture = Fixture::new().await;
    let client = fixture.register().await.unwrap();
    fixture.keyring.fail(Call::Get, locked);
    let message = fixture.register().await.unwrap_err().to_string();
    assert!(message.contains("is locked"), "{message}");
    fixture.keyring.reset();
    assert_eq!(secret(&fixture.register().await.unwrap()), secret(&client));
    assert_eq!(fixture.request_count(), 1);
}

#[tokio::test]
async fn keyring_store_returns_the_client_in_the_error_and_changes_nothing_if_a_save_fails() {
    // The keyring fails, or the new file becomes a folder.
    for fails_in_keyring in [true, false] {
        let fixture = Fixture::new().await;
        let (store, imported) = (fixture.keyring_store(), client_with("7", "s3cr3t"));
        store.import("https://a.example/register", &imported).await.unwrap();
        let (json, entries) = (fixture.json(), fixture.keyring.entries());
        let new = fixture.folder().join("client.json.new");
        if fails_in_keyring {
            fixture.keyring.fail(Call::Put, locked);
        } else {
            let new = new.clone();
            fixture.keyring.after(move |call| {
                if call == Call::Put {
                    fs::remove_file(&new).unwrap();
                    fs::create_dir(&new).unwrap();
                }
            });
        }
        let error = fixture.register().await.unwrap_err();
        assert_eq!(error.outcome(), Outcome::Registered);
        assert!(!all_shown(&error).contains("loopback-secret"));
        let client = store_error(&error).client().unwrap();
        assert_eq!(secret(client), FIRST_SECRET);
        assert_eq!(fixture.json()["registrations"], json["registrations"]);
        assert_eq!(fixture.keyring.entries(), entries);

        // The error advises to save it once the store works.
        fixture.keyring.reset();
        if !fails_in_keyring {
            fs::remove_dir(&new).unwrap();
        }
        fixture.poggio.save_registration(&metadata(), &store, client).await.unwrap();
        assert_eq!(fixture.register().await.unwrap().client_id, client.client_id);
        assert_eq!(fixture.request_count(), 1);
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn keyring_store_keeps_the_entry_of_a_client_whose_file_could_not_be_replaced() {
    use std::process::Command;

    let fixture = Fixture::new().await;
    let store = fixture.keyring_store();
    let imported = client_with("7", "s3cr3t");
    store.import("https://a.example/register", &imported).await.unwrap();
    // A file that is a mount point cannot be replaced.
    let path = fixture.path().to_owned();
    let mounted = {
        let path = path.clone();
        move || Command::new("mount").arg("--bind").args([&path, &path]).status()
    };
    let unmount = || Command::new("umount").arg(&path).status();
    let can_mount = mounted().is_ok_and(|status| status.success());
    if !require(can_mount, "mount is not permitted", "run as root, with CAP_SYS_ADMIN") {
        return;
    }
    assert!(unmount().unwrap().success());
    fixture.keyring.after(move |call| {
        if call == Call::Put {
            assert!(mounted().unwrap().success());
        }
    });
    let result = fixture.register().await;
    assert!(unmount().unwrap().success());
    assert_eq!(result.unwrap_err().outcome(), Outcome::Registered);
    assert_eq!(fixture.keyring.entries().len(), 2);

    fixture.keyring.reset();
    let client = fixture.register().await.unwrap();
    assert_eq!((secret(&client), fixture.request_count()), (FIRST_SECRET, 1));
}

#[tokio::test]
async fn keyring_store_error_shows_nothing_of_an_entry() {
    let fixture = Fixture::new().await;
    fixture.register().await.unwrap();
    let name = fixture.entry_name();
    let content = fixture.keyring.entries()[&name].clone();
    let keyring = fixture.keyring.store();
    let errors: [Box<dyn Fn(String) -> Error + Send>; 4] = [
        Box::new(|content| Error::BadEncoding(content.into_bytes())),
        Box::new(|content| Error::BadDataFormat(content.clone().into_bytes(), content.into())),
        Box::new(move |_| Error::Ambiguous(vec![keyring.build("poggio", &name, None).unwrap()])),
        Box::new(|content| Error::Invalid("secret".into(), content)),
    ];
    let other = metadata().with_scope("another");
    for (index, error) in errors.into_iter().enumerate() {
        // An entry cannot be lost during the probe.
        let content = content.clone();
        fixture.keyring.fail(Call::ProbeGet, move || error(content.clone()));
        let call = fixture.poggio.register_once(&other, &fixture.keyring_store()).await;
        let shown = all_shown(&call.unwrap_err());
        assert!(shown.contains("the system keyring failed: "), "{index}: {shown}");
        assert!(!shown.contains("loopback-secret"), "{index}: {shown}");
    }
    assert!(fixture.keyring_store().list().await.unwrap()[0].retired().is_none());
}

#[tokio::test]
async fn keyring_store_moves_all_secrets_into_the_keyring_or_none() {
    let fixture = Fixture::new().await;
    for client_id in ["7", "8", "9"] {
        let endpoint = format!("https://{client_id}.example/register");
        fixture.store.import(&endpoint, &client_with(client_id, "s3cr3t")).await.unwrap();
    }
    let (text, store) = (fixture.text(), fixture.keyring_store());
    let mut puts = 0;
    fixture.keyring.before(move |call| {
        puts += usize::from(call == Call::Put);
        if call == Call::Put && puts == 2 { Err(locked()) } else { Ok(()) }
    });
    let error = store.remove("7").await.unwrap_err();
    assert!(error.to_string().contains("is locked"), "{error}");
    assert!(store_error(&error).client().is_none());
    assert_eq!(fixture.text(), text);
    fixture.keyring.reset();
    assert!(fixture.keyring.entries().is_empty());
    assert!(store.remove("7").await.unwrap());
    assert_eq!(fixture.keyring.entries().len(), 2);
}
