//! `login`, with the loopback server and with the embedded one.

use std::{net::TcpListener, process::Stdio};

use crate::{
    assert_shown,
    support::{Fixture, Login, Run, allow, poggio},
};

#[tokio::test]
async fn login_registers_once_and_saves_the_token() {
    let fixture = Fixture::new().await;
    let first = fixture.log_in(&["--scope", "read write"]).await;
    assert_shown!(fixture, "login", first.shown());
    let second = fixture.log_in(&["--json"]).await;
    assert_shown!(fixture, "login_json", second.shown());
    assert_eq!(fixture.server.registrations().len(), 1);
}

#[tokio::test]
async fn embedded_login_works_without_any_other_server() {
    let fixture = Fixture::new().await;
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let embedded = |args: &[&str]| {
        let mut command = poggio(fixture.folder.path());
        command.args(["--embedded", "--embedded-port", &port]).args(args);
        command
    };
    for how in ["logged in with a new client\n", "logged in\n"] {
        let login = Login::start(&mut embedded(&["login", "--no-browser"]));
        let callback = allow(&login.url).await;
        let run = login.open(&callback).await;
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert!(run.stdout.starts_with(how), "{}", run.stdout);
    }
    let token = Run::of(&mut embedded(&["token"]));
    assert_eq!((token.code, token.stderr.as_str()), (Some(0), ""));
    assert_eq!(token.stdout.trim_end().len(), 43);
    // The other store has neither the client nor the token.
    let token = Run::of(poggio(fixture.folder.path()).arg("token"));
    assert_eq!((token.code, token.stdout.as_str()), (Some(5), ""));
}

#[tokio::test]
async fn embedded_login_without_its_port_says_how_to_choose_another() {
    let fixture = Fixture::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let args = ["--embedded", "--embedded-port", &port, "login"];
    let run = Run::of(poggio(fixture.folder.path()).args(args));
    assert_shown!(fixture, "login_port_in_use", run.shown());
}

#[tokio::test]
async fn login_at_a_discovered_server_requests_a_token_for_the_resource() {
    let fixture = Fixture::new().await;
    let mcp = fixture.server.mcp_url();
    let command = |args: &[&str]| {
        let mut command = poggio(fixture.folder.path());
        command.args(args).args(["--discover", &mcp]);
        command
    };
    let login = Login::start(&mut command(&["login", "--no-browser"]));
    let callback = fixture.server.allow(&login.url).await;
    let run = login.open(&callback).await;
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(fixture.server.token_requests()[0].field("resource"), Some(mcp.as_str()));
    let token = Run::of(&mut command(&["token"]));
    assert_eq!(token.code, Some(0), "{}", token.stderr);
    assert_eq!(Run::of(&mut command(&["status"])).code, Some(0));
    assert_eq!(Run::of(&mut command(&["logout"])).code, Some(0));
    assert_eq!(Run::of(&mut command(&["token"])).code, Some(5));
}

#[tokio::test]
async fn login_that_the_user_denies_requires_another_login() {
    let fixture = Fixture::new().await;
    let login = Login::start(&mut fixture.command(&["login", "--no-browser"]));
    let callback = fixture.server.deny(&login.url).await;
    let run = login.open(&callback).await;
    assert_eq!(run.code, Some(5));
    assert_shown!(fixture, "login_denied", run.shown());
}

#[tokio::test]
async fn login_without_a_callback_times_out() {
    let fixture = Fixture::new().await;
    let run = fixture.run(&["login", "--no-browser", "--timeout", "1"]);
    assert_eq!(run.code, Some(5));
    assert_shown!(fixture, "login_timeout", run.shown());
}

#[tokio::test]
async fn login_does_not_read_a_standard_input_that_is_no_terminal() {
    let fixture = Fixture::new().await;
    let mut command = fixture.command(&["login", "--no-browser", "--timeout", "1"]);
    let login = Login::start(command.stdin(Stdio::piped()));
    let run = login.finish();
    assert_eq!(run.code, Some(5), "{}", run.stderr);
    assert!(!run.stderr.contains("paste"), "{}", run.stderr);
}

#[tokio::test]
async fn login_without_a_reachable_server_says_to_try_again() {
    let fixture = Fixture::new().await;
    let mut command = poggio(fixture.folder.path());
    // Nothing listens on the port of a listener that is closed.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    command.args(["login", "--base-url", &format!("http://127.0.0.1:{port}")]);
    let run = Run::of(&mut command);
    assert_eq!(run.code, Some(6));
    assert_shown!(fixture, "login_unreachable", run.shown());
}

#[cfg(unix)]
#[tokio::test]
async fn interrupted_login_says_that_the_client_is_saved() {
    let fixture = Fixture::new().await;
    let login = Login::start(&mut fixture.command(&["login", "--no-browser"]));
    let callback = fixture.server.allow(&login.url).await;
    login.open(&callback).await;

    let login = Login::start(&mut fixture.command(&["login", "--no-browser"]));
    crate::register::interrupt(login.id());
    let run = login.finish();
    assert_eq!(run.code, Some(130));
    assert_shown!(fixture, "login_interrupted", run.shown());
}
