//! How the `login` example ends without a token: messages and exit codes.

use std::time::Duration;

use serde_json::json;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn login_reports_a_denial() {
    let f = Fixture::new(NAME).await;
    let mut login = f.log_in(&[]);
    follow(&f.server.deny(login.url().as_str()).await).await;
    insta::assert_snapshot!("denied", f.stable(&login.end(5)));
    assert_eq!(f.server.token_requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn login_reports_that_the_user_did_not_come_back_in_time() {
    let f = Fixture::new(NAME).await;
    let mut login = f.log_in(&["--wait", "1"]);
    login.url();
    insta::assert_snapshot!("timed_out", f.stable(&login.end(6)));
}

#[tokio::test(flavor = "multi_thread")]
async fn login_reports_a_port_in_use_before_anything_is_sent() {
    let f = Fixture::new(NAME).await;
    let in_use = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = in_use.local_addr().unwrap().port();
    for (login, flag) in [
        (f.log_in(&["--port", &port.to_string()]), "--port"),
        (Login::start(&mut f.command(&["--embedded-port", &port.to_string()])), "--embedded-port"),
    ] {
        let printed = login.end(7);
        let message = format!(
            "error: a port cannot be bound; no client was registered\n  --> 127.0.0.1:{port}\n   | "
        );
        assert!(printed.contains(&message) && printed.contains(" in use"), "{printed}");
        let help = format!("   = help: set a free port with {flag}\n");
        assert!(printed.ends_with(&help), "{printed}");
    }
    assert_eq!(f.server.requests().len(), 0);
    assert!(!f.store().exists());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn login_reports_at_an_interrupt_what_was_registered_and_issued() {
    let f = Fixture::new(NAME).await;
    let mut login = f.log_in(&[]);
    login.url();
    login.interrupt();
    insta::assert_snapshot!("interrupted", f.stable(&login.end(130)));

    f.server.script_token([Reply::issued().with_delay(Duration::from_secs(30))]);
    let mut login = f.log_in(&[]);
    follow(&f.server.allow(login.url().as_str()).await).await;
    eventually(|| f.server.token_requests().len() == 1).await;
    login.interrupt();
    let printed = login.end(130);
    assert!(printed.contains("\nfound: no registration was sent\n"), "{printed}");
    assert!(printed.ends_with("but if a token was issued, it is lost\n"), "{printed}");

    let f = Fixture::new(NAME).await;
    f.server.script([Reply::registered().with_delay(Duration::from_secs(30))]);
    let login = f.log_in(&[]);
    eventually(|| f.server.requests().len() == 1).await;
    login.interrupt();
    let printed = login.end(130);
    assert!(printed.ends_with("a client may have been registered\n"), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn login_reports_a_failed_registration_by_its_outcome() {
    for (reply, code, message) in [
        (Reply::json(403, json!({"detail": "No"})), 1, "; no client was registered: "),
        (Reply::status(500), 3, "; a client may have been registered: "),
        (Reply::text(201, r#"{"client_id": "1""#), 4, "\n   = note: the credentials are in "),
    ] {
        let f = Fixture::new(NAME).await;
        f.server.script([reply]);
        let printed = f.log_in(&[]).end(code);
        assert!(printed.contains(message), "{printed}");
        assert!(!printed.contains("URL"), "{printed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn login_reports_a_refusal_of_the_authorization_endpoint() {
    let f = Fixture::new(NAME).await;
    let mut login = f.log_in(&[]);
    let url = login.url();
    let (redirect_uri, state) = (param(&url, "redirect_uri"), param(&url, "state"));
    let query = "error=invalid_scope&error_description=Not+<b>+that";
    follow(&format!("{redirect_uri}?{query}&state={state}")).await;
    let printed = login.end(8);
    let message = "error: the server rejected the request (invalid_scope): Not <b> that; request \
         only scopes that are registered\n";
    assert!(printed.ends_with(message), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn login_reports_a_failed_token_request() {
    let f = Fixture::new(NAME).await;
    let refused = || Reply::json(400, json!({"error": "invalid_grant"}));
    for (replies, message, is_allowed) in [
        (vec![Reply::disconnect()], "try again, and log in again if", false),
        (
            vec![Reply::json(200, json!({}))],
            "error: the token response could not be decoded",
            false,
        ),
        (vec![refused()], "error: the server rejected the request (invalid_grant)", false),
        // The refresh fails, after the token was issued.
        (
            vec![Reply::issued(), refused()],
            "error: the server rejected the request (invalid_grant)",
            true,
        ),
    ] {
        f.server.script_token(replies);
        let mut login = f.log_in(&[]);
        follow(&f.server.allow(login.url().as_str()).await).await;
        let printed = login.end(8);
        assert!(printed.contains(message), "{printed}");
        assert_eq!(printed.contains("\nallowed\n"), is_allowed, "{printed}");
        assert!(!printed.contains("\nrefreshed\n"), "{printed}");
    }
    assert_eq!(f.server.registrations().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn login_refuses_wrong_arguments() {
    let f = Fixture::new(NAME).await;
    for args in [
        &["--no-such-flag"][..],
        &["--live", "--base-url", "https://a.example"],
        &["--live", "--discover", "https://a.example"],
        &["--live", "--embedded-port", "8912"],
        &["--authorization-endpoint", "https://a.example"],
        &["--port", "0"],
        &["--wait", "0"],
        &["--param", "prompt"],
        &["--keep", "nowhere.json"],
    ] {
        let result = RunResult::of(&mut f.command(args));
        assert_eq!(result.code, Some(2), "{args:?}");
    }
}
