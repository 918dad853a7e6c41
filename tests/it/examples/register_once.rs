//! The `register_once` example: one registration, the store's history, export and import.

use std::{
    collections::BTreeSet,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use poggio::{ClientInformation, testing::Reply};
use serde_json::{Value, json};

use crate::support::{
    example::{Fixture, RunResult, command, run, set_home},
    free_ports, wait_for,
};

const NAME: &str = "register_once";

/// Returns the value of a line.
#[track_caller]
fn value<'a>(printed: &'a str, name: &str) -> &'a str {
    let mut lines = printed.lines().filter_map(|line| line.trim_start().strip_prefix(name));
    lines.next().unwrap_or_else(|| panic!("no {name} in {printed}")).trim()
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn register_once_registers_once_if_run_twice() {
    let home = tempfile::tempdir().unwrap();
    // Returns nothing if another program has the port of the embedded server.
    let run = |port: u16| {
        let mut command = command(NAME, &["--port", &port.to_string()]);
        set_home(&mut command, home.path());
        let result = RunResult::of(&mut command);
        if result.stderr.contains("the embedded server cannot listen on this address") {
            return None;
        }
        result.assert_code(0);
        Some(result.stdout)
    };
    for port in free_ports() {
        let Some(first) = run(port) else { continue };
        let Some(second) = run(port) else { continue };
        assert!(first.contains("registered: 1 request was sent\n"), "{first}");
        let found = "found: no request was sent";
        assert_eq!(second, first.replace("registered: 1 request was sent", found));

        let store = PathBuf::from(value(&first, "store"));
        assert!(store.ends_with("poggio/poggio-example.json"), "{first}");
        let store: Value = serde_json::from_str(&fs::read_to_string(&store).unwrap()).unwrap();
        let client = &store["registrations"].as_array().unwrap().last().unwrap()["client"];
        assert_eq!(client["client_id"], value(&first, "client_id"));
        assert!(!first.contains(client["client_secret"].as_str().unwrap()), "{first}");
        return;
    }
    panic!("no port is free");
}

