//! The whole way against the loopback server: register, authorize, exchange, refresh, renew.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::support::attempts;
use oauth2::{TokenResponse, basic::BasicTokenResponse};
use poggio::{
    Client, ClientInformation, ClientMetadata, Error, FileStore, GrantType, RegistrationStoreExt,
    StoreErrorKind,
    oauth::{Authorization, AuthorizationServer, OAuthError, OAuthErrorKind},
    reqwest,
    store::RetiredReason,
    testing::{Reply, Server},
};
use serde_json::{Value, json};
use tempfile::TempDir;

const REDIRECT: &str = "http://127.0.0.1:8910/callback";

struct Case {
    server: Server,
    poggio: Client,
    endpoints: AuthorizationServer,
    store: FileStore,
    _folder: TempDir,
}

impl Case {
    async fn new() -> Self {
        let server = Server::start().await;
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::new(folder.path().join("client.json")).unwrap();
        let poggio = server.client();
        let endpoints = poggio.discover(&server.issuer()).await.unwrap();
        Self { server, poggio, endpoints, store, _folder: folder }
    }

    async fn mcp(&self, token: &BasicTokenResponse) -> (u16, Value) {
        let request = reqwest::Client::new().get(self.server.mcp_url());
        let answer = request.bearer_auth(token.access_token().secret()).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }

    /// A token for this client alone.
    async fn token(&self, client: ClientInformation) -> Result<BasicTokenResponse, OAuthError> {
        let oauth = client.oauth2_client(&self.endpoints, None)?;
        let request = oauth
            .exchange_client_credentials()
            .add_extra_param("org_id", "org-1")
            .add_extra_param("user_id", "user-1")
            .add_extra_param("resource", self.server.mcp_url());
        Ok(request.request_async(&self.poggio).await?)
    }
}

fn users() -> ClientMetadata {
    ClientMetadata::new()
        .with_redirect_uri(REDIRECT)
        .with_grant_types([GrantType::AuthorizationCode, GrantType::RefreshToken])
        .with_scope("read write")
}

fn no_users() -> ClientMetadata {
    ClientMetadata::client_credentials().with_client_name("nightly export")
}

#[tokio::test]
async fn from_a_registration_to_a_refreshed_token_by_each_method() {
    for method in ["client_secret_post", "client_secret_basic", "none"] {
        let case = Case::new().await;
        let asked = users().with_token_endpoint_auth_method(method);
        let client = case.poggio.register_once(&asked, &case.store).await.unwrap();
        let oauth = client.oauth2_client(&case.endpoints, Some(REDIRECT)).unwrap();
        let authorization = Authorization::new(&oauth, &case.endpoints, ["read"])
            .with_param("resource", &case.server.mcp_url());

        let callback = case.server.allow(authorization.url().as_str()).await;
        assert!(authorization.matches_state(&callback));
        let token = authorization
            .exchange_code(&callback)
            .unwrap()
            .add_extra_param("resource", case.server.mcp_url())
            .request_async(&case.poggio)
            .await
            .unwrap();
        assert_eq!(token.expires_in().unwrap().as_secs(), 3600);
        assert_eq!(token.scopes().unwrap()[0].as_str(), "read");
        assert_eq!(case.mcp(&token).await.0, 200, "{method}");

        let refreshed = oauth
            .exchange_refresh_token(token.refresh_token().unwrap())
            .add_extra_param("resource", case.server.mcp_url())
            .request_async(&case.poggio)
            .await
            .unwrap();
        assert_ne!(refreshed.access_token().secret(), token.access_token().secret());
        assert_eq!(case.mcp(&refreshed).await.0, 200);
    }
}

