//! `token`, `status` and `logout`.

use crate::{assert_shown, support::Fixture};

#[tokio::test]
async fn token_prints_the_token_and_nothing_else() {
    let fixture = Fixture::new().await;
    fixture.log_in(&[]).await;
    let run = fixture.run(&["token"]);
    assert_eq!(run.stdout, "loopback-access-token-1-of-no-value-elsewhere\n");
    assert_eq!((run.stderr.as_str(), run.code), ("", Some(0)));
    assert_eq!(fixture.server.token_requests().len(), 1);
}

#[tokio::test]
async fn token_is_refreshed_if_it_has_expired() {
    let fixture = Fixture::new().await;
    fixture.log_in(&[]).await;
    fixture.expire_token();
    let run = fixture.run(&["token"]);
    assert_eq!(run.stdout, "loopback-access-token-2-of-no-value-elsewhere\n");
    assert_eq!(fixture.server.token_requests().len(), 2);
}

#[tokio::test]
async fn token_as_json_has_the_expiry_and_the_scopes() {
    let fixture = Fixture::new().await;
    fixture.log_in(&["--scope", "read", "--scope", "write"]).await;
    let run = fixture.run(&["token", "--json"]);
    assert_shown!(fixture, "token_json", run.stdout);
}

#[tokio::test]
async fn without_a_login_token_and_status_require_one() {
    let fixture = Fixture::new().await;
    for command in ["token", "status"] {
        let run = fixture.run(&[command]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(5), ""));
        let shown = run.shown();
        if command == "token" {
            assert_shown!(fixture, "token_without_login", shown);
        } else {
            assert_shown!(fixture, "status_without_login", shown);
        }
    }
    assert_shown!(fixture, "token_without_login_json", fixture.run(&["token", "--json"]).shown());
    assert_eq!(fixture.server.requests().len(), 0);
}

#[tokio::test]
async fn token_of_a_refused_login_requires_another() {
    let fixture = Fixture::new().await;
    fixture.log_in(&[]).await;
    fixture.expire_token();
    fixture.server.script_token([poggio::testing::Reply::json(
        400,
        serde_json::json!({ "error": "invalid_grant" }),
    )]);
    let run = fixture.run(&["token"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(5), ""));
    assert_shown!(fixture, "token_refused", run.shown());
}

#[tokio::test]
async fn status_shows_the_login_without_a_request() {
    let fixture = Fixture::new().await;
    fixture.log_in(&["--scope", "read"]).await;
    assert_shown!(fixture, "status", fixture.run(&["status"]).shown());
    assert_shown!(fixture, "status_json", fixture.run(&["status", "--json"]).shown());
    fixture.expire_token();
    assert_shown!(fixture, "status_expired", fixture.run(&["status"]).shown());
    assert_eq!(fixture.server.token_requests().len(), 1);
}

#[tokio::test]
async fn accounts_have_logins_of_their_own() {
    let fixture = Fixture::new().await;
    fixture.log_in(&["--account", "work"]).await;
    assert_eq!(fixture.run(&["token"]).code, Some(5));
    assert_eq!(fixture.run(&["token", "--account", "work"]).code, Some(0));
    assert_eq!(fixture.server.registrations().len(), 1);
}

#[tokio::test]
async fn account_is_shown_without_control_characters() {
    let fixture = Fixture::new().await;
    let account = ["--account", "a\n\u{1b}[31m/../é"];
    let run = fixture.log_in(&account).await;
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    for run in [run, fixture.run(&[&["status"], &account[..]].concat())] {
        assert!(run.stdout.contains(r"  account    a\n\u{1b}[31m/../é"), "{}", run.stdout);
    }
    let other = fixture.run(&["token", "--account", "\u{1b}[2J"]);
    assert_shown!(fixture, "token_without_login_of_the_account", other.shown());
}

#[tokio::test]
async fn damaged_token_document_is_moved_away() {
    let fixture = Fixture::new().await;
    fixture.log_in(&[]).await;
    let path = fixture.token_file();
    let move_away = "move it away, then run `poggio login` with the same options";
    for (text, help) in [
        (&b""[..], move_away),
        (b"{", move_away),
        (b"\xff", move_away),
        (br#"{"format": 2}"#, move_away),
        // Of a newer version, whose login is kept.
        (br#"{"format": 99}"#, "update this program, or use another store"),
    ] {
        std::fs::write(&path, text).unwrap();
        for command in ["token", "status", "logout"] {
            let run = fixture.run(&[command]);
            assert_eq!(run.code, Some(1), "{}", run.stderr);
            assert!(run.stderr.contains(help), "{}", run.stderr);
        }
    }
    std::fs::remove_file(path).unwrap();
    assert_eq!(fixture.run(&["token"]).code, Some(5));
}

#[tokio::test]
async fn logout_erases_the_token() {
    let fixture = Fixture::new().await;
    fixture.log_in(&[]).await;
    let run = fixture.run(&["logout"]);
    assert_eq!(
        run.stdout,
        "logged out: the tokens were erased here, but not revoked at the server\n"
    );
    assert_eq!(fixture.run(&["token"]).code, Some(5));
    assert_eq!(
        fixture.run(&["logout", "--json"]).stdout,
        "{\n  \"logout\": \"not_logged_in\"\n}\n"
    );
    let store = std::fs::read_to_string(fixture.token_file()).unwrap();
    assert!(!store.contains("access-token"), "{store}");
}
