//! The `register` example: flags, output, exit codes, and the saved credentials.

use std::{
    fs,
    io::{BufRead, BufReader, ErrorKind},
    net::TcpListener,
    process::Stdio,
};

use poggio::testing::{Reply, Server};
use serde_json::{Value, json};

use crate::support::example::{RunResult, command, run};

const NAME: &str = "register";

#[test]
fn register_sends_every_member_by_flag() {
    let flags = [
        "--redirect-uri=https://acme.example/a",
        "--redirect-uri=com.acme:/b",
        "--token-endpoint-auth-method=none",
        "--grant-type=authorization_code",
        "--grant-type=refresh_token",
        "--response-type=code",
        "--client-name=Acme",
        "--client-uri=https://acme.example",
        "--logo-uri=https://acme.example/l.png",
        "--scope=read write",
        "--contact=a@acme.example",
        "--contact=b@acme.example",
        "--tos-uri=https://acme.example/tos",
        "--policy-uri=https://acme.example/policy",
        "--software-id=acme",
        "--software-version=1.2",
    ];
    insta::assert_snapshot!("every_flag", run(NAME, &flags).snapshot(None));
}

#[test]
fn register_reads_a_metadata_file_and_flags_on_top() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("metadata.json");
    let run = |metadata: Value, args: &[&str]| {
        fs::write(&file, metadata.to_string()).unwrap();
        run(NAME, &[&["--metadata", file.to_str().unwrap()], args].concat())
    };
    let metadata = json!({"redirect_uris": ["https://acme.example/a"], "client_name": "From file"});
    let result = run(metadata, &["--scope", "read"]);
    insta::assert_snapshot!("metadata_file", result.snapshot(None));
    let result = run(json!({"redirect_uri": "https://acme.example/a"}), &[]);
    insta::assert_snapshot!("unknown_member", result.snapshot(Some(folder.path())));
    let result = run(json!({"redirect_uris": ["https://acme.example/a", 5]}), &[]);
    assert!(result.stderr.contains("| redirect_uris[1]: invalid type: integer `5`"));
}

#[test]
fn register_prints_problem_place_and_help() {
    for (name, args) in [
        (
            "refused_locally",
            &["--redirect-uri=http://app.example/cb", "--scope=read  write\u{1b}[2J"][..],
        ),
        (
            "refused_by_the_server",
            &[
                "--redirect-uri=https://app.example/cb",
                "--grant-type=authorization_code",
                "--grant-type=magic",
            ],
        ),
        ("refused_base_url", &["--base-url=http://api.poggio.io"]),
    ] {
        insta::assert_snapshot!(name, run(NAME, args).snapshot(None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn register_exits_with_a_code_per_outcome() {
    let server = Server::start().await;
    for (reply, code) in [
        (Reply::registered(), 0),
        (Reply::json(403, json!({"detail": "No"})), 1),
        (Reply::status(500), 3),
        (Reply::disconnect(), 3),
        (Reply::text(201, r#"{"client_id": "id", "client_secret": "s3cr"#), 4),
    ] {
        server.script([reply.clone()]);
        let RunResult { code: actual, stderr, .. } = run(NAME, &["--base-url", &server.base_url()]);
        assert_eq!(actual, Some(code), "{reply:?} {stderr}");
        assert_eq!(stderr.contains("= outcome: "), code != 0, "{reply:?} {stderr}");
        assert_eq!(stderr.is_empty(), code == 0);
    }
    run(NAME, &["--no-such-flag"]).assert_code(2);
    let live_without_save = run(NAME, &["--live"]);
    live_without_save.assert_code(2);
    assert!(live_without_save.stderr.contains("--save <FILE>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn register_saves_the_credentials_for_their_owner_only_and_never_overwrites() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("client.json");
    let path = file.to_str().unwrap();
    let server = Server::start().await;
    let save_to = |path: &str| run(NAME, &["--base-url", &server.base_url(), "--save", path]);

    let result = save_to(path);
    result.assert_code(0);
    assert!(result.stdout.ends_with(&format!("\nsaved to {path}\n")));
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

    let again = save_to(path);
    again.assert_code(1);
    assert!(again.stderr.contains("never overwritten"), "{}", again.stderr);
    save_to(folder.path().join("no/such/folder/client.json").to_str().unwrap()).assert_code(1);
    assert_eq!(server.requests().len(), 1, "nothing is registered that cannot be saved");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no other file is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn register_saves_recovered_credentials() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("client.json");
    let server = Server::start().await;
    server.script([Reply::text(201, r#"{"client_id": "id", "client_secret": "s3cr3t", "x"#)]);
    let result = run(NAME, &["--base-url", &server.base_url(), "--save", file.to_str().unwrap()]);
    result.assert_code(4);
    assert!(!format!("{result:?}").contains("s3cr3t"));
    let saved: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(saved, json!({"client_id": "id", "client_secret": "s3cr3t"}));
}

#[test]
fn register_saves_the_credentials_if_its_output_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("client.json");
    let mut command = command(NAME, &["--save", file.to_str().unwrap()]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    // The pipe closes after the first line, which is printed before anything is sent.
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.starts_with("registering"), "{first}");
    assert!(child.wait().unwrap().success());
    let saved = fs::read_to_string(&file).unwrap();
    assert!(saved.contains("loopback-secret-1"), "{saved}");
}

#[tokio::test(flavor = "multi_thread")]
async fn register_uses_no_proxy_for_loopback_hosts() {
    let server = Server::start().await;
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    let mut command = command(NAME, &["--base-url", &server.base_url()]);
    for variable in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        command.env(variable, &url);
    }
    RunResult::of(command.env_remove("NO_PROXY").env_remove("no_proxy")).assert_code(0);
    assert_eq!(server.registrations().len(), 1);
    assert_eq!(proxy.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[tokio::test(flavor = "multi_thread")]
async fn register_reads_server_and_token_from_the_environment() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    let live = |file: &str, base_url: &str, token: &str| {
        let path = folder.path().join(file);
        let mut command = command(NAME, &["--live", "--save", path.to_str().unwrap()]);
        command.env("POGGIO_BASE_URL", base_url).env("POGGIO_AUTH_TOKEN", token);
        RunResult::of(&mut command)
    };
    live("a.json", &server.base_url(), "t0ken").assert_code(0);
    // An empty variable counts as unset.
    live("b.json", &server.base_url(), "").assert_code(0);
    let requests = server.requests();
    let tokens: Vec<_> = requests.iter().map(|sent| sent.header("authorization")).collect();
    assert_eq!(tokens, [Some("Bearer t0ken"), None]);

    for (base_url, token, variable) in [
        ("http://api.poggio.io", "", "POGGIO_BASE_URL"),
        (server.base_url().as_str(), "t0ken\n", "POGGIO_AUTH_TOKEN"),
    ] {
        let result = live("c.json", base_url, token);
        result.assert_code(1);
        assert!(result.stderr.contains(&format!("--> {variable}")), "{}", result.stderr);
        assert!(!result.stderr.contains("t0ken"), "{}", result.stderr);
    }
}
