//! `Session::saved_login`: what the store has, without a request.

use super::Fixture;
use poggio::oauth::LoginOptions;

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
