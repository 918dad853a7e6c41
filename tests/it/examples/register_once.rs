//! The example `register_once`, run as a user runs it.

use std::{
    collections::BTreeSet,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Output},
    thread,
    time::Duration,
};

use poggio::{
    ClientInformation,
    testing::{Reply, Server},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    examples::programs::{assert_code, command, port_of_choice, printed, run, text},
    support::wait_for,
};

const NAME: &str = "register_once";

/// A store, and a server in the test for it.
struct Case {
    folder: TempDir,
    server: Server,
}

impl Case {
    async fn new() -> Self {
        // A folder of the store's own, so that a test can see what is beside it.
        let case = Self { folder: tempfile::tempdir().unwrap(), server: Server::start().await };
        fs::create_dir(case.folder.path().join("store")).unwrap();
        case
    }

    fn store(&self) -> PathBuf {
        self.path("store/client.json")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = command(NAME, more);
        command.arg("--store").arg(self.store()).arg("--base-url").arg(self.server.base_url());
        command
    }

    /// Runs it; no secret is printed, whatever comes of it.
    fn run(&self, code: i32, more: &[&str]) -> Output {
        let output = self.command(more).output().unwrap();
        assert_code(&output, code);
        output
    }

    /// Runs it; what differs from run to run is named.
    fn printed(&self, code: i32, more: &[&str]) -> String {
        without_times(&printed(&self.run(code, more), Some(self.folder.path())))
    }
}

/// Times of this machine become TIME: `2026-01-01 00:00:00 UTC`.
fn without_times(shown: &str) -> String {
    let mut parts = shown.split(" UTC");
    let mut all = parts.next().unwrap().to_owned();
    for part in parts {
        all.truncate(all.len() - "2026-01-01 00:00:00".len());
        all.push_str("TIME");
        all.push_str(part);
    }
    all
}

/// The value of a line.
fn value<'a>(shown: &'a str, name: &str) -> &'a str {
    let mut lines = shown.lines().filter_map(|line| line.trim_start().strip_prefix(name));
    lines.next().unwrap_or_else(|| panic!("no {name} in {shown}")).trim()
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn run_twice_it_registers_once() {
    let home = tempfile::tempdir().unwrap();
    let port = port_of_choice(20_000).to_string();
    let run = || {
        let mut command = command(NAME, &["--port", &port]);
        command.env("HOME", home.path()).env("XDG_CONFIG_HOME", home.path().join("config"));
        command.env("APPDATA", home.path()).output().unwrap()
    };
    let first = run();
    assert_code(&first, 0);
    let first = text(&first.stdout);
    assert!(first.contains("registered: 1 request was sent\n"), "{first}");
    let again = run();
    assert_code(&again, 0);
    let again = text(&again.stdout);
    assert_eq!(
        again,
        first.replace("registered: 1 request was sent", "found: no request was sent")
    );

    let store = PathBuf::from(value(&first, "store"));
    assert!(store.ends_with("poggio/poggio-example.json"), "{first}");
    let kept = fs::read_to_string(&store).unwrap();
    assert!(kept.contains(value(&first, "client_id")), "{first}");
    let kept: Value = serde_json::from_str(&kept).unwrap();
    let secret = kept["registrations"][0]["client"]["client_secret"].as_str().unwrap();
    assert!(!first.contains(secret), "no secret is printed");
    #[cfg(unix)]
    assert_eq!(mode(&store), 0o600);
}

