//! `Session::saved_login`: what the store has, without a request.

use poggio::{StoreErrorKind, oauth::LoginOptions, testing::Reply};
use serde_json::json;

use super::Fixture;
use crate::support::store::store_error;

#[tokio::test]
async fn saved_login_returns_the_token_and_sends_nothing() {
    let it = Fixture::new().await;
    assert!(it.session().saved_login().await.unwrap().is_none());
    it.log_in(&it.session(), LoginOptions::new().scopes(["read"])).await.unwrap();

    let login = it.session().saved_login().await.unwrap().unwrap();
    assert_eq!(login.client_id(), "loopback-client-1");
    assert_eq!(login.scopes(), ["read"]);
    assert!(login.can_refresh() && login.expires_at().is_some());
    let token = login.token().unwrap().expose();
    assert_eq!(token, "loopback-access-token-1-of-no-value-elsewhere");
    assert!(!format!("{login:?}").contains(token), "{login:?}");
    assert_eq!(it.token_requests().len(), 1);

    it.session().logout().await.unwrap();
    assert!(it.session().saved_login().await.unwrap().is_none());
}

#[tokio::test]
async fn saved_login_that_is_due_has_no_token() {
    let it = Fixture::new().await;
    it.expired().await;
    let login = it.session().saved_login().await.unwrap().unwrap();
    assert!(login.token().is_none() && login.can_refresh());
    assert_eq!(it.token_requests().len(), 1);
}

#[tokio::test]
async fn saved_login_keeps_its_scopes_if_a_refresh_names_none() {
    let it = Fixture::new().await;
    it.server.script_token([
        Reply::issued().with_member("expires_in", 0),
        Reply::issued().without_member("scope"),
    ]);
    let session = it.session();
    it.log_in(&session, LoginOptions::new().scopes(["read"])).await.unwrap();
    assert_eq!(session.access_token().await.unwrap().scopes(), ["read"]);
    assert_eq!(it.session().saved_login().await.unwrap().unwrap().scopes(), ["read"]);
    assert_eq!(it.token_requests().len(), 2);
}

#[tokio::test]
async fn unreadable_token_document_is_left_as_it_is_and_the_error_says_what_to_do() {
    const MOVE: &str = "move it away, then log in";
    for (document, kind, help) in [
        (json!("x"), StoreErrorKind::Damaged, MOVE),
        (json!({"format": 2}), StoreErrorKind::Damaged, MOVE),
        (json!({"format": "3", "tokens": []}), StoreErrorKind::Damaged, MOVE),
        (
            json!({"format": 3, "logins": {}}),
            StoreErrorKind::UnknownFormat,
            "update this program, or use another store",
        ),
    ] {
        let it = Fixture::new().await;
        it.log_in(&it.session(), LoginOptions::new()).await.unwrap();
        it.write_document(&document).await;
        let session = it.session();
        let errors = [
            session.access_token().await.err(),
            session.saved_login().await.err(),
            session.logout().await.err(),
        ];
        for error in errors.map(Option::unwrap) {
            assert_eq!(store_error(error.registration().unwrap()).kind(), kind, "{error}");
            assert_eq!(error.help(), help);
        }
        assert_eq!(it.document().await, document);
        assert_eq!(it.token_requests().len(), 1);
    }
}
