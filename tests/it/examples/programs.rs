//! The example programs, run as a user runs them.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use poggio::testing::{Reply, Server};
use serde_json::{Value, json};

/// An example that was built with the tests.
pub(crate) fn example(name: &str) -> PathBuf {
    let deps = env::current_exe().unwrap();
    let folder = deps.parent().and_then(Path::parent).unwrap().join("examples");
    let program = folder.join(name).with_extension(env::consts::EXE_EXTENSION);
    assert!(program.exists(), "build the examples first: cargo build --examples");
    program
}

pub(crate) fn command(name: &str, args: &[&str]) -> Command {
    let mut command = Command::new(example(name));
    command.args(args).env_remove("POGGIO_BASE_URL").env_remove("POGGIO_AUTH_TOKEN");
    command
}

pub(crate) fn run(name: &str, args: &[&str]) -> Output {
    command(name, args).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// It ended so, and printed no secret of the loopback server.
pub(crate) fn assert_code(output: &Output, code: i32) {
    let shown = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{shown}");
    let is_secret = ["secret-", "-secret"].iter().any(|part| shown.contains(part));
    assert!(!is_secret, "no secret is printed: {shown}");
}

/// A port that no system gives out by itself, so that it stays free from one run to the next.
pub(crate) fn port_of_choice(first: u16) -> u16 {
    let first = first + u16::try_from(std::process::id() % 2_000).unwrap();
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    (first..30_000).find(is_free).unwrap()
}

/// What was printed, standard output first, without what differs from run to run.
pub(crate) fn printed(output: &Output, folder: Option<&Path>) -> String {
    let mut all = text(&output.stdout) + &text(&output.stderr);
    if let Some(folder) = folder {
        all = all.replace(&folder.display().to_string(), "FOLDER");
    }
    let code = output.status.code().unwrap();
    let without_ports: Vec<_> = all
        .split("127.0.0.1:")
        .enumerate()
        .map(|(i, part)| {
            let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
            if i > 0 && part.len() - rest.len() == 5 {
                format!("PORT{rest}")
            } else {
                part.to_owned()
            }
        })
        .collect();
    format!("{}\n[exit code {code}]", without_ports.join("127.0.0.1:"))
}

#[test]
fn register_shows_a_registered_client() {
    insta::assert_snapshot!(printed(&run("register", &[]), None));
}

#[test]
fn handle_errors_shows_every_kind_of_failure() {
    insta::assert_snapshot!(printed(&run("handle_errors", &[]), None));
}

#[test]
fn own_store_registers_once() {
    insta::assert_snapshot!(printed(&run("own_store", &[]), None));
}

#[test]
fn register_takes_every_member_by_flag() {
    insta::assert_snapshot!(printed(
        &run(
            "register",
            &[
                "--redirect-uri",
                "https://acme.example/a",
                "--redirect-uri",
                "com.acme:/b",
                "--token-endpoint-auth-method",
                "none",
                "--grant-type",
                "authorization_code",
                "--grant-type",
                "refresh_token",
                "--response-type",
                "code",
                "--client-name",
                "Acme",
                "--client-uri",
                "https://acme.example",
                "--logo-uri",
                "https://acme.example/l.png",
                "--scope",
                "read write",
                "--contact",
                "a@acme.example",
                "--contact",
                "b@acme.example",
                "--tos-uri",
                "https://acme.example/tos",
                "--policy-uri",
                "https://acme.example/policy",
                "--software-id",
                "acme",
                "--software-version",
                "1.2",
            ]
        ),
        None
    ));
}

#[test]
fn register_reads_a_metadata_file_with_flags_on_top() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("metadata.json");
    let metadata = json!({"redirect_uris": ["https://acme.example/a"], "client_name": "From file"});
    fs::write(&file, metadata.to_string()).unwrap();
    let path = file.to_str().unwrap();
    insta::assert_snapshot!(printed(
        &run("register", &["--metadata", path, "--scope", "read"]),
        None
    ));

    fs::write(&file, r#"{"redirect_uri": "https://acme.example/a"}"#).unwrap();
    let output = run("register", &["--metadata", path]);
    insta::assert_snapshot!(printed(&output, Some(folder.path())));

    fs::write(&file, r#"{"redirect_uris": ["https://acme.example/a", 5]}"#).unwrap();
    let output = run("register", &["--metadata", path]);
    assert!(text(&output.stderr).contains("| redirect_uris[1]: invalid type: integer `5`"));
}

#[test]
fn register_keeps_the_credentials_though_nobody_reads_its_output() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("client.json");
    let mut child = command("register", &["--save", file.to_str().unwrap()])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // Gone after the first line, which is printed before anything is sent.
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.starts_with("registering"), "{first}");
    assert!(child.wait().unwrap().success(), "and does not panic");
    let saved = fs::read_to_string(&file).unwrap();
    assert!(saved.contains("loopback-secret-1"), "{saved}");
}

