//! A hostile server names the endpoints of an honest one. It receives no secret, no code and no
//! verifier of the honest server, and no second client is registered there (RFC 9700 section 4.4).

mod stored;

use oauth2::TokenResponse;
use poggio::{
    Client, ClientInformation, ClientMetadata, FileStore, RegistrationStoreExt,
    oauth::{Authorization, AuthorizationServer, OAuthError, OAuthErrorKind},
    testing::Server,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{method, path},
};

use crate::support::{
    debugged, metadata,
    oauth::REDIRECT_URI,
    store::{client_from, secret},
};

/// An honest server, a hostile one that names its endpoints, and a store.
struct Fixture {
    honest: Server,
    hostile: MockServer,
    /// What the honest server publishes, and what the hostile one does.
    honest_endpoints: AuthorizationServer,
    hostile_endpoints: AuthorizationServer,
    store: FileStore,
    _folder: TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let (honest, hostile) = (Server::start().await, MockServer::start().await);
        let honest_endpoints = honest.client().discover(&honest.issuer()).await.unwrap();
        let document = json!({
            "issuer": hostile.uri(),
            "authorization_endpoint": honest_endpoints.authorization_endpoint,
            "token_endpoint": format!("{}/token", hostile.uri()),
            "registration_endpoint": honest_endpoints.registration_endpoint,
        });
        let document = ResponseTemplate::new(200).set_body_json(document);
        let at = "/.well-known/oauth-authorization-server";
        Mock::given(method("GET")).and(path(at)).respond_with(document).mount(&hostile).await;
        let rejected = ResponseTemplate::new(401).set_body_json(json!({"error": "invalid_client"}));
        Mock::given(method("POST")).respond_with(rejected).mount(&hostile).await;
        let poggio = Client::builder().base_url(hostile.uri()).build().unwrap();
        let hostile_endpoints = poggio.discover(&hostile.uri()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::new(folder.path().join("client.json")).unwrap();
        Self { honest, hostile, honest_endpoints, hostile_endpoints, store, _folder: folder }
    }

    /// Returns a client that registers where this server says.
    fn client_of(&self, server: &AuthorizationServer) -> Client {
        let endpoint = server.registration_endpoint.as_ref().unwrap();
        // Plain http is accepted because of the base URL.
        let builder = Client::builder().base_url(self.honest.base_url());
        builder.registration_endpoint(endpoint).build().unwrap()
    }

    /// Asserts that the hostile server received nothing but requests for its metadata, and that the
    /// honest one registered this many clients.
    async fn assert_nothing_was_sent(&self, registrations: usize) {
        let received = self.hostile.received_requests().await.unwrap();
        assert!(received.iter().all(|request| request.method == "GET"), "{received:?}");
        assert_eq!(self.honest.registrations().len(), registrations);
    }
}

/// Asserts that the error names both servers, says that nothing was sent, and shows no secret.
#[track_caller]
fn assert_refused(f: &Fixture, error: &OAuthError, client: &ClientInformation) {
    assert_eq!(error.kind(), OAuthErrorKind::Client);
    let text = error.to_string();
    let servers = format!(
        "\"{}\" belongs to {}, but was requested for {}; ",
        client.client_id,
        f.honest.base_url(),
        f.hostile.uri()
    );
    assert!(text.contains(&servers), "{text}");
    assert!(text.contains("nothing was sent"), "{text}");
    assert!(!debugged(error).contains(secret(client)), "{text}");
}

/// Requests a token for a client without users.
async fn token(
    poggio: &Client,
    client: &ClientInformation,
    server: &AuthorizationServer,
) -> Result<String, OAuthError> {
    let oauth = client.oauth2_client(server, None)?;
    let token = oauth.exchange_client_credentials().request_async(poggio).await?;
    Ok(token.access_token().secret().clone())
}

