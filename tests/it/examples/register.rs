//! The examples `register` and `register_once` at the server of the environment.

use std::{fs, io::ErrorKind, net::TcpListener, path::Path};

use poggio::testing::Server;
use serde_json::{Value, json};

use crate::support::example::{RunResult, command, set_home};

/// Runs `register` at this server with this file.
fn register(base_url: &str, token: &str, file: &Path) -> RunResult {
    let mut command = command("register", &[file.to_str().unwrap()]);
    RunResult::of(command.env("POGGIO_BASE_URL", base_url).env("POGGIO_AUTH_TOKEN", token))
}

#[tokio::test(flavor = "multi_thread")]
async fn register_saves_the_credentials_for_their_owner_only_and_never_overwrites() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("client.json");
    let server = Server::start().await;

    register(&server.base_url(), "", &file).assert_code(0);
    let saved: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(saved["client_id"], "loopback-client-1");
    assert_eq!(saved["client_secret"], "loopback-secret-1-of-no-value-elsewhere");
    assert_eq!(saved["redirect_uris"], json!(["http://127.0.0.1:8910/callback"]));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    // Nothing is registered that cannot be saved.
    for file in [file, folder.path().join("no/such/folder/client.json")] {
        register(&server.base_url(), "", &file).assert_code(1);
    }
    let mut without_file = command("register", &[]);
    let result = RunResult::of(without_file.env("POGGIO_BASE_URL", server.base_url()));
    result.assert_code(1);
    assert_eq!(result.stderr, "error: name a new file for the credentials\n");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn from_env_reads_base_url_and_token() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    register(&server.base_url(), "t0ken", &file("a.json")).assert_code(0);
    // An empty variable counts as unset.
    register(&server.base_url(), "", &file("b.json")).assert_code(0);
    let requests = server.requests();
    let tokens: Vec<_> = requests.iter().map(|sent| sent.header("authorization")).collect();
    assert_eq!(tokens, [Some("Bearer t0ken"), None]);

    for (base_url, token, variable) in [
        ("http://api.poggio.io", "", "POGGIO_BASE_URL"),
        (server.base_url().as_str(), "t0ken\n", "POGGIO_AUTH_TOKEN"),
    ] {
        let result = register(base_url, token, &file("c.json"));
        result.assert_code(1);
        assert!(result.stderr.starts_with(&format!("error: {variable}: ")), "{}", result.stderr);
        assert!(!result.stderr.contains("t0ken"), "{}", result.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn loopback_hosts_get_requests_without_a_proxy() {
    let server = Server::start().await;
    let home = tempfile::tempdir().unwrap();
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    let mut command = command("register_once", &[]);
    set_home(&mut command, home.path());
    command.env("POGGIO_BASE_URL", server.base_url());
    for variable in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        command.env(variable, &url);
    }
    RunResult::of(command.env_remove("NO_PROXY").env_remove("no_proxy")).assert_code(0);
    assert_eq!(server.registrations().len(), 1);
    assert_eq!(proxy.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}
