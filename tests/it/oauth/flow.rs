//! A client and the loopback server: from a registration to a token, and the renewal of a client.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use oauth2::{TokenResponse, basic::BasicTokenResponse};
use poggio::{
    Client, ClientInformation, ClientMetadata, Error, FileStore, GrantType, RegistrationStoreExt,
    StoreErrorKind,
    oauth::{Authorization, AuthorizationServer, OAuthError},
    reqwest,
    store::RetiredReason,
    testing::{Reply, Server},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{attempts, oauth::REDIRECT_URI};

struct Fixture {
    server: Server,
    poggio: Client,
    endpoints: AuthorizationServer,
    store: FileStore,
    _folder: TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let server = Server::start().await;
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::new(folder.path().join("client.json")).unwrap();
        let poggio = server.client();
        let endpoints = poggio.discover(&server.issuer()).await.unwrap();
        Self { server, poggio, endpoints, store, _folder: folder }
    }

    /// Changes the store as if its clients had been registered years ago.
    fn make_old(&self) {
        let Ok(text) = std::fs::read_to_string(self.store.path()) else { return };
        let mut document: Value = serde_json::from_str(&text).unwrap();
        for record in document["registrations"].as_array_mut().unwrap() {
            record["saved_at"] = json!(1_600_000_000);
        }
        std::fs::write(self.store.path(), document.to_string()).unwrap();
    }

    /// Calls the MCP server with this token; returns status and body.
    async fn call_mcp(&self, token: &BasicTokenResponse) -> (u16, Value) {
        let request = reqwest::Client::new().get(self.server.mcp_url());
        let response = request.bearer_auth(token.access_token().secret()).send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or_default())
    }

    /// Requests a token for a client without a user.
    async fn token(&self, client: ClientInformation) -> Result<BasicTokenResponse, OAuthError> {
        let oauth = client.oauth2_client(&self.endpoints, None)?;
        let request = oauth
            .exchange_client_credentials()
            .add_extra_param("org_id", "org-1")
            .add_extra_param("user_id", "user-1")
            .add_extra_param("resource", self.server.mcp_url());
        Ok(request.request_async(&self.poggio).await?)
    }

    /// Calls `with_registered` with a token request.
    async fn token_of_registered(&self) -> Result<BasicTokenResponse, OAuthError> {
        let work = |client| self.token(client);
        self.poggio.with_registered(&without_users(), &self.store, work).await
    }
}

fn with_users() -> ClientMetadata {
    ClientMetadata::new()
        .with_redirect_uri(REDIRECT_URI)
        .with_grant_types([GrantType::AuthorizationCode, GrantType::RefreshToken])
        .with_scope("read write")
}

fn without_users() -> ClientMetadata {
    ClientMetadata::client_credentials().with_client_name("nightly export")
}

#[tokio::test]
async fn oauth_flow_leads_to_a_refreshed_token_with_each_method() {
    for method in ["client_secret_post", "client_secret_basic", "none"] {
        let f = Fixture::new().await;
        let metadata = with_users().with_token_endpoint_auth_method(method);
        let client = f.poggio.register_once(&metadata, &f.store).await.unwrap();
        let oauth = client.oauth2_client(&f.endpoints, Some(REDIRECT_URI)).unwrap();
        let authorization = Authorization::new(&oauth, &f.endpoints, ["read"])
            .with_param("resource", &f.server.mcp_url());

        let callback = f.server.allow(authorization.url().as_str()).await;
        assert!(authorization.matches_state(&callback));
        let token = authorization
            .exchange_code(&callback)
            .unwrap()
            .add_extra_param("resource", f.server.mcp_url())
            .request_async(&f.poggio)
            .await
            .unwrap();
        assert_eq!(token.expires_in().unwrap().as_secs(), 3600);
        assert_eq!(token.scopes().unwrap()[0].as_str(), "read");
        assert_eq!(f.call_mcp(&token).await.0, 200, "{method}");

        let refreshed = oauth
            .exchange_refresh_token(token.refresh_token().unwrap())
            .add_extra_param("resource", f.server.mcp_url())
            .request_async(&f.poggio)
            .await
            .unwrap();
        assert_ne!(refreshed.access_token().secret(), token.access_token().secret());
        assert_eq!(f.call_mcp(&refreshed).await.0, 200);
    }
}

#[tokio::test]
async fn with_registered_registers_again_if_the_client_is_unknown() {
    let f = Fixture::new().await;
    let first = f.poggio.register_once(&without_users(), &f.store).await.unwrap();
    f.token_of_registered().await.unwrap();
    assert_eq!(f.server.registrations().len(), 1);

    f.server.revoke_client(&first.client_id);
    let token = f.token_of_registered().await.unwrap();
    let (status, body) = f.call_mcp(&token).await;
    assert_eq!(status, 200);
    assert_eq!((&body["org_id"], &body["user_id"]), (&json!("org-1"), &json!("user-1")));
    assert_eq!(f.server.registrations().len(), 2);
    let records = f.store.list().await.unwrap();
    assert_eq!(records[0].retired().unwrap().reason, RetiredReason::Rejected);
    assert!(records[1].retired().is_none());
}