#[test]
fn register_prints_failures_with_what_where_why_and_what_now() {
    insta::assert_snapshot!(
        "register_local",
        printed(
            &run(
                "register",
                &["--redirect-uri", "http://app.example/cb", "--scope", "read  write\u{1b}[2J",]
            ),
            None
        )
    );
    insta::assert_snapshot!(
        "register_server",
        printed(
            &run(
                "register",
                &[
                    "--redirect-uri",
                    "https://app.example/cb",
                    "--grant-type",
                    "authorization_code",
                    "--grant-type",
                    "magic",
                ]
            ),
            None
        )
    );
    insta::assert_snapshot!(
        "register_config",
        printed(&run("register", &["--base-url", "http://api.poggio.io",]), None)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn register_exits_with_a_code_for_each_outcome() {
    let server = Server::start().await;
    for (reply, code) in [
        (Reply::registered(), 0),
        (Reply::json(403, json!({"detail": "No"})), 1),
        (Reply::status(500), 3),
        (Reply::disconnect(), 3),
        (Reply::text(201, r#"{"client_id": "id", "client_secret": "s3cr"#), 4),
    ] {
        server.script([reply.clone()]);
        let output = run("register", &["--base-url", &server.base_url()]);
        assert_eq!(output.status.code(), Some(code), "{reply:?} {}", text(&output.stderr));
        assert_eq!(output.stderr.is_empty(), code == 0);
        if code != 0 {
            assert!(text(&output.stderr).contains("= outcome: "), "{reply:?}");
        }
    }
    assert_eq!(run("register", &["--no-such-flag"]).status.code(), Some(2));
    let live_without_save = run("register", &["--live"]);
    assert_eq!(live_without_save.status.code(), Some(2));
    assert!(text(&live_without_save.stderr).contains("--save <FILE>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn register_saves_the_credentials_for_their_owner_alone_and_never_overwrites() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("client.json");
    let path = file.to_str().unwrap();
    let server = Server::start().await;
    let args = ["--base-url", &server.base_url(), "--save", path];

    let output = run("register", &args);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).ends_with(&format!("\nsaved to {path}\n")));
    assert!(!text(&output.stdout).contains("loopback-secret"));
    let saved: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(saved["client_id"], "loopback-client-1");
    assert_eq!(saved["client_secret"], "loopback-secret-1-of-no-value-elsewhere");
    assert_eq!(saved["client_secret_expires_at"], 0);
    assert_eq!(saved["redirect_uris"], json!(["http://127.0.0.1:8910/callback"]));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    let again = run("register", &args);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("never overwritten"), "{}", text(&again.stderr));
    let nowhere = folder.path().join("no/such/folder/client.json");
    let lost =
        run("register", &["--base-url", &server.base_url(), "--save", nowhere.to_str().unwrap()]);
    assert_eq!(lost.status.code(), Some(1));
    assert_eq!(server.requests().len(), 1, "nothing is registered that cannot be saved");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[tokio::test(flavor = "multi_thread")]
async fn register_saves_what_was_salvaged() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("client.json");
    let server = Server::start().await;
    server.script([Reply::text(201, r#"{"client_id": "id", "client_secret": "s3cr3t", "x"#)]);
    let output =
        run("register", &["--base-url", &server.base_url(), "--save", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(4));
    assert!(!(text(&output.stdout) + &text(&output.stderr)).contains("s3cr3t"));
    let saved: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(saved, json!({"client_id": "id", "client_secret": "s3cr3t"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_proxy_is_used_for_this_machine() {
    let server = Server::start().await;
    let mut command = command("register", &["--base-url", &server.base_url()]);
    for variable in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        command.env(variable, "http://127.0.0.1:9");
    }
    let output = command.env_remove("NO_PROXY").env_remove("no_proxy").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(server.registrations().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_names_the_server_and_the_token() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    let live = |file: &str, base_url: &str, token: &str| {
        let path = folder.path().join(file);
        let mut command = command("register", &["--live", "--save", path.to_str().unwrap()]);
        command.env("POGGIO_BASE_URL", base_url).env("POGGIO_AUTH_TOKEN", token).output().unwrap()
    };
    let output = live("a.json", &server.base_url(), "t0ken");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let output = live("b.json", &server.base_url(), "");
    assert_eq!(
        output.status.code(),
        Some(0),
        "an empty variable is unset: {}",
        text(&output.stderr)
    );
    let tokens: Vec<_> =
        server.requests().iter().map(|r| r.header("authorization").map(str::to_owned)).collect();
    assert_eq!(tokens, [Some("Bearer t0ken".to_owned()), None]);

    for (base_url, token, variable) in [
        ("http://api.poggio.io", "", "POGGIO_BASE_URL"),
        (server.base_url().as_str(), "t0ken\n", "POGGIO_AUTH_TOKEN"),
    ] {
        let output = live("c.json", base_url, token);
        assert_eq!(output.status.code(), Some(1));
        let shown = text(&output.stderr);
        assert!(shown.contains(&format!("--> {variable}")), "{shown}");
        assert!(!shown.contains("t0ken"), "{shown}");
    }
}
