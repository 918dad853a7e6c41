//! Each way not to be logged in: what is said, and by which exit code.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_is_told() {
    let case = Case::new().await;
    let mut login = case.log_in(&[]);
    let (head, page) = follow(&case.server.deny(&login.url()).await);
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(page.contains("<h1>Access was denied</h1>"), "{page}");
    insta::assert_snapshot!("denied", stable(&login.end(5), &case));
    assert_eq!(case.server.token_requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_waited_for_longer_than_was_said() {
    let case = Case::new().await;
    let start = std::time::Instant::now();
    let mut login = case.log_in(&["--wait", "1"]);
    login.url();
    // Someone is there all the time, and it is not the answer.
    let _idle = TcpStream::connect((Ipv4Addr::LOCALHOST, login.port())).unwrap();
    insta::assert_snapshot!("timed_out", stable(&login.end(6), &case));
    let elapsed = start.elapsed();
    assert!((1..5).contains(&elapsed.as_secs()), "{elapsed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_in_use_is_told_before_anything_is_sent() {
    let case = Case::new().await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    for (command, flag) in [
        (case.log_in(&["--port", &port.to_string()]), "--port"),
        (
            Login::start(&mut case.command(&["--embedded-port", &port.to_string()])),
            "--embedded-port",
        ),
    ] {
        let shown = command.end(7);
        let told = format!(
            "error: a port cannot be used; no client was registered\n  --> 127.0.0.1:{port}\n   | "
        );
        assert!(shown.contains(&told), "{shown}");
        assert!(shown.contains(" in use"), "{shown}");
        assert!(shown.ends_with(&format!("   = help: name a free one with {flag}\n")), "{shown}");
    }
    assert_eq!(case.server.requests().len(), 0);
    assert!(!case.store().exists());
}

#[cfg(unix)]
fn interrupt(login: &Login) {
    let id = login.program.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_ends_it_and_tells_what_is_left() {
    let case = Case::new().await;
    let mut login = case.log_in(&[]);
    login.url();
    interrupt(&login);
    insta::assert_snapshot!("interrupted", stable(&login.end(130), &case));
    // The client is kept, as it says.
    case.server.script_token([Reply::issued().with_delay(Duration::from_secs(30))]);
    let mut login = case.log_in(&[]);
    follow(&case.server.allow(&login.url()).await);
    eventually(|| case.server.token_requests().len() == 1).await;
    interrupt(&login);
    let shown = login.end(130);
    assert!(shown.contains("\nfound: no registration was sent\n"), "{shown}");
    assert!(shown.ends_with("a token may have been issued, and is lost\n"), "{shown}");

    let case = Case::new().await;
    case.server.script([Reply::registered().with_delay(Duration::from_secs(30))]);
    let login = case.log_in(&[]);
    eventually(|| case.server.requests().len() == 1).await;
    interrupt(&login);
    let shown = login.end(130);
    assert!(shown.ends_with("a client may have been registered\n"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_that_fails_ends_as_it_does_elsewhere() {
    for (reply, code, told) in [
        (Reply::json(403, json!({"detail": "No"})), 1, "; no client was registered: "),
        (Reply::status(500), 3, "; a client may have been registered: "),
        (Reply::text(201, r#"{"client_id": "1""#), 4, "\n   = note: the credentials are in "),
    ] {
        let case = Case::new().await;
        case.server.script([reply]);
        let shown = case.log_in(&[]).end(code);
        assert!(shown.contains(told), "{shown}");
        assert!(!shown.contains("URL"), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_refuses_is_told_in_its_words() {
    let case = Case::new().await;
    // At the authorization endpoint.
    let mut login = case.log_in(&[]);
    let state = param(&login.url(), "state");
    let port = login.port();
    let (_, page) = follow(&format!(
        "http://127.0.0.1:{port}/callback?error=invalid_scope&error_description=Not+<b>+that&\
         state={state}"
    ));
    assert!(page.contains("<h1>The login failed</h1>"), "{page}");
    assert!(!page.contains("that"), "{page}");
    let shown = login.end(8);
    let told = "error: the server refused (invalid_scope): Not <b> that; ask for scopes that were \
                registered\n";
    assert!(shown.ends_with(told), "{shown}");

    // The right state, and nothing else.
    let mut login = case.log_in(&[]);
    let state = param(&login.url(), "state");
    follow(&format!("http://127.0.0.1:{port}/callback?state={state}"));
    assert!(login.end(8).contains("it has no code"));

    // At the token endpoint.
    for (reply, told) in [
        (Reply::status(500), "error: the server refused with 500 Internal Server Error"),
        (Reply::disconnect(), "the request may have been acted on"),
        (Reply::json(200, json!({"no": "token"})), "error: the token cannot be read"),
        (
            Reply::json(400, json!({"error": "invalid_grant"})),
            "error: the server refused (invalid_grant); begin anew",
        ),
    ] {
        case.server.script_token([reply]);
        let mut login = case.log_in(&[]);
        follow(&case.server.allow(&login.url()).await);
        let shown = login.end(8);
        assert!(shown.contains(told), "{shown}");
        assert!(!shown.contains("allowed"), "{shown}");
    }
    // A token that cannot be refreshed is one all the same.
    let invalid = Reply::json(400, json!({"error": "invalid_grant"}));
    case.server.script_token([Reply::issued(), invalid]);
    let mut login = case.log_in(&[]);
    follow(&case.server.allow(&login.url()).await);
    let shown = login.end(8);
    assert!(shown.contains("\nallowed\n") && !shown.contains("\nrefreshed\n"), "{shown}");
    assert_eq!(case.server.registrations().len(), 1);
}

#[test]
fn wrong_arguments_are_told() {
    for args in [
        &["--no-such-flag"][..],
        &["--live", "--base-url", "https://a.example"],
        &["--live", "--discover", "https://a.example"],
        &["--live", "--embedded-port", "8912"],
        &["--authorization-endpoint", "https://a.example"],
        &["--port", "0"],
        &["--wait", "0"],
    ] {
        assert_eq!(crate::examples::programs::run(NAME, args).status.code(), Some(2), "{args:?}");
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_could_not_be_saved_is_kept_by_the_next_run() {
    let case = Case::new().await;
    let file = case.folder.path().join("rescued.json");
    fs::write(&file, r#"{"client_id": "7", "client_secret": "of-no-value-elsewhere"}"#).unwrap();
    let mut login = case.log_in(&["--keep", file.to_str().unwrap()]);
    let url = login.url();
    assert_eq!(param(&url, "client_id"), "7");
    interrupt(&login);
    let shown = login.end(130);
    assert!(shown.contains("\nfound: no registration was sent\n"), "{shown}");
    assert_eq!(case.server.registrations().len(), 0);

    let output = case.command(&["--keep", "nowhere.json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