#[tokio::test]
async fn with_registered_leaves_a_client_with_the_same_id_at_another_server() {
    let (here, there) = (Fixture::new().await, Fixture::new().await);
    let first = here.poggio.register_once(&without_users(), &here.store).await.unwrap();
    let other = there.poggio.register_once(&without_users(), &here.store).await.unwrap();
    assert_eq!(first.client_id, other.client_id);
    here.make_old();
    here.server.revoke_client(&first.client_id);
    here.token_of_registered().await.unwrap();
    let again = there.poggio.register_once(&without_users(), &here.store).await.unwrap();
    assert_eq!((attempts(&again), again.client_id), (0, other.client_id));
}

#[tokio::test]
async fn with_registered_does_not_register_again_without_a_prospect() {
    let f = Fixture::new().await;
    let calls = AtomicUsize::new(0);
    let invalid = || Reply::json(401, json!({"error": "invalid_client"}));
    for (replies, is_invalid_client, call_count, registration_count) in [
        // The server refuses the client that it has just registered.
        (vec![invalid()], true, 1, 1),
        // It refuses the new client too.
        (vec![invalid(), invalid()], true, 3, 2),
        // It refuses that one again in the next call.
        (vec![invalid()], true, 4, 2),
        // A server failure says nothing about the client, even with this code.
        (vec![Reply::json(503, json!({"error": "invalid_client"}))], false, 5, 2),
        // Another refusal says nothing about the client.
        (vec![Reply::json(400, json!({"error": "invalid_scope"}))], false, 6, 2),
    ] {
        f.make_old();
        f.server.script_token(replies);
        let work = |client| {
            calls.fetch_add(1, Ordering::SeqCst);
            f.token(client)
        };
        let result = f.poggio.with_registered(&without_users(), &f.store, work).await;
        let error = result.unwrap_err();
        assert_eq!(error.is_invalid_client(), is_invalid_client, "{error}");
        assert_eq!(calls.load(Ordering::SeqCst), call_count);
        assert_eq!(f.server.registrations().len(), registration_count);
    }
}

#[tokio::test]
async fn with_registered_replaces_a_client_that_never_obtained_a_token_once() {
    let f = Fixture::new().await;
    let first = f.poggio.register_once(&without_users(), &f.store).await.unwrap();
    let invalid = || Reply::json(401, json!({"error": "invalid_client"}));
    // Not within an hour.
    f.server.script_token([invalid()]);
    f.token_of_registered().await.unwrap_err();
    assert_eq!(f.server.registrations().len(), 1);
    f.make_old();
    f.server.script_token([invalid(), invalid()]);
    f.token_of_registered().await.unwrap_err();
    assert_eq!(f.server.registrations().len(), 2);
    // As if the rejection had been long ago.
    let age = |text: &str| {
        let mut document: Value = serde_json::from_str(text).unwrap();
        let lines = document["retired"].as_array_mut().unwrap();
        for line in lines {
            let mut fields: Vec<_> = line.as_str().unwrap().split(' ').collect();
            fields[2] = "1000000000";
            *line = fields.join(" ").into();
        }
        document.to_string()
    };
    let path = f.store.path();
    std::fs::write(path, age(&std::fs::read_to_string(path).unwrap())).unwrap();
    f.make_old();
    for _ in 0..3 {
        f.server.script_token([invalid()]);
        f.token_of_registered().await.unwrap_err();
    }
    assert_eq!(f.server.registrations().len(), 2);

    // Once it has obtained a token, it is replaced like any other.
    f.token_of_registered().await.unwrap();
    let second = f.poggio.register_once(&without_users(), &f.store).await.unwrap();
    assert_ne!(second.client_id, first.client_id);
    f.server.revoke_client(&second.client_id);
    f.token_of_registered().await.unwrap();
    assert_eq!(f.server.registrations().len(), 3);
}

#[tokio::test]
async fn with_registered_does_not_replace_an_imported_client() {
    let f = Fixture::new().await;
    let imported = ClientInformation::from_json(
        r#"{"client_id": "by hand", "client_secret": "s", "grant_types": ["client_credentials"]}"#,
    );
    let endpoint = f.poggio.registration_endpoint();
    f.store.import(endpoint, &imported.unwrap()).await.unwrap();
    let error = f.token_of_registered().await.unwrap_err();
    let Some(Error::Store(store)) = error.registration() else { panic!("{error}") };
    assert_eq!(store.kind(), StoreErrorKind::ImportedUnusable);
    assert!(
        error.to_string().contains("the server no longer accepts the imported client"),
        "{error}"
    );
    assert!(f.server.registrations().is_empty());
}

#[tokio::test]
async fn with_registered_registers_once_for_concurrent_tasks() {
    let f = Arc::new(Fixture::new().await);
    let first = f.poggio.register_once(&without_users(), &f.store).await.unwrap();
    f.make_old();
    f.server.revoke_client(&first.client_id);
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let f = Arc::clone(&f);
            tokio::spawn(async move {
                let work = |client: ClientInformation| {
                    let id = client.client_id.clone();
                    let token = f.token(client);
                    async { token.await.map(|_| id) }
                };
                f.poggio.with_registered(&without_users(), &f.store, work).await.unwrap()
            })
        })
        .collect();
    let mut ids = Vec::new();
    for task in tasks {
        ids.push(task.await.unwrap());
    }
    assert!(ids.iter().all(|id| *id == ids[0] && *id != first.client_id), "{ids:?}");
    assert_eq!(f.server.registrations().len(), 2);
}