#[test]
fn register_once_reports_a_port_in_use() {
    let in_use = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = in_use.local_addr().unwrap().port().to_string();
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("client.json");
    let result = run(NAME, &["--port", &port, "--store", store.to_str().unwrap()]);
    result.assert_code(1);
    let printed = result.stderr;
    assert!(printed.contains(&format!("  --> 127.0.0.1:{port}\n")), "{printed}");
    assert!(printed.contains("= help: set a free port with --port"), "{printed}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn register_once_exits_with_a_code_per_outcome() {
    let f = Fixture::new(NAME).await;
    f.server.script([Reply::json(403, json!({"detail": "No"}))]);
    insta::assert_snapshot!("refused", f.snapshot(1, &[]));
    // Each has its own metadata, because the next request for the same metadata waits.
    for (unknown, uri) in [
        (Reply::status(500), "http://127.0.0.1:8910/500"),
        (Reply::disconnect(), "http://127.0.0.1:8910/disconnect"),
    ] {
        f.server.script([unknown]);
        let printed = f.run(3, &["--redirect-uri", uri]).stderr;
        assert!(printed.contains("; a client may have been registered: "), "{printed}");
    }
    f.run(3, &["--redirect-uri", "http://127.0.0.1:8910/500"]);
    f.run(1, &["--redirect-uri", "http://app.example/cb"]);
    assert_eq!(f.server.requests().len(), 3);
    for what in ["the next run sends its request", "nothing waited"] {
        let printed = f.run(0, &["--clear-unknown"]).stdout;
        assert!(printed.ends_with(&format!("\n{what}\n")), "{printed}");
    }
    f.run(0, &["--redirect-uri", "http://127.0.0.1:8910/500"]);
    f.run(0, &[]);
    fs::write(f.store(), "not json").unwrap();
    let printed = f.run(1, &[]).stderr;
    assert!(printed.contains("client.json is damaged"), "{printed}");

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
        assert_eq!(run(NAME, args).code, Some(2), "{args:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn register_once_reads_server_and_token_from_the_environment() {
    let f = Fixture::new(NAME).await;
    let mut command = f.command(&["--live"]);
    command.env("POGGIO_BASE_URL", f.server.base_url()).env("POGGIO_AUTH_TOKEN", "t0ken");
    let result = RunResult::of(&mut command);
    result.assert_code(0);
    assert_eq!(f.server.requests()[0].header("authorization"), Some("Bearer t0ken"));
    assert!(!result.stdout.contains("t0ken"));
}

#[tokio::test(flavor = "multi_thread")]
async fn register_once_look_registers_nothing() {
    let f = Fixture::new(NAME).await;
    insta::assert_snapshot!("look_nothing", f.snapshot(1, &["--look"]));
    assert_eq!(f.server.requests().len(), 0);
    assert_eq!(fs::read_dir(f.path("store")).unwrap().count(), 0);
    f.run(0, &[]);
    insta::assert_snapshot!("look_found", f.snapshot(0, &["--look"]));
    // Other metadata is another client, but the port of a loopback address does not matter.
    f.run(1, &["--look", "--redirect-uri", "https://app.example/cb"]);
    f.run(0, &["--look", "--redirect-uri", "http://127.0.0.1:1/callback"]);
    assert_eq!(f.server.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn register_once_lists_history_with_reasons() {
    let f = Fixture::new(NAME).await;
    let client_in_use = || value(&f.run(0, &[]).stdout, "client_id").to_owned();
    insta::assert_snapshot!("list_empty", f.snapshot(0, &["--list"]));
    assert_eq!(client_in_use(), "loopback-client-1");
    f.run(0, &["--mark-rejected", "loopback-client-1"]);
    let again = f.run(1, &["--mark-rejected", "loopback-client-1"]).stdout;
    assert!(again.contains("\nloopback-client-1 is not in use; nothing was changed\n"), "{again}");
    f.run(1, &["--remove", "no-such-client"]);

    assert_eq!(client_in_use(), "loopback-client-2");
    f.run(0, &["--remove", "loopback-client-2"]);
    assert_eq!(client_in_use(), "loopback-client-3");
    let imported = f.path("imported.json");
    let import = ["--import", imported.to_str().unwrap()];
    for id in ["imported-1", "imported-2"] {
        let client = json!({"client_id": id, "client_secret": "secret-x"});
        fs::write(&imported, client.to_string()).unwrap();
        f.run(0, &import);
    }
    assert_eq!(client_in_use(), "imported-2");
    insta::assert_snapshot!("list_history", f.snapshot(0, &["--list"]));

    // An imported client is not replaced until it is removed.
    f.run(0, &["--mark-rejected", "imported-2"]);
    insta::assert_snapshot!("imported_and_rejected", f.snapshot(1, &[]));
    f.run(0, &["--remove", "imported-2"]);
    assert_eq!(client_in_use(), "loopback-client-3");
    assert_eq!(f.server.requests().len(), 3);

    fs::write(&imported, r#"{"client_secret": "secret-x"}"#).unwrap();
    insta::assert_snapshot!("import_refused", f.snapshot(1, &import));
}

#[tokio::test(flavor = "multi_thread")]
async fn register_once_exports_for_the_owner_only_and_never_overwrites() {
    let f = Fixture::new(NAME).await;
    let file = f.path("exported.json");
    let path = file.to_str().unwrap();
    fs::write(&file, "mine").unwrap();
    insta::assert_snapshot!("export_refused", f.snapshot(1, &["--export", path]));
    f.run(1, &["--export", f.path("no/folder/a.json").to_str().unwrap()]);
    assert_eq!(f.server.requests().len(), 0);
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    fs::remove_file(&file).unwrap();

    f.run(0, &["--export", path]);
    #[cfg(unix)]
    assert_eq!(mode(&file), 0o600);
    let exported = fs::read_to_string(&file).unwrap();
    let client = ClientInformation::from_json(&exported).unwrap();
    assert_eq!(client.client_id, "loopback-client-1");
    let secret = client.client_secret.unwrap();
    assert_eq!(secret.expose(), "loopback-secret-1-of-no-value-elsewhere");
    f.run(1, &["--look", "--export", path]);
    fs::remove_file(&file).unwrap();
    f.run(0, &["--look", "--export", path]);
    assert_eq!(fs::read_to_string(&file).unwrap(), exported);

    // An export can be imported by another store.
    let other = Fixture::new(NAME).await;
    other.run(0, &["--import", path]);
    assert_eq!(value(&other.run(0, &["--look"]).stdout, "client_id"), "loopback-client-1");
    assert_eq!(other.server.requests().len(), 0);
    assert_eq!(fs::read_dir(f.folder()).unwrap().count(), 2, "no other file is left");
}

/// Returns the file in which a run that could not save left the credentials.
fn rescued(result: &RunResult) -> PathBuf {
    let path = PathBuf::from(value(&result.stderr, "= note: the credentials are in"));
    #[cfg(unix)]
    assert_eq!(mode(&path), 0o600);
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn register_once_writes_credentials_elsewhere_if_they_cannot_be_saved() {
    // While the request is sent, the store becomes a folder, or its folder is removed.
    for is_removed in [false, true] {
        let f = Fixture::new(NAME).await;
        let temporary = f.path("tmp");
        fs::create_dir(&temporary).unwrap();
        f.server.script([Reply::registered().with_delay(Duration::from_millis(300))]);
        let mut command = f.command(&["--base-url", &f.server.base_url()]);
        command.env("TMPDIR", &temporary).env("TMP", &temporary);
        let running = thread::spawn(move || RunResult::of(&mut command));
        wait_for(|| f.server.requests().len() == 1);
        if is_removed {
            fs::remove_dir_all(f.path("store")).unwrap();
        } else {
            fs::remove_file(f.store()).unwrap();
            fs::create_dir(f.store()).unwrap();
        }
        let result = running.join().unwrap();
        result.assert_code(4);
        let printed = &result.stderr;
        assert!(
            printed.contains("the client \"loopback-client-1\" could not be saved"),
            "{printed}"
        );
        let file = rescued(&result);
        assert_eq!(file.parent().unwrap(), if is_removed { temporary } else { f.path("store") });

        // The help names --keep.
        if !is_removed {
            fs::remove_dir(f.store()).unwrap();
        }
        f.run(0, &["--keep", file.to_str().unwrap()]);
        assert_eq!(value(&f.run(0, &[]).stdout, "client_id"), "loopback-client-1");
        assert_eq!(f.server.requests().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn register_once_writes_recovered_credentials_to_a_file() {
    let f = Fixture::new(NAME).await;
    f.server.script([Reply::text(201, r#"{"client_id": "loopback-cut", "client_sec"#)]);
    let result = f.run(4, &[]);
    let recovered: Value =
        serde_json::from_str(&fs::read_to_string(rescued(&result)).unwrap()).unwrap();
    assert_eq!(recovered, json!({"client_id": "loopback-cut", "client_secret": null}));
    let printed = result.stderr;
    assert!(printed.contains("the rest did not arrive; ask Poggio for it"), "{printed}");
}

#[test]
fn register_once_fleet_sends_one_request() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("client.json");
    let with_store = ["--fleet", "8", "--store", store.to_str().unwrap()];
    for args in [&with_store[..2], &with_store] {
        let result = run(NAME, args);
        result.assert_code(0);
        let printed = result.stdout;
        assert!(printed.ends_with("\nthe server counted 1 request\n"), "{printed}");
        let rows: Vec<Vec<_>> = printed
            .lines()
            .skip_while(|line| !line.starts_with("process "))
            .skip(1)
            .take_while(|line| !line.is_empty())
            .map(|line| line.split_whitespace().collect())
            .collect();
        let numbers: Vec<_> = rows.iter().map(|row| row[0]).collect();
        assert_eq!(numbers, ["1", "2", "3", "4", "5", "6", "7", "8"]);
        let count = |what| rows.iter().filter(|row| row[1] == what).count();
        assert_eq!((count("registered"), count("waited")), (1, 7), "{printed}");
        let has_time = |row: &Vec<&str>| row[2].parse::<u32>().is_ok() && row[3] == "ms";
        assert!(rows.iter().all(has_time), "{printed}");
        let clients: BTreeSet<_> = rows.iter().map(|row| row[4]).collect();
        assert_eq!(clients.len(), 1, "{printed}");
        let saved = fs::read_to_string(&store);
        assert!(saved.is_err() || saved.unwrap().contains(rows[0][4]));
    }
    assert!(store.exists());

    fs::write(&store, "not json").unwrap();
    let result = run(NAME, &["--fleet", "2", "--store", store.to_str().unwrap()]);
    result.assert_code(1);
    let failed = "1        failed\n2        failed\n\nthe server counted 0 requests\n";
    assert!(result.stdout.ends_with(failed), "{}", result.stdout);
    assert_eq!(result.stderr.matches("client.json is damaged").count(), 2);
}
