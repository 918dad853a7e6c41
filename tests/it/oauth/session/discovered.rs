//! A session at a server that was discovered: the scopes, the resource and the registration endpoint.

use poggio::{
    Client, ClientInformation, RegistrationStoreExt,
    oauth::{AuthorizationServer, LoginOptions, OAuthErrorKind, Session},
    serde_json::json,
};

use super::{Fixture, fields};

/// Returns a server with these scopes and this resource.
fn with_resource(it: &Fixture, scopes: &[&str]) -> AuthorizationServer {
    let mut server = it.endpoints.clone();
    server.resource_scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
    server.resource = Some(it.server.mcp_url());
    server
}

/// Returns a client whose base URL is another server's.
fn client_of_another_server() -> Client {
    Client::builder().base_url("http://127.0.0.1:1").auth_token("t0ken").build().unwrap()
}

#[tokio::test]
async fn session_requests_the_scopes_and_the_resource_of_the_server() {
    let it = Fixture::new().await;
    let session = it.builder().server(with_resource(&it, &["read", "write"])).build().unwrap();
    let token = it.log_in(&session, LoginOptions::new()).await.unwrap();
    assert_eq!(token.scopes(), ["read", "write"]);
    assert_eq!(fields(&it.token_requests(), "resource"), [it.server.mcp_url()]);

    let builder = it.builder().server(with_resource(&it, &["read", "write"]));
    let session = builder.scopes(["read"]).resource("https://other.example/mcp").build().unwrap();
    let token = it.log_in(&session, LoginOptions::new()).await.unwrap();
    assert_eq!(token.scopes(), ["read"]);
    assert_eq!(fields(&it.token_requests(), "resource")[1], "https://other.example/mcp");
}

#[tokio::test]
async fn session_registers_at_the_endpoint_of_the_server_and_sends_it_no_token_of_another() {
    let it = Fixture::new().await;
    let poggio = client_of_another_server();
    let builder = Session::builder(&poggio, it.store.clone()).server(it.endpoints.clone());
    it.log_in(&builder.build().unwrap(), LoginOptions::new()).await.unwrap();
    let registrations = it.server.registrations();
    assert_eq!(registrations.len(), 1);
    assert_eq!(registrations[0].header("authorization"), None);
    let list = it.store.list().await.unwrap();
    assert_eq!(Some(list[0].endpoint()), it.endpoints.registration_endpoint.as_deref());
}

#[tokio::test]
async fn session_registers_at_an_endpoint_at_the_server_that_was_set() {
    let it = Fixture::new().await;
    let endpoint = format!("{}/v1/oauth/register?tenant=7", it.server.base_url());
    let poggio = it.server.client_builder().registration_endpoint(&endpoint).build().unwrap();
    let builder = Session::builder(&poggio, it.store.clone()).server(it.endpoints.clone());
    it.log_in(&builder.build().unwrap(), LoginOptions::new()).await.unwrap();
    assert_eq!(it.store.list().await.unwrap()[0].endpoint(), endpoint);
}

#[tokio::test]
async fn session_uses_an_imported_client_at_a_server_that_registers_none() {
    let it = Fixture::new().await;
    let mut server = it.endpoints.clone();
    server.registration_endpoint = None;
    let poggio = client_of_another_server();
    let session =
        || Session::builder(&poggio, it.store.clone()).server(server.clone()).build().unwrap();
    let error = session().login(LoginOptions::new()).await.unwrap_err();
    assert_eq!(error.kind(), OAuthErrorKind::Client);
    assert_eq!(
        error.to_string(),
        "the client cannot be used: registration_endpoint: the server names none, so it registers \
         no clients; import the client that it gave you with Session::import_client; nothing was \
         sent: correct this, then try again"
    );

    let entered = json!({
        "client_id": "by hand", "client_secret": "s3cr3t",
        "redirect_uris": ["http://127.0.0.1/callback"],
    });
    let entered = ClientInformation::from_json(&entered.to_string()).unwrap();
    it.server.add_client(&entered);
    session().import_client(&entered).await.unwrap();
    it.log_in(&session(), LoginOptions::new()).await.unwrap();
    assert_eq!(fields(&it.token_requests(), "client_id"), ["by hand"]);
    assert!(it.server.registrations().is_empty());
}

#[tokio::test]
async fn login_adds_the_scopes_of_a_challenge_to_those_of_the_token() {
    let it = Fixture::new().await;
    let session = it.builder().scopes(["read"]).build().unwrap();
    it.log_in(&session, LoginOptions::new().scopes(["read", "list"])).await.unwrap();
    let challenge = r#"Bearer error="insufficient_scope", scope="read write""#;
    let token = it.log_in(&session, LoginOptions::new().challenge(challenge)).await.unwrap();
    assert_eq!(token.scopes(), ["read", "list", "write"]);

    let token = it.log_in(&session, LoginOptions::new().add_scopes(["admin"])).await.unwrap();
    assert_eq!(token.scopes(), ["read", "list", "write", "admin"]);
    // A challenge without scopes changes nothing.
    let token = it.log_in(&session, LoginOptions::new().challenge("Bearer")).await.unwrap();
    assert_eq!(token.scopes(), ["read"]);
}

#[tokio::test]
async fn replace_refreshes_a_token_once() {
    let it = Fixture::new().await;
    let session = it.session();
    let refused = it.log_in(&session, LoginOptions::new()).await.unwrap();
    let (first, second) = tokio::join!(session.replace(&refused), session.replace(&refused));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.expose(), "loopback-access-token-2-of-no-value-elsewhere");
    assert_eq!(second.expose(), first.expose());
    // Another process finds the new token in the store.
    let third = it.session().replace(&refused).await.unwrap();
    assert_eq!(third.expose(), first.expose());
    assert_eq!(fields(&it.token_requests(), "grant_type"), ["authorization_code", "refresh_token"]);
}
