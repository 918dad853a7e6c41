//! A client that the server no longer accepts: when a session registers another one. The client has no
//! users, because with users a login comes between.

use std::fs;

use futures_util::future::join_all;
use poggio::{
    ClientInformation, Error, RegistrationStoreExt, StoreErrorKind,
    oauth::{AccessToken, OAuthError, Session},
    reqwest::{Method, Request},
    store::RetiredReason,
    testing::Reply,
};
use serde_json::{Value, json};

use super::{Fixture, client_credentials};
use crate::support::attempts;

impl Fixture {
    fn without_users(&self) -> Session {
        let builder = self.builder().metadata(client_credentials()).resource(self.server.mcp_url());
        builder.token_param("org_id", "org-1").token_param("user_id", "user-1").build().unwrap()
    }

    /// Returns a token that is requested now.
    async fn new_token(&self) -> Result<AccessToken, OAuthError> {
        let session = self.without_users();
        // Erases the kept token.
        session.logout().await.unwrap();
        session.access_token().await
    }

    /// Changes the store as if its clients had been registered years ago.
    fn make_old(&self) {
        self.change(|document| {
            for record in document["registrations"].as_array_mut().unwrap() {
                record["saved_at"] = json!(1_600_000_000);
            }
        });
    }

    /// Changes the store as if its clients had been rejected years ago.
    fn make_rejections_old(&self) {
        self.change(|document| {
            for line in document["retired"].as_array_mut().unwrap() {
                let mut fields: Vec<_> = line.as_str().unwrap().split(' ').collect();
                fields[2] = "1000000000";
                *line = fields.join(" ").into();
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut Value)) {
        let Ok(text) = fs::read_to_string(self.store.path()) else { return };
        let mut document: Value = serde_json::from_str(&text).unwrap();
        change(&mut document);
        fs::write(self.store.path(), document.to_string()).unwrap();
    }

    fn registration_count(&self) -> usize {
        self.server.registrations().len()
    }
}

fn invalid_client() -> Reply {
    Reply::json(401, json!({"error": "invalid_client"}))
}

#[tokio::test]
async fn access_token_registers_again_if_the_client_is_unknown() {
    let it = Fixture::new().await;
    it.new_token().await.unwrap();
    assert_eq!(it.registration_count(), 1);

    it.server.revoke_client("loopback-client-1");
    it.new_token().await.unwrap();
    let request = Request::new(Method::GET, it.server.mcp_url().parse().unwrap());
    let response = it.without_users().execute(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let permitted: Value = response.json().await.unwrap();
    assert_eq!(
        permitted,
        json!({
            "client_id": "loopback-client-2",
            "scope": null,
            "org_id": "org-1",
            "user_id": "user-1",
        })
    );
    assert_eq!(it.registration_count(), 2);
    let records = it.store.list().await.unwrap();
    assert_eq!(records[0].retired().unwrap().reason, RetiredReason::Rejected);
    assert_eq!(records[1].retired(), None);
}

#[tokio::test]
async fn access_token_leaves_a_client_with_the_same_id_at_another_server() {
    let (here, there) = (Fixture::new().await, Fixture::new().await);
    let metadata = client_credentials();
    let first = here.poggio.register_once(&metadata, &*here.store).await.unwrap();
    let other = there.poggio.register_once(&metadata, &*here.store).await.unwrap();
    assert_eq!(first.client_id, other.client_id);
    here.make_old();
    here.server.revoke_client(&first.client_id);
    here.new_token().await.unwrap();
    let again = there.poggio.register_once(&metadata, &*here.store).await.unwrap();
    assert_eq!((attempts(&again), again.client_id), (0, other.client_id));
}

#[tokio::test]
async fn access_token_does_not_register_again_without_a_prospect() {
    let it = Fixture::new().await;
    for (replies, is_invalid_client, requests, registrations) in [
        // The server refuses the client that it has just registered.
        (vec![invalid_client()], true, 1, 1),
        // It refuses the new client too.
        (vec![invalid_client(), invalid_client()], true, 3, 2),
        // It refuses that one again in the next call.
        (vec![invalid_client()], true, 4, 2),
        // A server failure says nothing about the client, even with this code.
        (vec![Reply::json(503, json!({"error": "invalid_client"}))], false, 5, 2),
        // Another refusal says nothing about the client.
        (vec![Reply::json(400, json!({"error": "invalid_scope"}))], false, 6, 2),
    ] {
        it.make_old();
        it.server.script_token(replies);
        let error = it.new_token().await.unwrap_err();
        assert_eq!(error.is_invalid_client(), is_invalid_client, "{error}");
        assert_eq!((it.token_requests().len(), it.registration_count()), (requests, registrations));
    }
}

#[tokio::test]
async fn access_token_replaces_a_client_that_never_obtained_a_token_once() {
    let it = Fixture::new().await;
    it.poggio.register_once(&client_credentials(), &*it.store).await.unwrap();
    // Not within an hour.
    it.server.script_token([invalid_client()]);
    it.new_token().await.unwrap_err();
    assert_eq!(it.registration_count(), 1);
    it.make_old();
    it.server.script_token([invalid_client(), invalid_client()]);
    it.new_token().await.unwrap_err();
    assert_eq!(it.registration_count(), 2);
    it.make_rejections_old();
    it.make_old();
    for _ in 0..3 {
        it.server.script_token([invalid_client()]);
        it.new_token().await.unwrap_err();
    }
    assert_eq!(it.registration_count(), 2);

    // Once it has obtained a token, it is replaced like any other.
    it.new_token().await.unwrap();
    it.server.revoke_client("loopback-client-2");
    it.new_token().await.unwrap();
    assert_eq!(it.registration_count(), 3);
}

#[tokio::test]
async fn access_token_does_not_replace_an_imported_client() {
    let it = Fixture::new().await;
    let imported = ClientInformation::from_json(
        r#"{"client_id": "by hand", "client_secret": "s", "grant_types": ["client_credentials"]}"#,
    );
    let endpoint = it.poggio.registration_endpoint();
    it.store.import(endpoint, &imported.unwrap()).await.unwrap();
    let error = it.new_token().await.unwrap_err();
    let Some(Error::Store(store)) = error.registration() else { panic!("{error}") };
    assert_eq!(store.kind(), StoreErrorKind::ImportedUnusable);
    assert!(
        error.to_string().contains("the server no longer accepts the imported client"),
        "{error}"
    );
    assert_eq!(it.registration_count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn access_token_registers_once_for_concurrent_sessions() {
    let it = Fixture::new().await;
    it.poggio.register_once(&client_credentials(), &*it.store).await.unwrap();
    it.make_old();
    it.server.revoke_client("loopback-client-1");
    let sessions: Vec<_> = (0..4).map(|_| it.without_users()).collect();
    let calls = sessions.into_iter().map(|s| tokio::spawn(async move { s.access_token().await }));
    for token in join_all(calls).await {
        let token = token.unwrap().unwrap();
        assert_eq!(token.expose(), "loopback-access-token-1-of-no-value-elsewhere");
    }
    assert_eq!(it.registration_count(), 2);
}