#[tokio::test]
async fn a_denial_and_a_code_that_was_used_are_told() {
    let case = Case::new().await;
    let client = case.poggio.register_once(&users(), &case.store).await.unwrap();
    let oauth = client.oauth2_client(&case.endpoints, Some(REDIRECT)).unwrap();

    let authorization = Authorization::new(&oauth, &case.endpoints, ["read"]);
    let callback = case.server.deny(authorization.url().as_str()).await;
    let error = authorization.exchange_code(&callback).map(|_| ()).unwrap_err();
    assert!(error.to_string().starts_with("the server refused (access_denied)"), "{error}");

    let authorization = Authorization::new(&oauth, &case.endpoints, ["read"]);
    let callback = case.server.allow(authorization.url().as_str()).await;
    let again = callback.clone();
    let other = Authorization::new(&oauth, &case.endpoints, ["read"]);
    authorization.exchange_code(&callback).unwrap().request_async(&case.poggio).await.unwrap();
    let used = authorization.exchange_code(&again).unwrap().request_async(&case.poggio).await;
    let error = OAuthError::from(used.unwrap_err());
    assert!(error.to_string().starts_with("the server refused (invalid_grant)"), "{error}");
    assert!(!other.matches_state(&again));
    let error = other.exchange_code(&again).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), OAuthErrorKind::Callback, "{error}");
}

#[tokio::test]
async fn the_parameters_of_poggio_and_the_resource_reach_the_token() {
    let case = Case::new().await;
    let client = case.poggio.register_once(&no_users(), &case.store).await.unwrap();
    let token = case.token(client.clone()).await.unwrap();
    let sent = case.server.token_requests();
    for (name, value) in [
        ("grant_type", "client_credentials"),
        ("org_id", "org-1"),
        ("user_id", "user-1"),
        ("resource", &case.server.mcp_url()),
    ] {
        assert_eq!(sent[0].field(name), Some(value));
    }
    let (status, told) = case.mcp(&token).await;
    assert_eq!(
        (status, &told["org_id"], &told["user_id"]),
        (200, &json!("org-1"), &json!("user-1"))
    );

    // A token without the resource is not for the MCP server.
    let oauth = client.oauth2_client(&case.endpoints, None).unwrap();
    let request = oauth.exchange_client_credentials();
    let token = request.request_async(&case.poggio).await.unwrap();
    assert_eq!(case.mcp(&token).await.0, 401);
}

#[tokio::test]
async fn the_server_of_the_mcp_server_is_found_by_its_challenge() {
    let case = Case::new().await;
    let found = case.poggio.discover_for(&case.server.mcp_url()).await.unwrap();
    assert_eq!(found, case.endpoints);
    let at = found.registration_endpoint.unwrap();
    assert_eq!(at, format!("{}/v2/oauth/register", case.server.base_url()));
    let v2 = Client::builder().registration_endpoint(at).build().unwrap();
    v2.register(&users()).await.unwrap();
    assert_eq!(case.server.registrations()[0].path(), "/v2/oauth/register");
}

#[tokio::test]
async fn a_client_that_the_server_no_longer_knows_is_renewed_once() {
    let case = Case::new().await;
    let work = |client| case.token(client);
    let first = case.poggio.register_once(&no_users(), &case.store).await.unwrap();
    case.poggio.with_registered(&no_users(), &case.store, work).await.unwrap();
    assert_eq!(case.server.registrations().len(), 1);

    case.server.revoke_client(&first.client_id);
    let token = case.poggio.with_registered(&no_users(), &case.store, work).await.unwrap();
    assert_eq!(case.mcp(&token).await.0, 200);
    assert_eq!(case.server.registrations().len(), 2);
    let kept = case.store.list().await.unwrap();
    assert_eq!(kept[0].retired().unwrap().reason, RetiredReason::Rejected);
    assert!(kept[1].retired().is_none());
}

#[tokio::test]
async fn renewal_at_one_server_leaves_a_client_of_the_same_name_at_another() {
    let (here, there) = (Case::new().await, Case::new().await);
    // Both give the same ids.
    let first = here.poggio.register_once(&no_users(), &here.store).await.unwrap();
    let other = there.poggio.register_once(&no_users(), &here.store).await.unwrap();
    assert_eq!(first.client_id, other.client_id);
    here.server.revoke_client(&first.client_id);
    let work = |client| here.token(client);
    here.poggio.with_registered(&no_users(), &here.store, work).await.unwrap();
    let again = there.poggio.register_once(&no_users(), &here.store).await.unwrap();
    assert_eq!((attempts(&again), again.client_id), (0, other.client_id));
}

