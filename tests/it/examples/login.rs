//! The example `login`, run as a user runs it, without a browser.

mod ends;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use poggio::{
    reqwest::Url,
    testing::{Reply, Server},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::path};

use crate::{
    examples::programs::{command, port_of_choice},
    support::eventually,
};

const NAME: &str = "login";

/// A store, and a server in the test for it.
pub(crate) struct Case {
    folder: TempDir,
    pub(crate) server: Server,
}

impl Case {
    pub(crate) async fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), server: Server::start().await }
    }

    pub(crate) fn command(&self, more: &[&str]) -> Command {
        let mut command = command(NAME, more);
        command.arg("--store").arg(self.store());
        command
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("client.json")
    }

    /// Starts a login at the server in the test.
    pub(crate) fn log_in(&self, more: &[&str]) -> Login {
        let mut command = self.command(more);
        Login::start(command.args(["--print-url", "--base-url", &self.server.base_url()]))
    }

    /// Logs in as a user that allows; returns what was printed.
    async fn allowed(&self, more: &[&str]) -> String {
        let mut login = self.log_in(more);
        let url = login.url();
        let (head, _) = follow(&self.server.allow(&url).await);
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        login.end(0)
    }
}

/// The program, from its start to its end.
pub(crate) struct Login {
    program: Child,
    output: BufReader<ChildStdout>,
    printed: String,
    states: Vec<String>,
}

impl Login {
    pub(crate) fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut program = command.spawn().unwrap();
        let output = BufReader::new(program.stdout.take().unwrap());
        Self { program, output, printed: String::new(), states: Vec::new() }
    }

    /// The address that is to be opened, when it is printed. What is kept of the output has URL in
    /// its place.
    pub(crate) fn url(&mut self) -> String {
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line).unwrap() == 0 {
                let code = self.program.wait().unwrap();
                let errors = self.errors();
                panic!("{code}\n{}{errors}", self.printed);
            }
            if !line.trim_start().starts_with("http") {
                self.printed += &line;
                continue;
            }
            self.printed += "  URL\n";
            let url = line.trim().to_owned();
            self.states.push(param(&url, "state"));
            return url;
        }
    }

    /// The port that it listens on.
    pub(crate) fn port(&self) -> u16 {
        port(&self.printed)
    }

    fn errors(&mut self) -> String {
        let mut errors = String::new();
        self.program.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        errors
    }

    /// Waits for the end; nothing that was printed is secret.
    pub(crate) fn end(mut self, code: i32) -> String {
        self.output.read_to_string(&mut self.printed).unwrap();
        let errors = self.errors();
        self.printed += &errors;
        let status = self.program.wait().unwrap();
        let shown = &self.printed;
        assert_eq!(status.code(), Some(code), "{shown}");
        // The ending of every secret, code and token of the server in the test.
        assert!(!shown.contains("of-no-value-elsewhere"), "{shown}");
        assert!(self.states.iter().all(|state| !shown.contains(state)), "{shown}");
        std::mem::take(&mut self.printed)
    }
}

