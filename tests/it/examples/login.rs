//! The `login` example: from a registration to a refreshed token, without a browser.

mod ends;
mod program;
mod servers;

use std::{fs, net::TcpListener, path::PathBuf};

use poggio::testing::{Reply, Server};
use serde_json::Value;

use self::program::{Login, callback_port, follow};
use crate::support::{
    eventually,
    example::{Fixture, RunResult, command, set_home},
    free_ports,
    oauth::param,
};

const NAME: &str = "login";

/// Returns a field of each token request.
fn fields(server: &Server, name: &str) -> Vec<Option<String>> {
    let requests = server.token_requests();
    requests.iter().map(|request| request.field(name).map(str::to_owned)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn login_registers_logs_in_and_refreshes() {
    let f = Fixture::new(NAME).await;
    let resource = "https://mcp.poggio.io/mcp";
    let mut login = f.log_in(&["--scope", "read", "--scope", "write", "--resource", resource]);
    let url = login.url();
    let redirect_uri = format!("http://127.0.0.1:{}/callback", login.port());
    for (name, value) in [
        ("scope", "read write"),
        ("resource", resource),
        ("code_challenge_method", "S256"),
        ("redirect_uri", &redirect_uri),
    ] {
        assert_eq!(param(&url, name), value);
    }
    let callback = f.server.allow(url.as_str()).await;
    follow(&callback).await;
    insta::assert_snapshot!("logged_in", f.stable(&login.end(0)));

    let registrations = f.server.registrations();
    assert_eq!(registrations.len(), 1);
    assert_eq!(registrations[0].metadata().unwrap().redirect_uris, [redirect_uri.as_str()]);
    let code = param(&callback.parse().unwrap(), "code");
    let some = |value: &str| Some(value.to_owned());
    for (name, values) in [
        ("grant_type", [some("authorization_code"), some("refresh_token")]),
        ("resource", [some(resource), some(resource)]),
        ("code", [Some(code), None]),
        ("redirect_uri", [Some(redirect_uri), None]),
    ] {
        assert_eq!(fields(&f.server, name), values);
    }
    assert!(f.server.token_requests().iter().all(|sent| sent.status() == Some(200)));
}

#[tokio::test(flavor = "multi_thread")]
async fn login_sends_the_method_and_parameters_of_its_flags() {
    let f = Fixture::new(NAME).await;
    let mut login = f.log_in(&[
        "--param=prompt=consent",
        "--param=hint=a=b",
        "--token-endpoint-auth-method=none",
    ]);
    let url = login.url();
    assert_eq!((param(&url, "prompt").as_str(), param(&url, "hint").as_str()), ("consent", "a=b"));
    follow(&f.server.allow(url.as_str()).await).await;
    let printed = login.end(0);
    assert!(printed.contains("\nrefreshed\n"), "{printed}");
    let registered = f.server.registrations()[0].metadata().unwrap();
    assert_eq!(registered.token_endpoint_auth_method.as_str(), "none");
    assert_eq!(fields(&f.server, "client_secret"), [None, None]);
}

#[tokio::test(flavor = "multi_thread")]
async fn login_prints_what_the_token_response_omits() {
    let f = Fixture::new(NAME).await;
    f.server.script_token([Reply::issued()
        .without_member("refresh_token")
        .without_member("expires_in")]);
    let printed = f.log_in_and_allow(&[]).await;
    assert!(printed.contains("\n  lifetime   unknown\n  scope      unknown\n"), "{printed}");
    assert!(printed.contains("\n  refresh    no refresh token\n"), "{printed}");
    assert!(!printed.contains("refreshed"), "{printed}");
    assert_eq!(f.server.token_requests().len(), 1);

    f.server.script_token([Reply::issued().without_member("scope")]);
    let printed = f.log_in_and_allow(&["--scope", "read"]).await;
    assert!(printed.contains("\n  scope      read (as requested)\n"), "{printed}");

    f.server.script_token([Reply::issued().with_member("scope", "")]);
    let printed = f.log_in_and_allow(&["--scope", "read"]).await;
    assert!(printed.contains("\n  scope      none was granted\n"), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn login_registers_once_and_listens_on_the_registered_port_again() {
    let person = Server::start().await;
    // Returns nothing if another program has the port of the embedded server.
    let log_in = async |home: &std::path::Path, port: u16| {
        let mut command = command(NAME, &["--print-url", "--embedded-port", &port.to_string()]);
        set_home(&mut command, home);
        let mut login = Login::start(&mut command);
        let Some(url) = login.url_or_end() else {
            login.end(7);
            return None;
        };
        let page = format!("http://127.0.0.1:{port}/app/oauth/authorize?");
        assert!(url.as_str().starts_with(&page), "{url}");
        follow(&person.allow(url.as_str()).await).await;
        Some(login.end(0))
    };
    for port in free_ports() {
        let home = tempfile::tempdir().unwrap();
        let Some(first) = log_in(home.path(), port).await else { continue };
        let Some(second) = log_in(home.path(), port).await else { continue };
        if callback_port(&first) != callback_port(&second) {
            continue;
        }
        for part in [
            "\nserver    the embedded server (--live for Poggio)\n",
            "\nregistered: 1 request was sent\n",
            "\nrefreshed\n",
        ] {
            assert!(first.contains(part), "{first}");
        }
        let found = "found: no registration was sent";
        assert_eq!(second, first.replace("registered: 1 request was sent", found));

        let store = first.lines().find_map(|line| line.strip_prefix("store     ")).unwrap();
        assert!(store.ends_with("poggio-example-login.json"), "{store}");
        let store: Value = serde_json::from_str(&fs::read_to_string(store).unwrap()).unwrap();
        let registrations = store["registrations"].as_array().unwrap();
        assert_eq!(registrations.len(), 1);
        let secret = registrations[0]["client"]["client_secret"].as_str().unwrap();
        assert!(!first.contains(secret));
        return;
    }
    panic!("the second login never has the port of the first");
}

#[tokio::test(flavor = "multi_thread")]
async fn login_takes_another_port_if_the_registered_one_is_in_use() {
    let f = Fixture::new(NAME).await;
    let registered = callback_port(&f.log_in_and_allow(&[]).await);
    // If this fails, another program has the port.
    let _in_use = TcpListener::bind(("127.0.0.1", registered));
    let printed = f.log_in_and_allow(&[]).await;
    assert_ne!(callback_port(&printed), registered);
    let note = format!(
        "\nnote      the client was registered with port {registered}, which is in use; the \
         server accepts any port (RFC 8252 section 7.3)\n"
    );
    assert!(printed.contains(&note), "{printed}");

    for port in free_ports() {
        let mut login = f.log_in(&["--port", &port.to_string()]);
        let Some(url) = login.url_or_end() else {
            login.end(7);
            continue;
        };
        follow(&f.server.allow(url.as_str()).await).await;
        let printed = login.end(0);
        assert_eq!(callback_port(&printed), port);
        assert!(printed.contains(&note.replace(", which is in use", "")), "{printed}");
        assert_eq!(f.server.registrations().len(), 1);
        return;
    }
    panic!("no port is free");
}

#[tokio::test(flavor = "multi_thread")]
async fn login_registers_again_if_the_server_no_longer_accepts_the_stored_client() {
    let f = Fixture::new(NAME).await;
    f.log_in_and_allow(&[]).await;
    let mut login = f.log_in(&[]);
    let first = login.url();
    let callback = f.server.allow(first.as_str()).await;
    f.server.revoke_client(&param(&first, "client_id"));
    follow(&callback).await;
    let second = login.url();
    assert_eq!(param(&second, "client_id"), "loopback-client-2");
    assert_eq!(param(&second, "redirect_uri"), param(&first, "redirect_uri"));
    assert_ne!(param(&second, "state"), param(&first, "state"));
    follow(&f.server.allow(second.as_str()).await).await;
    insta::assert_snapshot!("registered_again", f.stable(&login.end(0)));
    assert_eq!(f.server.registrations().len(), 2);

    let printed = f.log_in_and_allow(&["--renew"]).await;
    assert!(printed.contains("\n  client_id  loopback-client-3\n"), "{printed}");
    assert_eq!(f.server.registrations().len(), 3);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn login_uses_a_client_that_an_earlier_run_could_not_save() {
    let f = Fixture::new(NAME).await;
    let file = f.path("rescued.json");
    fs::write(&file, r#"{"client_id": "7", "client_secret": "of-no-value-elsewhere"}"#).unwrap();
    let mut login = f.log_in(&["--keep", file.to_str().unwrap()]);
    assert_eq!(param(&login.url(), "client_id"), "7");
    login.interrupt();
    let printed = login.end(130);
    assert!(printed.contains("\nfound: no registration was sent\n"), "{printed}");
    assert_eq!(f.server.registrations().len(), 0);
}

/// Writes a script that replaces the program that opens the user's browser; returns its folder.
#[cfg(target_os = "linux")]
fn xdg_open(f: &Fixture, script: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let folder = f.path("bin");
    fs::create_dir(&folder).unwrap();
    let program = folder.join("xdg-open");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(program, fs::Permissions::from_mode(0o700)).unwrap();
    folder
}

/// Starts a login for which this folder is all of the PATH.
#[cfg(target_os = "linux")]
fn log_in_with_path(f: &Fixture, path: PathBuf) -> Login {
    let mut command = f.command(&["--base-url", &f.server.base_url()]);
    Login::start(command.env("PATH", path))
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn login_opens_the_browser_and_does_not_print_the_url() {
    let f = Fixture::new(NAME).await;
    let opened = f.path("opened");
    let script = format!("echo \"$1\" > {0}.part; /bin/mv {0}.part {0}", opened.display());
    let mut login = log_in_with_path(&f, xdg_open(&f, &script));
    eventually(|| opened.exists()).await;
    let url = fs::read_to_string(&opened).unwrap().trim().parse().unwrap();
    login.expect_state_hidden(&url);
    follow(&f.server.allow(url.as_str()).await).await;
    let printed = login.end(0);
    assert!(!printed.contains("code_challenge"), "{printed}");
    assert!(printed.contains("\nallow or deny access in your browser "), "{printed}");
    assert!(printed.contains("\nrefreshed\n"), "{printed}");
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn login_starts_the_browser_without_the_auth_token() {
    let f = Fixture::new(NAME).await;
    let (opened, environment) = (f.path("opened"), f.path("environment"));
    let script = format!(
        "export -p > {}\necho \"$1\" > {1}.part; /bin/mv {1}.part {1}",
        environment.display(),
        opened.display()
    );
    let path = xdg_open(&f, &script);
    let mut command = f.command(&["--base-url", &f.server.base_url()]);
    command.env("PATH", path).env("POGGIO_AUTH_TOKEN", "of-no-value").env("OWN_VARIABLE", "7");
    let mut login = Login::start(&mut command);
    eventually(|| opened.exists()).await;
    let url = fs::read_to_string(&opened).unwrap().trim().parse().unwrap();
    login.expect_state_hidden(&url);
    follow(&f.server.allow(url.as_str()).await).await;
    login.end(0);
    assert_eq!(f.server.registrations()[0].header("authorization"), Some("Bearer of-no-value"));
    let environment = fs::read_to_string(&environment).unwrap();
    assert!(environment.contains("OWN_VARIABLE"), "{environment}");
    assert!(!environment.contains("POGGIO_AUTH_TOKEN"), "{environment}");
    assert!(!environment.contains("of-no-value"), "{environment}");
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn login_prints_the_url_if_no_browser_can_be_opened() {
    for script in [None, Some("exit 3")] {
        let f = Fixture::new(NAME).await;
        let path = match script {
            Some(script) => xdg_open(&f, script),
            None => f.path("empty"),
        };
        let mut login = log_in_with_path(&f, path);
        follow(&f.server.allow(login.url().as_str()).await).await;
        let printed = login.end(0);
        let expected = "\nthe browser could not be opened\n\nopen this URL in a browser, and \
             allow or deny access:\n\n  URL\n";
        assert!(printed.contains(expected), "{printed}");
    }
}