#[tokio::test]
async fn code_flow_at_a_hostile_server_sends_it_neither_code_nor_secret() {
    for method in ["client_secret_post", "client_secret_basic", "none"] {
        let f = Fixture::new().await;
        let metadata = metadata().with_token_endpoint_auth_method(method);
        let honest = f.client_of(&f.honest_endpoints);
        let client = honest.register_once(&metadata, &f.store).await.unwrap();
        let oauth = client.oauth2_client(&f.honest_endpoints, Some(REDIRECT_URI)).unwrap();
        let authorization = Authorization::new(&oauth, &f.honest_endpoints, ["read"]);
        let callback = f.honest.allow(authorization.url().as_str()).await;

        let poggio = f.client_of(&f.hostile_endpoints);
        let again = poggio.register_once(&metadata, &f.store).await.unwrap();
        assert_eq!(again.client_id, client.client_id);
        for client in [&client, &again] {
            let error = client.oauth2_client(&f.hostile_endpoints, Some(REDIRECT_URI)).unwrap_err();
            assert_eq!(error.kind(), OAuthErrorKind::Client, "{method}: {error}");
            assert!(error.to_string().contains("belongs to"), "{error}");
        }
        f.assert_nothing_was_sent(1).await;

        // The code of the honest server goes there, whatever issuer the other one names.
        let oauth = again.oauth2_client(&f.honest_endpoints, Some(REDIRECT_URI)).unwrap();
        let mixed = Authorization::new(&oauth, &f.hostile_endpoints, ["read"]);
        let other = f.honest.allow(mixed.url().as_str()).await;
        assert_eq!(mixed.exchange_code(&other).unwrap_err().kind(), OAuthErrorKind::Callback);
        let request = authorization.exchange_code(&callback).unwrap();
        request.request_async(&honest).await.unwrap();
        f.assert_nothing_was_sent(1).await;
    }
}

#[tokio::test]
async fn client_credentials_are_not_sent_to_a_hostile_server() {
    let f = Fixture::new().await;
    let metadata = ClientMetadata::client_credentials();
    let honest = f.client_of(&f.honest_endpoints);
    let client = honest.register_once(&metadata, &f.store).await.unwrap();
    token(&honest, &client, &f.honest_endpoints).await.unwrap();

    let poggio = f.client_of(&f.hostile_endpoints);
    let again = poggio.register_once(&metadata, &f.store).await.unwrap();
    let error = token(&poggio, &again, &f.hostile_endpoints).await.unwrap_err();
    assert_refused(&f, &error, &client);
    // A client that was registered just now, too.
    let new = poggio.register(&metadata).await.unwrap();
    let error = token(&poggio, &new, &f.hostile_endpoints).await.unwrap_err();
    assert_refused(&f, &error, &new);
    f.assert_nothing_was_sent(2).await;
}

#[tokio::test]
async fn for_server_refuses_a_hostile_server_before_a_registration() {
    let f = Fixture::new().await;
    let error = f.client_of(&f.hostile_endpoints).for_server(&f.hostile_endpoints).unwrap_err();
    assert_eq!(error.kind(), OAuthErrorKind::Endpoint);
    let text = error.to_string();
    let servers = format!(
        "a client of this registration endpoint belongs to {}, but was requested for {}; ",
        f.honest.base_url(),
        f.hostile.uri()
    );
    assert!(text.contains(&servers) && text.contains("nothing was sent"), "{text}");
    f.assert_nothing_was_sent(0).await;
}

#[tokio::test]
async fn imported_credentials_are_not_sent_to_a_hostile_server() {
    let f = Fixture::new().await;
    let entered: Value = json!({"client_id": "entered", "client_secret": "s3cr3t-of-honest"});
    let endpoint = f.honest_endpoints.registration_endpoint.clone().unwrap();
    f.store.import(&endpoint, &client_from(&entered)).await.unwrap();

    let poggio = f.client_of(&f.hostile_endpoints);
    let client = poggio.register_once(&metadata(), &f.store).await.unwrap();
    assert_eq!(client.client_id, "entered");
    let error = token(&poggio, &client, &f.hostile_endpoints).await.unwrap_err();
    assert_refused(&f, &error, &client);

    // The client of one server cannot be imported or saved for another one.
    let elsewhere = format!("{}/register", f.hostile.uri());
    let error = f.store.import(&elsewhere, &client).await.unwrap_err();
    assert!(error.to_string().contains("import it for that endpoint"), "{error}");
    let other = Client::builder().base_url(f.hostile.uri()).build().unwrap();
    let error = other.save_registration(&metadata(), &f.store, &client).await.unwrap_err();
    assert!(error.to_string().contains("save it with a Client of its own server"), "{error}");
    assert_eq!(f.store.list().await.unwrap().len(), 1);
    f.assert_nothing_was_sent(0).await;
}