impl Drop for Login {
    /// Of a test that has failed, it would wait on.
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// A parameter of a URL.
fn param(url: &str, name: &str) -> String {
    let url = Url::parse(url).unwrap();
    let mut values = url.query_pairs().filter(|(own, _)| own == name);
    values.next().unwrap_or_else(|| panic!("no {name} in {url}")).1.into_owned()
}

/// The port of the callback that was printed.
fn port(printed: &str) -> u16 {
    let line = printed.lines().find_map(|line| line.strip_prefix("callback  ")).unwrap();
    Url::parse(line).unwrap().port().unwrap()
}

/// Sends bytes to the listener; returns what it says until it hangs up.
fn send(port: u16, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // It need not read to the end.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

/// Goes where a browser is sent; returns the head and the page.
fn follow(callback: &str) -> (String, String) {
    let url = Url::parse(callback).unwrap();
    let (port, query) = (url.port().unwrap(), url.query().unwrap_or_default());
    let answer = send(
        port,
        format!(
            "GET /callback?{query} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\
             Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n\
             Sec-Fetch-Dest: document\r\n\r\n"
        )
        .as_bytes(),
    );
    let (head, page) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
    (head.to_owned(), page.to_owned())
}

/// What was printed, without what differs from run to run.
fn stable(shown: &str, case: &Case) -> String {
    let folder = case.folder.path().display().to_string();
    let port = format!("127.0.0.1:{}", port(shown));
    let server = case.server.base_url().replace("http://", "");
    shown.replace(&folder, "FOLDER").replace(&port, "CALLBACK").replace(&server, "SERVER")
}

/// The field of each token request.
fn fields(server: &Server, name: &str) -> Vec<Option<String>> {
    let requests = server.token_requests();
    requests.iter().map(|request| request.field(name).map(str::to_owned)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_way_from_registration_to_refresh() {
    let case = Case::new().await;
    let resource = "https://mcp.poggio.io/mcp";
    let mut login = case.log_in(&["--scope", "read", "--scope", "write", "--resource", resource]);
    let url = login.url();
    assert_eq!(param(&url, "scope"), "read write");
    assert_eq!(param(&url, "resource"), resource);
    assert_eq!(param(&url, "code_challenge_method"), "S256");
    let redirect_uri = format!("http://127.0.0.1:{}/callback", login.port());
    assert_eq!(param(&url, "redirect_uri"), redirect_uri);

    let callback = case.server.allow(&url).await;
    let (_, page) = follow(&callback);
    assert!(page.contains("<h1>Return to the application</h1>"), "{page}");
    insta::assert_snapshot!("whole_way", stable(&login.end(0), &case));

    let registered = case.server.registrations();
    assert_eq!(registered.len(), 1);
    assert_eq!(registered[0].metadata().unwrap().redirect_uris, [redirect_uri.as_str()]);
    let given = |value: &str| Some(value.to_owned());
    assert_eq!(
        fields(&case.server, "grant_type"),
        [given("authorization_code"), given("refresh_token")]
    );
    assert_eq!(fields(&case.server, "resource"), [given(resource), given(resource)]);
    assert_eq!(fields(&case.server, "code"), [Some(param(&callback, "code")), None]);
    assert_eq!(fields(&case.server, "redirect_uri"), [Some(redirect_uri), None]);
    assert!(case.server.token_requests().iter().all(|sent| sent.status() == Some(200)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_method_and_further_parameters_are_the_users_choice() {
    let case = Case::new().await;
    let params = ["--param", "prompt=consent", "--param", "hint=a=b"];
    let args = [&params[..], &["--token-endpoint-auth-method", "none"]].concat();
    let mut login = case.log_in(&args);
    let url = login.url();
    assert_eq!((param(&url, "prompt").as_str(), param(&url, "hint").as_str()), ("consent", "a=b"));
    follow(&case.server.allow(&url).await);
    let shown = login.end(0);
    assert!(shown.contains("\nrefreshed\n"), "{shown}");
    let registered = case.server.registrations()[0].metadata().unwrap();
    assert_eq!(registered.token_endpoint_auth_method.as_str(), "none");
    assert_eq!(fields(&case.server, "client_secret"), [None, None]);

    let output = case.command(&["--param", "prompt"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_token_answer_leaves_out_is_told() {
    let case = Case::new().await;
    case.server.script_token([Reply::issued()
        .without_member("refresh_token")
        .without_member("expires_in")]);
    let shown = case.allowed(&[]).await;
    assert!(shown.contains("\n  lifetime   not stated\n  scope      not stated\n"), "{shown}");
    assert!(shown.contains("\n  refresh    no refresh token came with it\n"), "{shown}");
    assert!(!shown.contains("refreshed"), "{shown}");
    assert_eq!(case.server.token_requests().len(), 1);

    case.server.script_token([Reply::issued().without_member("scope")]);
    let shown = case.allowed(&["--scope", "read"]).await;
    assert!(shown.contains("\n  scope      read (as asked)\n"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn run_twice_it_registers_once_and_listens_where_it_was_registered() {
    let home = tempfile::tempdir().unwrap();
    let person = Server::start().await;
    let embedded = port_of_choice(23_000).to_string();
    let run = async || {
        let mut command = command(NAME, &["--print-url", "--embedded-port", &embedded]);
        command.env("HOME", home.path()).env("XDG_CONFIG_HOME", home.path().join("config"));
        let mut login = Login::start(command.env("APPDATA", home.path()));
        let url = login.url();
        assert!(url.starts_with(&format!("http://127.0.0.1:{embedded}/app/oauth/authorize?")));
        follow(&person.allow(&url).await);
        login.end(0)
    };
    let first = run().await;
    assert!(first.contains("\nserver    the embedded server (--live for Poggio)\n"), "{first}");
    assert!(first.contains("\nregistered: 1 request was sent\n"), "{first}");
    assert!(first.contains("\nrefreshed\n"), "{first}");
    let again = run().await;
    let found = "found: no registration was sent";
    assert_eq!(again, first.replace("registered: 1 request was sent", found));

    let store = first.lines().find_map(|line| line.strip_prefix("store     ")).unwrap();
    assert!(store.ends_with("poggio-example-login.json"), "{store}");
    let kept: Value = serde_json::from_str(&fs::read_to_string(store).unwrap()).unwrap();
    let kept = kept["registrations"].as_array().unwrap();
    assert_eq!(kept.len(), 1);
    let secret = kept[0]["client"]["client_secret"].as_str().unwrap();
    assert!(!first.contains(secret));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_port_that_is_in_use_is_replaced_for_this_run() {
    let case = Case::new().await;
    let first = case.allowed(&[]).await;
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, port(&first))).unwrap();
    let second = case.allowed(&[]).await;
    assert_ne!(port(&second), port(&first));
    let note = format!(
        "\nnote      the client was registered with port {}, which is in use; that another is as \
         good is RFC 8252 section 7.3\n",
        port(&first)
    );
    assert!(second.contains(&note), "{second}");
    drop(taken);
    let third = case.allowed(&[]).await;
    assert_eq!(port(&third), port(&first));
    assert!(!third.contains("note "), "{third}");

    let asked = port_of_choice(25_000);
    let fourth = case.allowed(&["--port", &asked.to_string()]).await;
    assert_eq!(port(&fourth), asked);
    assert!(fourth.contains(&note.replace(", which is in use", "")), "{fourth}");
    assert_eq!(case.server.registrations().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_the_server_forgot_is_registered_anew_and_the_login_begins_again() {
    let case = Case::new().await;
    case.allowed(&[]).await;

    let mut login = case.log_in(&[]);
    let first = login.url();
    let callback = case.server.allow(&first).await;
    case.server.revoke_client(&param(&first, "client_id"));
    follow(&callback);
    let second = login.url();
    assert_eq!(param(&second, "client_id"), "loopback-client-2");
    assert_eq!(param(&second, "redirect_uri"), param(&first, "redirect_uri"));
    assert_ne!(param(&second, "state"), param(&first, "state"));
    follow(&case.server.allow(&second).await);
    insta::assert_snapshot!("renewed", stable(&login.end(0), &case));
    assert_eq!(case.server.registrations().len(), 2);

    // One that was registered in this run is not: the next would fare no better.
    let case = Case::new().await;
    let mut login = case.log_in(&[]);
    let url = login.url();
    let callback = case.server.allow(&url).await;
    case.server.revoke_client(&param(&url, "client_id"));
    follow(&callback);
    let shown = login.end(8);
    assert!(shown.contains("\nerror: the server refused (invalid_client)"), "{shown}");
    assert_eq!(case.server.registrations().len(), 1);

    // On a page that does not know the client, no one can come back: the user says so.
    let shown = case.allowed(&["--renew"]).await;
    assert!(shown.contains("\n  client_id  loopback-client-2\n"), "{shown}");
    assert_eq!(case.server.registrations().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_are_discovered() {
    let case = Case::new().await;
    let issuer = case.server.issuer();
    let discover = || {
        let mut command = case.command(&["--print-url", "--discover", &issuer]);
        Login::start(command.env("POGGIO_AUTH_TOKEN", "t0ken"))
    };
    let mut login = discover();
    follow(&case.server.allow(&login.url()).await);
    let shown = login.end(0);
    assert!(shown.contains(&format!("\nserver    {issuer}\n")), "{shown}");
    let registered = &case.server.registrations()[0];
    assert_eq!(registered.path(), "/v2/oauth/register");
    // Poggio's token is not for whoever was discovered.
    assert_eq!(registered.header("authorization"), None);
    assert!(case.server.token_requests().iter().all(|sent| sent.header("authorization").is_none()));

    // Its answers have the issuer that was discovered, and none but its own.
    let mut login = discover();
    let callback = case.server.allow(&login.url()).await;
    let other = callback.replace("&iss=", "&iss=https%3A%2F%2Fevil.example%2F");
    let (_, page) = follow(&other);
    assert!(page.contains("<h1>The login failed</h1>"), "{page}");
    let shown = login.end(8);
    assert!(shown.contains("its iss is not the server that was asked"), "{shown}");

    let unnamed = MockServer::start().await;
    let metadata = json!({
        "issuer": unnamed.uri(),
        "authorization_endpoint": "https://a.example/authorize",
        "token_endpoint": "https://a.example/token",
    });
    Mock::given(path("/.well-known/oauth-authorization-server"))
        .respond_with(ResponseTemplate::new(200).set_body_json(metadata))
        .mount(&unnamed)
        .await;
    let shown = Login::start(&mut case.command(&["--discover", &unnamed.uri()])).end(1);
    assert!(shown.starts_with("error: the server does not say where clients register\n"));
    let nowhere = format!("{}/nowhere", case.server.base_url());
    let shown = Login::start(&mut case.command(&["--discover", &nowhere])).end(8);
    assert!(shown.starts_with("error: the endpoints were not found: "), "{shown}");
}

// Poggio itself is reached by https.
#[cfg(any(feature = "rustls", feature = "native-tls"))]
#[tokio::test(flavor = "multi_thread")]
async fn the_environment_names_the_server_and_the_token_of_a_live_run() {
    let case = Case::new().await;
    let mut command = case.command(&["--live", "--print-url"]);
    command.env("POGGIO_BASE_URL", case.server.base_url()).env("POGGIO_AUTH_TOKEN", "t0ken");
    let mut login = Login::start(&mut command);
    follow(&case.server.allow(&login.url()).await);
    assert!(!login.end(0).contains("t0ken"));
    let registered = &case.server.registrations()[0];
    assert_eq!(registered.header("authorization"), Some("Bearer t0ken"));

    // Poggio's own page; the registration is kept from an import, so that nothing is sent.
    let entered = case.folder.path().join("entered.json");
    fs::write(&entered, r#"{"client_id": "entered", "client_secret": "s"}"#).unwrap();
    let mut import = command_of_register_once(&case, &["--live", "--import"]);
    assert!(import.arg(&entered).output().unwrap().status.success());
    let mut login =
        Login::start(case.command(&["--live", "--print-url", "--wait", "1"]).env_clear());
    let url = login.url();
    assert!(url.starts_with("https://poggio.io/app/oauth/authorize?"), "{url}");
    assert_eq!(param(&url, "client_id"), "entered");
    login.end(6);

    let page = "https://poggio.acme.example/authorize";
    let mut login = case.log_in(&["--authorization-endpoint", page, "--wait", "1"]);
    assert!(login.url().starts_with(&format!("{page}?")));
    login.end(6);
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
fn command_of_register_once(case: &Case, more: &[&str]) -> Command {
    let mut command = command("register_once", &["--store"]);
    command.arg(case.store()).args(more);
    command
}

/// A stand-in for what opens a user's browser, in a folder that is all of the PATH.
#[cfg(target_os = "linux")]
fn xdg_open(case: &Case, script: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let folder = case.folder.path().join("bin");
    fs::create_dir(&folder).unwrap();
    let program = folder.join("xdg-open");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(program, fs::Permissions::from_mode(0o700)).unwrap();
    folder
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn the_browser_is_opened_and_the_address_not_printed() {
    let case = Case::new().await;
    let opened = case.folder.path().join("opened");
    let bin =
        xdg_open(&case, &format!("echo \"$1\" > {0}.part; /bin/mv {0}.part {0}", opened.display()));
    let mut command = case.command(&["--base-url", &case.server.base_url()]);
    let mut login = Login::start(command.env("PATH", bin));
    eventually(|| opened.exists()).await;
    let url = fs::read_to_string(&opened).unwrap().trim().to_owned();
    login.states.push(param(&url, "state"));
    follow(&case.server.allow(&url).await);
    let shown = login.end(0);
    assert!(!shown.contains("code_challenge"), "{shown}");
    assert!(shown.contains("\nyour browser opens a page: allow or deny there "), "{shown}");
    assert!(shown.contains("\nrefreshed\n"), "{shown}");
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn where_no_browser_can_be_opened_the_address_is_printed() {
    for script in [None, Some("exit 3")] {
        let case = Case::new().await;
        let bin = match script {
            Some(script) => xdg_open(&case, script),
            None => case.folder.path().join("empty"),
        };
        let mut command = case.command(&["--base-url", &case.server.base_url()]);
        let mut login = Login::start(command.env("PATH", bin));
        follow(&case.server.allow(&login.url()).await);
        let shown = login.end(0);
        let told = "\nno browser could be opened\n\nopen this address in a browser, and allow or \
                    deny there:\n\n  URL\n";
        assert!(shown.contains(told), "{shown}");
    }
}
