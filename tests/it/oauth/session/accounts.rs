//! Accounts: one registration, and a token document for each account.

use std::sync::Arc;

use poggio::{
    RegistrationStore,
    oauth::{LoginOptions, OAuthErrorKind, Session},
};

use super::Fixture;
use crate::support::store::MemoryStore;

#[tokio::test]
async fn session_accounts_share_the_registration_and_keep_their_own_tokens() {
    let it = Fixture::new().await;
    let session = |account: &str| it.builder().account(account).build().unwrap();
    let names = ["ada", "Ada", "ada@acme.example", "../ada", "ada-1"];
    for (index, name) in names.iter().enumerate() {
        let token = it.log_in(&session(name), LoginOptions::new()).await.unwrap();
        let expected = format!("loopback-access-token-{}-of-no-value-elsewhere", index + 1);
        assert_eq!(token.expose(), expected);
    }
    for (index, name) in names.iter().enumerate() {
        let token = session(name).access_token().await.unwrap();
        let expected = format!("loopback-access-token-{}-of-no-value-elsewhere", index + 1);
        assert_eq!(token.expose(), expected);
    }
    assert_eq!(it.server.registrations().len(), 1);

    session("ada").logout().await.unwrap();
    session("ada").access_token().await.unwrap_err();
    session("Ada").access_token().await.unwrap();
}

#[tokio::test]
async fn session_builder_requires_a_token_store_if_the_store_has_no_siblings() {
    let it = Fixture::new().await;
    let store = Arc::new(MemoryStore::default());
    let builder = Session::builder(&it.poggio, store.clone()).server(it.endpoints.clone());
    let error = builder.build().unwrap_err();
    assert_eq!(error.kind(), OAuthErrorKind::Client);
    assert!(error.to_string().contains("token_store"), "{error}");

    let tokens: Arc<dyn RegistrationStore> = Arc::new(MemoryStore::default());
    let builder = Session::builder(&it.poggio, store).server(it.endpoints.clone());
    let session = builder.token_store(Arc::clone(&tokens)).build().unwrap();
    it.log_in(&session, LoginOptions::new()).await.unwrap();
    session.access_token().await.unwrap();
    let text = tokens.read().await.unwrap().unwrap();
    assert!(text.expose().contains("loopback-refresh-token-1"));
}

#[tokio::test]
async fn session_builder_refuses_an_account_name_that_is_empty_or_too_long() {
    let it = Fixture::new().await;
    for name in [String::new(), "é".repeat(100)] {
        let error = it.builder().account(name).build().unwrap_err();
        assert_eq!(error.kind(), OAuthErrorKind::Client);
        assert!(error.to_string().contains("account: the name is empty or too long"), "{error}");
    }
}
