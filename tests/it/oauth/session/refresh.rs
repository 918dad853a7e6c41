//! `Session::access_token`: kept, refreshed once, and what ends a login.

use std::time::Duration;

use futures_util::{FutureExt, future::join_all};
use poggio::{
    RegistrationStore, RegistrationStoreExt,
    oauth::{LoginOptions, OAuthErrorKind, Recovery},
    testing::Reply,
};
use serde_json::json;
use tokio::time::timeout;

use super::{Fixture, client_credentials, fields};
use crate::support::WAIT_LIMIT;

#[tokio::test]
async fn access_token_requires_a_login_and_sends_nothing() {
    let it = Fixture::new().await;
    let error = it.session().access_token().await.unwrap_err();
    assert_eq!(error.kind(), OAuthErrorKind::LoginRequired);
    assert_eq!(error.recovery(), Recovery::LogIn);
    assert_eq!(error.to_string(), "a login is required: no user has logged in; log in");
    assert!(it.server.requests().is_empty());
}

#[tokio::test]
async fn access_token_returns_the_saved_token_without_a_request() {
    let it = Fixture::new().await;
    let session = it.session();
    let token = it.log_in(&session, LoginOptions::new()).await.unwrap();
    assert_eq!(token.expose(), "loopback-access-token-1-of-no-value-elsewhere");
    assert_eq!(token.token_type(), "bearer");

    for session in [session, it.session()] {
        let kept = session.access_token().await.unwrap();
        assert_eq!(kept.expose(), "loopback-access-token-1-of-no-value-elsewhere");
    }
    assert_eq!(fields(&it.token_requests(), "grant_type"), ["authorization_code"]);
    assert_eq!(it.server.registrations().len(), 1);
}

#[tokio::test]
async fn access_token_takes_no_lock_for_a_kept_token() {
    let it = Fixture::new().await;
    let session = it.session();
    it.log_in(&session, LoginOptions::new()).await.unwrap();
    let mut locks = Vec::new();
    for store in [it.store.sibling("tokens").unwrap(), it.store.clone()] {
        locks.push(store.lock(Duration::ZERO).await.unwrap().expect("a lock"));
    }
    // Another process has to read the file, and waits for no lock.
    let other = timeout(WAIT_LIMIT, it.session().access_token()).await.unwrap().unwrap();
    assert_eq!(other.expose(), "loopback-access-token-1-of-no-value-elsewhere");
    // In this process, the token is there without any wait.
    let kept = session.access_token().now_or_never().expect("a kept token").unwrap();
    assert_eq!(kept.expose(), "loopback-access-token-1-of-no-value-elsewhere");
    drop(locks);
}

#[tokio::test(flavor = "multi_thread")]
async fn access_token_refreshes_once_for_all_sessions_and_tasks() {
    let it = Fixture::new().await;
    it.server.rotate_refresh_tokens(true);
    it.expired().await;

    let sessions: Vec<_> = (0..8).map(|_| it.session()).collect();
    let calls = (0..64).map(|index| {
        let session = sessions[index % 8].clone();
        tokio::spawn(async move { session.access_token().await.unwrap().expose().to_owned() })
    });
    let tokens: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(tokens, vec!["loopback-access-token-2-of-no-value-elsewhere"; 64]);
    assert_eq!(fields(&it.token_requests(), "grant_type"), ["authorization_code", "refresh_token"]);
    let document = it.document().await;
    assert_eq!(
        document["tokens"][0]["refresh_token"],
        "loopback-refresh-token-2-of-no-value-elsewhere"
    );
}

#[tokio::test]
async fn access_token_survives_three_rotations() {
    let it = Fixture::new().await;
    it.server.rotate_refresh_tokens(true);
    it.expired().await;
    for count in 2..5 {
        it.server.script_token([Reply::issued().with_member("expires_in", 0)]);
        let token = it.session().access_token().await.unwrap();
        let expected = format!("loopback-access-token-{count}-of-no-value-elsewhere");
        assert_eq!(token.expose(), expected);
    }
    assert_eq!(
        fields(&it.token_requests(), "refresh_token"),
        [
            "",
            "loopback-refresh-token-1-of-no-value-elsewhere",
            "loopback-refresh-token-2-of-no-value-elsewhere",
            "loopback-refresh-token-3-of-no-value-elsewhere",
        ]
    );
}

#[tokio::test]
async fn access_token_ends_the_login_after_one_invalid_grant() {
    let it = Fixture::new().await;
    let session = it.expired().await;
    it.server.script_token([Reply::json(400, json!({"error": "invalid_grant"}))]);
    for session in [session, it.session(), it.session()] {
        let error = session.access_token().await.unwrap_err();
        assert_eq!(error.kind(), OAuthErrorKind::LoginRequired);
    }
    assert_eq!(it.token_requests().len(), 2);
    assert_eq!(it.document().await["tokens"][0].get("refresh_token"), None);
    // The registration is not affected.
    assert_eq!(it.store.list().await.unwrap()[0].retired(), None);
}

