//! The keyring of a Linux desktop, in a session of its own: D-Bus and GNOME Keyring.
//!
//! On Debian: `apt-get install dbus-daemon gnome-keyring`.

use std::{
    env, fs,
    process::{Command, Output},
};

use poggio::{FileStore, RegistrationStore, store::KeyringStore, testing::Server};
use tokio::task::JoinSet;

use crate::{entered, metadata, require::require_program, secret};

/// Runs one of the tests below in a process of its own.
fn run(command: &mut Command, test: &str) -> Output {
    command.args([test, "--exact", "--ignored", "--nocapture"]);
    let output = command.output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(printed.contains("1 passed"), "{printed}\n{failed}");
    output
}

#[test]
fn the_keyring_of_a_desktop_keeps_the_secrets() {
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
    run(&mut session, "real::in_a_session");
    // It encrypts what it keeps.
    let kept = walk(home.path());
    assert!(!kept.is_empty());
    let secrets = ["loopback-secret", "s3cr3t"];
    for content in kept {
        let text = String::from_utf8_lossy(&content);
        assert!(!secrets.iter().any(|secret| text.contains(secret)), "{text}");
    }
}

fn walk(folder: &std::path::Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let (path, kind) = entry.map(|entry| (entry.path(), entry.file_type().unwrap())).unwrap();
        if kind.is_dir() {
            found.extend(walk(&path));
        } else if kind.is_file() {
            found.push(fs::read(path).unwrap());
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the_keyring_of_a_desktop_keeps_the_secrets runs it"]
async fn in_a_session() {
    let (folder, server) = (tempfile::tempdir().unwrap(), Server::start().await);
    let path = folder.path().join("client.json");
    let store = KeyringStore::new(FileStore::new(&path).unwrap());
    let mut callers = JoinSet::new();
    for _ in 0..8 {
        let (poggio, store) = (server.client(), KeyringStore::new(FileStore::new(&path).unwrap()));
        callers.spawn(
            async move { secret(&poggio.register_once(&metadata(), &store).await.unwrap()) },
        );
    }
    let secrets = callers.join_all().await;
    assert_eq!(secrets, vec!["loopback-secret-1-of-no-value-elsewhere"; 8]);
    assert_eq!(server.registrations().len(), 1);

    let poggio = server.client();
    assert!(store.mark_rejected("loopback-client-1").await.unwrap());
    let next = poggio.register_once(&metadata(), &store).await.unwrap();
    assert_eq!(next.client_id, "loopback-client-2");
    store.import(poggio.registration_endpoint(), &entered("7", "s3cr3t")).await.unwrap();
    assert_eq!(secret(&poggio.register_once(&metadata(), &store).await.unwrap()), "s3cr3t");
    let exported = store.export("loopback-client-1").await.unwrap().unwrap();
    assert_eq!(exported["client_secret"], "loopback-secret-1-of-no-value-elsewhere");

    let raw = fs::read_to_string(&path).unwrap();
    assert!(!raw.contains("loopback-secret") && !raw.contains("s3cr3t"), "{raw}");
    assert_eq!(raw.matches("\"keyring\":").count(), 3);
    assert_eq!(server.registrations().len(), 2);
}

#[test]
fn a_machine_without_a_keyring_is_told_so() {
    let mut alone = Command::new(env::current_exe().unwrap());
    alone.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus");
    run(&mut alone, "real::without_a_keyring");
}

#[tokio::test]
#[ignore = "a_machine_without_a_keyring_is_told_so runs it"]
async fn without_a_keyring() {
    let (folder, server) = (tempfile::tempdir().unwrap(), Server::start().await);
    let store = KeyringStore::new(FileStore::new(folder.path().join("client.json")).unwrap());
    for _ in 0..2 {
        let error = server.client().register_once(&metadata(), &store).await.unwrap_err();
        let said = error.to_string();
        assert!(said.contains("cannot be used: the system keyring is not there: "), "{said}");
        assert!(said.contains("or use FileStore alone"), "{said}");
    }
    assert_eq!(server.requests().len(), 0);
}