#[tokio::test]
async fn what_renewal_cannot_mend_is_not_renewed() {
    // A server that does not accept what it has just given.
    let case = Case::new().await;
    let calls = AtomicUsize::new(0);
    let work = |client| {
        calls.fetch_add(1, Ordering::SeqCst);
        case.token(client)
    };
    let invalid = || Reply::json(401, json!({"error": "invalid_client"}));
    case.server.script_token([invalid()]);
    let error = case.poggio.with_registered(&no_users(), &case.store, work).await.unwrap_err();
    assert!(error.is_invalid_client());
    assert_eq!((calls.load(Ordering::SeqCst), case.server.registrations().len()), (1, 1));

    // Twice in one call: the new one is not accepted either.
    case.server.script_token([invalid(), invalid()]);
    let error = case.poggio.with_registered(&no_users(), &case.store, work).await.unwrap_err();
    assert!(error.is_invalid_client());
    assert_eq!((calls.load(Ordering::SeqCst), case.server.registrations().len()), (3, 2));

    // And not at each call anew.
    case.server.script_token([invalid()]);
    let error = case.poggio.with_registered(&no_users(), &case.store, work).await.unwrap_err();
    assert!(error.is_invalid_client());
    assert_eq!((calls.load(Ordering::SeqCst), case.server.registrations().len()), (4, 2));

    // A failure that calls itself so says nothing of the client.
    case.server.script_token([Reply::json(503, json!({"error": "invalid_client"}))]);
    let error = case.poggio.with_registered(&no_users(), &case.store, work).await.unwrap_err();
    assert!(!error.is_invalid_client(), "{error}");

    // Another refusal says nothing of the client.
    case.server.script_token([Reply::json(400, json!({"error": "invalid_scope"}))]);
    let error = case.poggio.with_registered(&no_users(), &case.store, work).await.unwrap_err();
    assert!(!error.is_invalid_client());
    assert_eq!((calls.load(Ordering::SeqCst), case.server.registrations().len()), (6, 2));
}

#[tokio::test]
async fn what_a_person_entered_is_noted_as_rejected_and_not_replaced() {
    let case = Case::new().await;
    let entered = ClientInformation::from_json(
        r#"{"client_id": "by hand", "client_secret": "s", "grant_types": ["client_credentials"]}"#,
    );
    let endpoint = case.poggio.registration_endpoint();
    case.store.import(endpoint, &entered.unwrap()).await.unwrap();
    let work = |client| case.token(client);
    let error = case.poggio.with_registered(&no_users(), &case.store, work).await.unwrap_err();
    let Some(Error::Store(store)) = error.registration() else { panic!("{error}") };
    assert_eq!(store.kind(), StoreErrorKind::ImportedUnusable);
    assert!(error.to_string().contains("the server does not accept it any more"), "{error}");
    assert!(case.server.registrations().is_empty());
}

#[tokio::test]
async fn two_that_meet_invalid_client_at_once_register_once_in_tasks_of_their_own() {
    let case = Arc::new(Case::new().await);
    let first = case.poggio.register_once(&no_users(), &case.store).await.unwrap();
    case.server.revoke_client(&first.client_id);
    let tasks = (0..4).map(|_| {
        let case = Arc::clone(&case);
        tokio::spawn(async move {
            let work = |client: ClientInformation| {
                let id = client.client_id.clone();
                let token = case.token(client);
                async { token.await.map(|_| id) }
            };
            case.poggio.with_registered(&no_users(), &case.store, work).await.unwrap()
        })
    });
    let mut ids = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        ids.push(task.await.unwrap());
    }
    assert!(ids.iter().all(|id| *id == ids[0] && *id != first.client_id), "{ids:?}");
    assert_eq!(case.server.registrations().len(), 2);
}
