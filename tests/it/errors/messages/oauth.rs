//! Errors of the OAuth part.

use std::{sync::Arc, time::Duration};

use poggio::{
    Client, ClientMetadata,
    oauth::{
        Authorization, AuthorizationServer, CallbackListener, LoginOptions, OAuthError, Session,
    },
    reqwest::{Method, Request},
    testing::{Reply, Server},
};
use serde_json::{Value, json};
use tokio::time::timeout;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

use super::Table;
use crate::support::{
    ServerBehaviour, Wire, metadata,
    oauth::{REDIRECT_URI, oauth2_client, param, registered},
    sized,
    store::MemoryStore,
};

pub(super) async fn add(table: &mut Table) {
    table.section("OAuth: clients and endpoints");
    clients(table);
    table.section("OAuth: callbacks");
    listeners(table).await;
    callbacks(table);
    table.section("OAuth: tokens");
    tokens(table).await;
    table.section("OAuth: discovery");
    discovery(table).await;
    table.section("OAuth: sessions");
    sessions(table).await;
}

async fn sessions(table: &mut Table) {
    let server = Server::start().await;
    let poggio = server.client();
    let endpoints =
        AuthorizationServer::new(server.authorization_endpoint(), server.token_endpoint());
    let build = |metadata: ClientMetadata| {
        let store = Arc::new(MemoryStore::default());
        let builder = Session::builder(&poggio, store).metadata(metadata).server(endpoints.clone());
        builder.token_store(Arc::new(MemoryStore::default())).build().unwrap()
    };
    let session = build(metadata());
    let error = session.access_token().await.unwrap_err();
    table.oauth("OAuthErrorKind::LoginRequired", "no login", &error);
    let options = LoginOptions::new().browser(false).timeout(Duration::ZERO);
    let error = session.login(options).await.unwrap_err();
    table.oauth("OAuthErrorKind::TimedOut", "no callback", &error);
    let request = Request::new(Method::GET, "https://a.example/".parse().unwrap());
    let error = session.execute(request).await.unwrap_err();
    table.oauth("OAuthErrorKind::Endpoint", "request for another origin", &error);

    let service = build(ClientMetadata::client_credentials());
    service.access_token().await.unwrap();
    let challenge = r#"Bearer error="insufficient_scope", scope="read write""#;
    server.script([Reply::status(403).with_header("www-authenticate", challenge)]);
    let url = format!("{}/v1/customers", server.base_url()).parse().unwrap();
    let error = service.execute(Request::new(Method::GET, url)).await.unwrap_err();
    table.oauth("OAuthErrorKind::InsufficientScope", "403", &error);

    let service = build(ClientMetadata::client_credentials());
    server.script([Reply::registered().with_delay(Duration::from_secs(30))]);
    let interrupted = service.clone();
    let runtime = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let call = async { timeout(Duration::from_millis(100), interrupted.access_token()).await };
        runtime.block_on(call).unwrap_err();
    });
    tokio::task::spawn_blocking(|| runtime.join().unwrap()).await.unwrap();
    let error = service.access_token().await.unwrap_err();
    table.oauth("OAuthErrorKind::Interrupted", "the runtime was dropped", &error);
}

fn clients(table: &mut Table) {
    let poggio = AuthorizationServer::poggio();
    let other_method = json!({"token_endpoint_auth_method": "private_key_jwt"});
    let no_secret =
        json!({"client_secret": "", "token_endpoint_auth_method": "client_secret_post"});
    for (situation, members, redirect_uri) in [
        ("unsupported method", other_method, REDIRECT_URI),
        ("missing secret", no_secret, REDIRECT_URI),
        ("redirect URI with a fragment", json!({}), "http://127.0.0.1:8910/callback#top"),
        ("redirect URI that was not granted", json!({}), "https://a.example/cb"),
    ] {
        let error = registered(members).oauth2_client(&poggio, Some(redirect_uri)).unwrap_err();
        table.oauth("OAuthErrorKind::Client", situation, &error);
    }
    let server = AuthorizationServer::new("https://a.example/authorize", "http://a.example/token");
    let error = registered(json!({})).oauth2_client(&server, None).unwrap_err();
    table.oauth("OAuthErrorKind::Endpoint", "http endpoint", &error);
}

async fn listeners(table: &mut Table) {
    let bound = CallbackListener::bind("http://127.0.0.1:0/callback").await.unwrap();
    let in_use = bound.redirect_uri().to_owned();
    for (situation, uri) in [
        ("malformed URI", "http://127.0.0.1:x/"),
        ("https", "https://127.0.0.1/callback"),
        ("other host", "http://a.example/callback"),
        ("user name", "http://user@127.0.0.1/callback"),
        ("fragment", "http://127.0.0.1/callback#top"),
        ("large port", "http://127.0.0.1:99999/callback"),
        ("port in use", &in_use),
    ] {
        let error = CallbackListener::bind(uri).await.unwrap_err();
        table.oauth("OAuthErrorKind::Listener", situation, &error);
    }
    let poggio = AuthorizationServer::poggio();
    let authorization = Authorization::new(&oauth2_client(&poggio), &poggio, ["read"]);
    let error = bound.wait(&authorization).await.unwrap_err();
    table.oauth("OAuthErrorKind::Listener", "authorization for another URI", &error);
}

