//! The keyring of a Linux desktop, in its own session: D-Bus and GNOME Keyring.
//!
//! On Debian: `apt-get install dbus-daemon gnome-keyring`.

use std::{env, fs, process::Command};

use poggio::{
    FileStore, RegistrationStore, RegistrationStoreExt,
    store::{KeyringStore, WriteResult},
};
use tokio::task::JoinSet;

use crate::{
    FIRST_SECRET, client_with,
    support::{
        WAIT_LIMIT, metadata, require_program,
        store::{Fixture, secret},
    },
};

/// Runs one of the ignored tests below in its own process.
#[track_caller]
fn run_test(command: &mut Command, test: &str) {
    command.args([test, "--exact", "--ignored", "--nocapture"]);
    let output = command.output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stdout.contains("1 passed"), "{stdout}\n{stderr}");
}

#[test]
fn keyring_store_keeps_secrets_in_gnome_keyring() {
    for program in ["dbus-run-session", "gnome-keyring-daemon"] {
        if !require_program(program, "apt-get install dbus-daemon gnome-keyring") {
            return;
        }
    }
    let home = tempfile::tempdir().unwrap();
    let mut session = Command::new("dbus-run-session");
    session.args(["--", "bash", "-c"]);
    session.arg(
        "printf of-the-test | gnome-keyring-daemon --unlock --components=secrets >/dev/null || exit
         exec timeout 60 \"$@\"",
    );
    session.arg("bash").arg(env::current_exe().unwrap());
    for name in ["HOME", "XDG_RUNTIME_DIR", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"] {
        session.env(name, home.path());
    }
    run_test(&mut session, "desktop::in_a_session");
    // The keyring encrypts its files.
    assert!(fs::read_dir(home.path().join("keyrings")).unwrap().count() > 0);
    let grep = ["-raqE", "loopback-secret|s3cr3t", home.path().to_str().unwrap()];
    let status = Command::new("grep").args(grep).status().unwrap();
    assert_eq!(status.code(), Some(1), "a file contains a secret");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "keyring_store_keeps_secrets_in_gnome_keyring runs it"]
async fn in_a_session() {
    let fixture = Fixture::new().await;
    let open = || KeyringStore::new(FileStore::new(fixture.path()).unwrap());
    let mut callers = JoinSet::new();
    for _ in 0..8 {
        let (poggio, store) = (fixture.server.client(), open());
        callers.spawn(async move { poggio.register_once(&metadata(), &store).await.unwrap() });
    }
    let clients = callers.join_all().await;
    assert!(clients.iter().all(|client| secret(client) == FIRST_SECRET));
    assert_eq!(fixture.request_count(), 1);

    let (poggio, store) = (&fixture.poggio, open());
    assert!(store.mark_rejected("loopback-client-1").await.unwrap());
    let next = poggio.register_once(&metadata(), &store).await.unwrap();
    assert_eq!(next.client_id, "loopback-client-2");
    let imported = client_with("7", "s3cr3t");
    store.import(poggio.registration_endpoint(), &imported).await.unwrap();
    assert_eq!(secret(&poggio.register_once(&metadata(), &store).await.unwrap()), "s3cr3t");
    let exported = store.export("loopback-client-2").await.unwrap().unwrap();
    assert_eq!(exported["client_secret"], secret(&next));

    let text = fixture.text();
    assert!(!text.contains("loopback-secret") && !text.contains("s3cr3t"), "{text}");
    assert_eq!(text.matches("\"keyring\":").count(), 2);
    assert_eq!(fixture.request_count(), 2);

    // A text that is in the keyring as a whole.
    let tokens = store.sibling("tokens").unwrap();
    let _lock = tokens.lock(WAIT_LIMIT).await.unwrap();
    let text = "s3cr3t 🔑".repeat(2000);
    assert_eq!(tokens.write(&text, None).await.unwrap(), WriteResult::Written);
    assert_eq!(tokens.read().await.unwrap().unwrap().expose(), text);
}

#[test]
fn keyring_store_on_a_machine_without_a_keyring_sends_nothing() {
    let mut command = Command::new(env::current_exe().unwrap());
    command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus");
    run_test(&mut command, "desktop::without_a_keyring");
}

#[tokio::test]
#[ignore = "keyring_store_on_a_machine_without_a_keyring_sends_nothing runs it"]
async fn without_a_keyring() {
    let fixture = Fixture::new().await;
    let store = KeyringStore::new(fixture.store.clone());
    for _ in 0..2 {
        let error = fixture.poggio.register_once(&metadata(), &store).await.unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains("cannot be used: the system keyring is not available: "),
            "{message}"
        );
        assert!(message.contains("or use FileStore"), "{message}");
    }
    assert_eq!(fixture.request_count(), 0);
}