#[tokio::test]
async fn access_token_keeps_the_login_after_temporary_failures() {
    let it = Fixture::new().await;
    let session = it.expired().await;
    let replies = [
        (Reply::status(503), Recovery::RetryAfter(Duration::from_secs(5))),
        (
            Reply::json(500, json!({"error": "server_error"})),
            Recovery::RetryAfter(Duration::from_secs(5)),
        ),
        (Reply::disconnect(), Recovery::RetryAfter(Duration::from_secs(5))),
        (Reply::html(403, "<p>blocked</p>"), Recovery::FixRequest),
        (Reply::html(200, "<p>sign in</p>"), Recovery::RetryAfter(Duration::from_secs(5))),
    ];
    for (reply, recovery) in replies {
        it.server.script_token([reply]);
        assert_eq!(session.access_token().await.unwrap_err().recovery(), recovery);
    }
    let token = session.access_token().await.unwrap();
    assert_eq!(token.expose(), "loopback-access-token-2-of-no-value-elsewhere");
}

#[tokio::test]
async fn access_token_completes_its_refresh_if_the_call_is_dropped() {
    let it = Fixture::new().await;
    let session = it.expired().await;
    it.server.script_token([Reply::issued().with_delay(Duration::from_millis(300))]);
    let call = tokio::time::timeout(Duration::from_millis(100), session.access_token());
    call.await.unwrap_err();
    drop(session);

    // Waits for the lock that the refresh holds.
    let token = it.session().access_token().await.unwrap();
    assert_eq!(token.expose(), "loopback-access-token-2-of-no-value-elsewhere");
    assert_eq!(it.token_requests().len(), 2);
}

/// Makes the token of the default account due, but valid for half a minute.
async fn make_due(it: &Fixture) {
    let mut document = it.document().await;
    let now = poggio::chrono::DateTime::<poggio::chrono::Utc>::from(std::time::SystemTime::now());
    document["tokens"][0]["issued_at"] = json!(now.timestamp() - 3600);
    document["tokens"][0]["expires_at"] = json!(now.timestamp() + 30);
    it.write_document(&document).await;
}

#[tokio::test]
async fn access_token_returns_a_valid_token_while_one_caller_refreshes() {
    let it = Fixture::new().await;
    it.expired().await;
    make_due(&it).await;
    let session = it.session();
    // A failed refresh does not matter while the token is valid.
    it.server.script_token([Reply::status(503)]);
    let token = session.access_token().await.unwrap();
    assert_eq!(token.expose(), "loopback-access-token-1-of-no-value-elsewhere");
    it.server.script_token([Reply::issued().with_delay(Duration::from_millis(500))]);

    let refreshing = tokio::spawn({
        let session = session.clone();
        async move { session.access_token().await.unwrap().expose().to_owned() }
    });
    let count = || it.token_requests().len();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let before = count();
    let other = session.access_token().await.unwrap();
    assert_eq!(other.expose(), "loopback-access-token-1-of-no-value-elsewhere");
    assert_eq!(count(), before);
    assert_eq!(refreshing.await.unwrap(), "loopback-access-token-2-of-no-value-elsewhere");
}

#[tokio::test]
async fn access_token_ends_the_login_after_invalid_client_and_the_next_login_registers() {
    let it = Fixture::new().await;
    let session = it.expired().await;
    it.server.script_token([Reply::json(401, json!({"error": "invalid_client"}))]);
    let error = session.access_token().await.unwrap_err();
    assert_eq!(error.kind(), OAuthErrorKind::LoginRequired);

    let token = it.log_in(&session, LoginOptions::new()).await.unwrap();
    assert_eq!(token.expose(), "loopback-access-token-2-of-no-value-elsewhere");
    assert_eq!(it.server.registrations().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn access_token_requests_client_credentials_once_for_each_set_of_parameters() {
    let it = Fixture::new().await;
    let session = |org: &str, scopes: &[&str]| {
        let metadata = client_credentials().with_scope("read write");
        let builder = it.builder().metadata(metadata).scopes(scopes.iter().copied());
        builder.token_param("org_id", org).build().unwrap()
    };
    let sessions = [
        session("org-1", &["read"]),
        session("org-1", &["read"]),
        session("org-2", &["read"]),
        session("org-2", &["write", "read"]),
        session("org-2", &["read", "write"]),
    ];
    for session in &sessions {
        let calls = (0..4).map(|_| session.access_token());
        assert!(join_all(calls).await.into_iter().all(|token| token.is_ok()));
    }
    assert_eq!(fields(&it.token_requests(), "org_id"), ["org-1", "org-2", "org-2"]);
    assert_eq!(fields(&it.token_requests(), "scope"), ["read", "read", "write read"]);
    assert_eq!(it.server.registrations().len(), 1);
    assert_eq!(it.document().await["tokens"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn access_token_evicts_expired_client_credentials() {
    let it = Fixture::new().await;
    for org in ["org-1", "org-2", "org-3"] {
        it.server.script_token([Reply::issued().with_member("expires_in", 0)]);
        let builder = it.builder().metadata(client_credentials()).token_param("org_id", org);
        builder.build().unwrap().access_token().await.unwrap();
    }
    assert_eq!(it.document().await["tokens"].as_array().unwrap().len(), 1);
}