fn callbacks(table: &mut Table) {
    let mut server = AuthorizationServer::poggio().with_issuer("https://poggio.io");
    server.authorization_response_iss_parameter_supported = true;
    for (situation, query) in [
        ("no state", "code=c"),
        ("other state", "code=c&state=other"),
        ("repeated state", "code=c&state=S&state=S"),
        ("no iss", "code=c&state=S"),
        ("other iss", "code=c&state=S&iss=https://a.example"),
        ("no code", "state=S&iss=https://poggio.io"),
        ("denied", "error=access_denied&error_description=No&state=S&iss=https://poggio.io"),
    ] {
        let authorization = Authorization::new(&oauth2_client(&server), &server, ["read"]);
        let state = param(authorization.url(), "state");
        let callback = query.replace("state=S", &format!("state={state}"));
        let error = authorization.exchange_code(&callback).err().unwrap();
        let kind = format!("OAuthErrorKind::{:?}", error.kind());
        table.oauth(&kind, situation, &error);
    }
}

async fn client_credentials(base_url: &str) -> OAuthError {
    let server = AuthorizationServer::poggio().with_token_endpoint(format!("{base_url}/token"));
    let builder = Client::builder().base_url(base_url).max_retries(0);
    let poggio = builder.timeout(Duration::from_millis(300)).build().unwrap();
    let oauth = oauth2_client(&server);
    oauth.exchange_client_credentials().request_async(&poggio).await.unwrap_err().into()
}

async fn tokens(table: &mut Table) {
    let error = |code: &str| json!({"error": code}).to_string();
    for (situation, status, body) in [
        ("invalid_grant", "400 Bad Request", error("invalid_grant")),
        ("invalid_client", "401 Unauthorized", error("invalid_client")),
        ("unauthorized_client", "400 Bad Request", error("unauthorized_client")),
        ("invalid_scope", "400 Bad Request", error("invalid_scope")),
        ("invalid_target", "400 Bad Request", error("invalid_target")),
        ("unsupported_grant_type", "400 Bad Request", error("unsupported_grant_type")),
        ("another code", "400 Bad Request", error("invalid_request")),
        ("redirect", "302 Found", String::new()),
        ("no such endpoint", "404 Not Found", r#"{"detail": "Not Found"}"#.to_owned()),
        ("page", "502 Bad Gateway", "<title>Bad Gateway</title>".to_owned()),
        ("text", "200 OK", "token".to_owned()),
        ("no token", "200 OK", "{}".to_owned()),
        ("maintenance", "503 Service Unavailable", String::new()),
    ] {
        let header = if situation == "maintenance" { "retry-after: 90\r\n" } else { "" };
        let wire = Wire::responding(sized(status, header, &body)).await;
        let error = client_credentials(&wire.base_url).await;
        let kind = format!("OAuthErrorKind::{:?}", error.kind());
        table.oauth(&kind, situation, &error);
    }
    for (situation, wire) in [
        ("connection refused", Wire::nobody()),
        ("connection closed", Wire::responding("").await),
        ("timeout", Wire::serve(vec![ServerBehaviour::Stalls(Vec::new())]).await),
    ] {
        let error = client_credentials(&wire.base_url).await;
        table.oauth("OAuthErrorKind::Transport", situation, &error);
        if situation == "connection closed" {
            let registration = wire.client().register(&metadata()).await.unwrap_err();
            table.oauth("OAuthErrorKind::Registration", situation, &registration.into());
        }
    }
}

async fn discovery(table: &mut Table) {
    let poggio = Client::new().unwrap();
    for (situation, issuer) in [
        ("issuer with http", "http://a.example"),
        ("issuer without a scheme", "a.example"),
        ("issuer with a query", "https://a.example/?b"),
        ("loopback issuer of an https client", "http://127.0.0.1:9"),
    ] {
        let error = poggio.discover(issuer).await.unwrap_err();
        table.oauth("OAuthErrorKind::Endpoint", situation, &error);
    }
    for (situation, status, members) in [
        ("no metadata", 404, json!({})),
        ("missing member", 200, json!({"token_endpoint": null})),
        ("other issuer", 200, json!({"issuer": "https://a.example"})),
        ("no PKCE", 200, json!({"code_challenge_methods_supported": ["plain"]})),
    ] {
        let server = metadata_server(status, members).await;
        let poggio = Client::builder().base_url(server.uri()).build().unwrap();
        let error = poggio.discover(&server.uri()).await.unwrap_err();
        table.oauth("OAuthErrorKind::Discovery", situation, &error);
    }
}

/// Starts a server whose every response is its metadata, changed by these members.
async fn metadata_server(status: u16, members: Value) -> MockServer {
    let server = MockServer::start().await;
    let mut metadata = json!({
        "issuer": server.uri(),
        "authorization_endpoint": format!("{}/authorize", server.uri()),
        "token_endpoint": format!("{}/token", server.uri()),
    });
    metadata.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let response = ResponseTemplate::new(status).set_body_json(metadata);
    Mock::given(any()).respond_with(response).mount(&server).await;
    server
}