#[test]
fn a_port_that_is_in_use_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("client.json");
    let output = run(NAME, &["--port", &port, "--store", store.to_str().unwrap()]);
    assert_code(&output, 1);
    let shown = text(&output.stderr);
    assert!(shown.contains(&format!("  --> 127.0.0.1:{port}\n")), "{shown}");
    assert!(shown.contains("= help: name a free port with --port"), "{shown}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_outcome_has_its_exit_code() {
    let case = Case::new().await;
    case.server.script([Reply::json(403, json!({"detail": "No"}))]);
    insta::assert_snapshot!(case.printed(1, &[]));
    for unknown in [Reply::status(500), Reply::disconnect()] {
        case.server.script([unknown]);
        let shown = text(&case.run(3, &[]).stderr);
        assert!(shown.contains("; a client may have been registered: "), "{shown}");
    }
    case.run(1, &["--redirect-uri", "http://app.example/cb"]);
    assert_eq!(case.server.requests().len(), 3);
    case.run(0, &[]);

    for args in [
        &["--no-such-flag"][..],
        &["--live", "--base-url", "https://a.example"],
        &["--live", "--port", "8911"],
        &["--look", "--list"],
        &["--list", "--export", "a.json"],
        &["--fleet", "0"],
        &["--fleet", "2", "--live"],
        &["--port", "0"],
    ] {
        assert_eq!(run(NAME, args).status.code(), Some(2), "{args:?}");
    }
    fs::write(case.store(), "not json").unwrap();
    let damaged = text(&case.run(1, &[]).stderr);
    assert!(damaged.contains("client.json is damaged"), "{damaged}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_names_the_server_and_the_token_of_a_live_run() {
    let case = Case::new().await;
    let mut command = command(NAME, &["--live", "--store", case.store().to_str().unwrap()]);
    command.env("POGGIO_BASE_URL", case.server.base_url()).env("POGGIO_AUTH_TOKEN", "t0ken");
    let output = command.output().unwrap();
    assert_code(&output, 0);
    assert_eq!(case.server.requests()[0].header("authorization"), Some("Bearer t0ken"));
    assert!(!text(&output.stdout).contains("t0ken"));
}

#[tokio::test(flavor = "multi_thread")]
async fn to_look_registers_nothing() {
    let case = Case::new().await;
    insta::assert_snapshot!("look_nothing", case.printed(1, &["--look"]));
    assert_eq!(case.server.requests().len(), 0);
    assert_eq!(fs::read_dir(case.path("store")).unwrap().count(), 0);
    case.run(0, &[]);
    insta::assert_snapshot!("look_found", case.printed(0, &["--look"]));
    // What is asked is a part of it; the port of a loopback address is not.
    case.run(1, &["--look", "--redirect-uri", "https://app.example/cb"]);
    case.run(0, &["--look", "--redirect-uri", "http://127.0.0.1:1/callback"]);
    assert_eq!(case.server.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_listed_with_its_reasons() {
    let case = Case::new().await;
    insta::assert_snapshot!("list_empty", case.printed(0, &["--list"]));
    case.run(0, &[]);
    case.run(0, &["--mark-rejected", "loopback-client-1"]);
    let again = text(&case.run(1, &["--mark-rejected", "loopback-client-1"]).stdout);
    assert!(again.contains("\nloopback-client-1 is not in use; nothing was changed\n"), "{again}");
    case.run(1, &["--remove", "no-such-client"]);

    let next = text(&case.run(0, &[]).stdout);
    assert_eq!(value(&next, "client_id"), "loopback-client-2");
    case.run(0, &["--remove", "loopback-client-2"]);
    case.run(0, &[]);
    let entered = case.path("entered.json");
    for id in ["entered-1", "entered-2"] {
        fs::write(&entered, json!({"client_id": id, "client_secret": "secret-x"}).to_string())
            .unwrap();
        case.run(0, &["--import", entered.to_str().unwrap()]);
    }
    let used = text(&case.run(0, &[]).stdout);
    assert_eq!(value(&used, "client_id"), "entered-2");
    insta::assert_snapshot!("list_history", case.printed(0, &["--list"]));

    // Nothing takes the place of what a person entered, until a person removes it.
    case.run(0, &["--mark-rejected", "entered-2"]);
    insta::assert_snapshot!("imported_and_forgotten", case.printed(1, &[]));
    assert_eq!(case.server.requests().len(), 3);
    case.run(0, &["--remove", "entered-2"]);
    let back = text(&case.run(0, &[]).stdout);
    assert_eq!(value(&back, "client_id"), "loopback-client-3");
    assert_eq!(case.server.requests().len(), 3);

    fs::write(&entered, r#"{"client_secret": "secret-x"}"#).unwrap();
    insta::assert_snapshot!(
        "import_refused",
        case.printed(1, &["--import", entered.to_str().unwrap()])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_for_its_owner_alone_and_overwrites_nothing() {
    let case = Case::new().await;
    let file = case.path("exported.json");
    let path = file.to_str().unwrap();
    // Neither before a registration nor after it.
    fs::write(&file, "mine").unwrap();
    insta::assert_snapshot!(case.printed(1, &["--export", path]));
    case.run(1, &["--export", case.path("no/folder/a.json").to_str().unwrap()]);
    assert_eq!(case.server.requests().len(), 0);
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    fs::remove_file(&file).unwrap();

    case.run(0, &["--export", path]);
    #[cfg(unix)]
    assert_eq!(mode(&file), 0o600);
    let exported = fs::read_to_string(&file).unwrap();
    let client = ClientInformation::from_json(&exported).unwrap();
    assert_eq!(client.client_id, "loopback-client-1");
    let secret = client.client_secret.unwrap();
    assert_eq!(secret.expose(), "loopback-secret-1-of-no-value-elsewhere");
    case.run(1, &["--look", "--export", path]);
    fs::remove_file(&file).unwrap();
    case.run(0, &["--look", "--export", path]);
    assert_eq!(fs::read_to_string(&file).unwrap(), exported);

    // What was exported can be imported elsewhere.
    let other = Case::new().await;
    other.run(0, &["--import", path]);
    assert_eq!(value(&text(&other.run(0, &["--look"]).stdout), "client_id"), "loopback-client-1");
    assert_eq!(other.server.requests().len(), 0);
    assert_eq!(fs::read_dir(case.folder.path()).unwrap().count(), 2, "nothing is left beside");
}

/// What the last run wrote in place of the store.
fn rescued(output: &Output) -> PathBuf {
    let shown = text(&output.stderr);
    let path = PathBuf::from(value(&shown, "= note: the credentials are in"));
    #[cfg(unix)]
    assert_eq!(mode(&path), 0o600);
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_cannot_be_saved_or_read_are_written_elsewhere() {
    // A store that becomes a folder, and one whose folder goes, while the server takes its time.
    for is_gone in [false, true] {
        let case = Case::new().await;
        let temporary = case.path("tmp");
        fs::create_dir(&temporary).unwrap();
        case.server.script([Reply::registered().with_delay(Duration::from_millis(300))]);
        let mut command = case.command(&[]);
        command.env("TMPDIR", &temporary).env("TMP", &temporary);
        let running = thread::spawn(move || command.output().unwrap());
        wait_for(|| case.server.requests().len() == 1);
        if is_gone {
            fs::remove_dir_all(case.path("store")).unwrap();
        } else {
            fs::create_dir(case.store()).unwrap();
        }
        let output = running.join().unwrap();
        assert_code(&output, 4);
        let shown = text(&output.stderr);
        assert!(shown.contains("the client \"loopback-client-1\" could not be saved"), "{shown}");
        let file = rescued(&output);
        assert_eq!(file.parent().unwrap(), if is_gone { temporary } else { case.path("store") });

        // The way back that it names.
        if !is_gone {
            fs::remove_dir(case.store()).unwrap();
        }
        case.run(0, &["--keep", file.to_str().unwrap()]);
        let found = text(&case.run(0, &[]).stdout);
        assert_eq!(value(&found, "client_id"), "loopback-client-1");
        assert_eq!(case.server.requests().len(), 1);
    }

    let case = Case::new().await;
    case.server.script([Reply::text(201, r#"{"client_id": "loopback-cut", "client_sec"#)]);
    let output = case.run(4, &[]);
    let salvaged: Value =
        serde_json::from_str(&fs::read_to_string(rescued(&output)).unwrap()).unwrap();
    assert_eq!(salvaged, json!({"client_id": "loopback-cut", "client_secret": null}));
    let shown = text(&output.stderr);
    assert!(shown.contains("the rest did not arrive: ask Poggio for it"), "{shown}");
}

#[test]
fn a_fleet_registers_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("client.json");
    for more in [&["--fleet", "8"][..], &["--fleet", "8", "--store", store.to_str().unwrap()]] {
        let output = run(NAME, more);
        assert_code(&output, 0);
        let shown = text(&output.stdout);
        assert!(shown.ends_with("\nthe server counted 1 request\n"), "{shown}");
        let rows: Vec<Vec<_>> = shown
            .lines()
            .skip_while(|line| !line.starts_with("process "))
            .skip(1)
            .take_while(|line| !line.is_empty())
            .map(|line| line.split_whitespace().collect())
            .collect();
        let numbers: Vec<_> = rows.iter().map(|row| row[0]).collect();
        assert_eq!(numbers, ["1", "2", "3", "4", "5", "6", "7", "8"]);
        let count = |what| rows.iter().filter(|row| row[1] == what).count();
        assert_eq!((count("registered"), count("waited")), (1, 7), "{shown}");
        assert!(rows.iter().all(|row| row[2].parse::<u32>().is_ok() && row[3] == "ms"), "{shown}");
        let clients: BTreeSet<_> = rows.iter().map(|row| row[4]).collect();
        assert_eq!(clients.len(), 1, "{shown}");
        if let Ok(kept) = fs::read_to_string(&store) {
            assert!(kept.contains(rows[0][4]));
        }
    }
    assert!(store.exists());

    // A fleet that cannot register says so.
    fs::write(&store, "not json").unwrap();
    let output = run(NAME, &["--fleet", "2", "--store", store.to_str().unwrap()]);
    assert_code(&output, 1);
    let shown = text(&output.stdout);
    assert!(shown.ends_with("1        failed\n2        failed\n\nthe server counted 0 requests\n"));
    assert_eq!(text(&output.stderr).matches("client.json is damaged").count(), 2);
}
