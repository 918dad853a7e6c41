//! The keyring of a Linux desktop, in its own session: D-Bus and GNOME Keyring.
//!
//! On Debian: `apt-get install dbus-daemon gnome-keyring`.

use std::{env, fs, process::Command, sync::Arc};

use poggio::{
    Client, FileStore, RegistrationStore, RegistrationStoreExt,
    oauth::Session,
    store::{KeyringStore, WriteResult},
};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::{
    FIRST_SECRET, client_with,
    support::{
        WAIT_LIMIT, metadata, require_program,
        session::{check_accounts, check_one_refresh, endpoints_at},
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

/// Runs one of the ignored tests below in a desktop session with an unlocked keyring. Returns its
/// home folder, or `None` if a program is not installed.
#[track_caller]
fn run_in_a_session(test: &str) -> Option<TempDir> {
    for program in ["dbus-run-session", "gnome-keyring-daemon"] {
        if !require_program(program, "apt-get install dbus-daemon gnome-keyring") {
            return None;
        }
    }
    let home = tempfile::tempdir().unwrap();
    let mut session = Command::new("dbus-run-session");
    session.args(["--", "bash", "-c"]);
    session.arg(
        "printf of-the-test | gnome-keyring-daemon --unlock --components=secrets >/dev/null || exit
         exec timeout 240 \"$@\"",
    );
    session.arg("bash").arg(env::current_exe().unwrap());
    for name in ["HOME", "XDG_RUNTIME_DIR", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"] {
        session.env(name, home.path());
    }
    run_test(&mut session, test);
    Some(home)
}

#[test]
fn keyring_store_keeps_secrets_in_gnome_keyring() {
    let Some(home) = run_in_a_session("desktop::in_a_session") else { return };
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
fn session_refreshes_once_for_all_processes_with_gnome_keyring() {
    run_in_a_session("desktop::refreshes_once");
}

/// The variable with the server and the file of a session.
const PROCESS: &str = "POGGIO_TEST_KEYRING_SESSION";

/// Returns the session of a process, from the URL of the server and the path of the file.
fn session_of(base_url: &str, path: &str) -> Session {
    let poggio = Client::builder().base_url(base_url).build().unwrap();
    let store = Arc::new(KeyringStore::new(FileStore::new(path).unwrap()));
    Session::builder(&poggio, store).server(endpoints_at(base_url)).build().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "session_refreshes_once_for_all_processes_with_gnome_keyring runs it"]
async fn refreshes_once() {
    let fixture = Fixture::new().await;
    let (base_url, path) = (fixture.server.base_url(), fixture.path().to_str().unwrap());
    let process = || {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["desktop::access_token_process", "--exact", "--nocapture"]);
        command.env(PROCESS, format!("{base_url} {path}"));
        command
    };
    check_one_refresh(&fixture.server, || session_of(&base_url, path), process).await;
    assert!(!fixture.text().contains("loopback-secret"));
    for name in fixture.file_names() {
        let text = fs::read_to_string(fixture.folder().join(&name)).unwrap();
        assert!(!text.contains("loopback-access") && !text.contains("loopback-refresh"), "{name}");
    }
}

/// Returns at once in a test run, and is what each process of `refreshes_once` does.
#[tokio::test]
async fn access_token_process() {
    let Ok(arguments) = env::var(PROCESS) else { return };
    let (base_url, path) = arguments.split_once(' ').unwrap();
    println!("{}", session_of(base_url, path).access_token().await.unwrap().expose());
}

#[test]
fn session_keeps_many_accounts_in_gnome_keyring() {
    run_in_a_session("desktop::accounts");
}

#[tokio::test]
#[ignore = "session_keeps_many_accounts_in_gnome_keyring runs it"]
async fn accounts() {
    let fixture = Fixture::new().await;
    let store = || Arc::new(KeyringStore::new(FileStore::new(fixture.path()).unwrap()));
    let server = endpoints_at(&fixture.server.base_url());
    let session = |account: &str| {
        let builder = Session::builder(&fixture.poggio, store()).server(server.clone());
        builder.account(account).build().unwrap()
    };
    check_accounts(&fixture.server, session).await;
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
