//! Refreshes whose response cannot be decoded: a new refresh token in it is saved, because the server
//! may no longer accept the old one.

use std::{sync::Arc, time::Duration};

use poggio::{
    RegistrationStore,
    oauth::{OAuthErrorKind, Recovery},
    testing::Reply,
};
use serde_json::{Value, json};

use super::{Fixture, concurrency::FailingStore, fields};
use crate::support::store::MemoryStore;

const NEXT: &str = "rotated-refresh-token";

/// Returns the responses that have the refresh token, but no readable access token.
fn replies() -> Vec<Reply> {
    let whole = json!({"refresh_token": NEXT, "access_token": "new", "token_type": "bearer"});
    let cut = format!(r#"{{"token_type": "bearer", "refresh_token": "{NEXT}", "access_tok"#);
    vec![
        Reply::text(200, &cut),
        Reply::text(200, format!("<pre>{whole}</pre>")),
        Reply::json(200, whole.to_string()),
        Reply::json(200, json!({"statusCode": 200, "body": whole.to_string()})),
        Reply::json(200, json!({"data": whole})),
        Reply::json(200, json!({"refresh_token": NEXT})),
        Reply::json(200, json!({"access_token": null, "refresh_token": NEXT})),
        Reply::json(200, json!({"access_token": {"value": "new"}, "refresh_token": NEXT})),
        Reply::text(200, format!("{whole}{}", " ".repeat(300_000))),
    ]
}

#[tokio::test]
async fn refresh_token_of_an_unreadable_response_is_saved_and_used() {
    for (index, reply) in replies().into_iter().enumerate() {
        let it = Fixture::new().await;
        let session = it.expired().await;
        it.server.script_token([reply]);
        let error = session.access_token().await.unwrap_err();
        assert_eq!(error.kind(), OAuthErrorKind::Unreadable, "{index}");
        assert!(matches!(error.recovery(), Recovery::RetryAfter(_)), "{index}");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(NEXT) && shown.contains("127.0.0.1:"), "{shown}");
        let body = String::from_utf8_lossy(error.expose_body().unwrap()).into_owned();
        assert!(body.contains(NEXT), "{body}");

        // As another process.
        let session = it.session();
        assert!(session.saved_login().await.unwrap().unwrap().can_refresh());
        it.server.script_token([Reply::json(200, json!({"access_token": "next"}))]);
        assert_eq!(session.access_token().await.unwrap().expose(), "next");
        let sent = fields(&it.token_requests(), "refresh_token");
        assert_eq!(sent, ["", "loopback-refresh-token-1-of-no-value-elsewhere", NEXT], "{index}");
        assert_eq!(it.document().await["tokens"][0]["refresh_token"], NEXT, "{index}");
    }
}

#[tokio::test]
async fn truncated_refresh_token_is_never_saved() {
    let it = Fixture::new().await;
    let session = it.expired().await;
    for reply in [
        Reply::text(200, r#"{"refresh_token": "rotat"#),
        Reply::text(200, r#"{"access_token": "new", "expires_in": 36"#),
        Reply::json(200, json!({"log": r#""refresh_token": "other""#})),
    ] {
        it.server.script_token([reply]);
        let error = session.access_token().await.unwrap_err();
        assert_eq!(error.kind(), OAuthErrorKind::Unreadable);
    }
    let token = session.access_token().await.unwrap();
    assert_eq!(token.expose(), "loopback-access-token-2-of-no-value-elsewhere");
}

#[tokio::test]
async fn recovered_refresh_token_does_not_replace_that_of_another_login() {
    let it = Fixture::new().await;
    let tokens = Arc::new(MemoryStore::default());
    let session = it.expired_in(tokens.clone()).await;

    let reply = Reply::json(200, json!({"refresh_token": NEXT}));
    it.server.script_token([reply.with_delay(Duration::from_millis(300))]);
    let call = tokio::spawn(async move { session.access_token().await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let current = tokens.read().await.unwrap();
    let mut document: Value = serde_json::from_str(current.as_ref().unwrap().expose()).unwrap();
    document["tokens"][0]["refresh_token"] = "of-another-login".into();
    tokens.write(&document.to_string(), current.as_ref()).await.unwrap();

    call.await.unwrap().unwrap_err();
    let text = tokens.text().unwrap();
    assert!(text.contains("of-another-login") && !text.contains(NEXT), "{text}");
}

#[tokio::test]
async fn recovered_refresh_token_that_could_not_be_saved_is_saved_by_the_next_call() {
    let it = Fixture::new().await;
    let tokens = Arc::new(FailingStore::default());
    let session = it.expired_in(tokens.clone()).await;

    it.server.script_token([
        Reply::json(200, json!({"refresh_token": NEXT})),
        Reply::json(200, json!({"access_token": "next"})),
    ]);
    tokens.set_fails(true);
    let error = session.access_token().await.unwrap_err();
    assert_eq!(error.kind(), OAuthErrorKind::Registration, "{error}");
    tokens.set_fails(false);
    assert_eq!(session.access_token().await.unwrap().expose(), "next");
    assert_eq!(fields(&it.token_requests(), "refresh_token")[2], NEXT);
}
