//! `OAuthError`: its kinds side by side.

use poggio::{
    Client,
    oauth::{Authorization, AuthorizationServer, CallbackListener, OAuthError, OAuthErrorKind},
};
use serde_json::json;
use wiremock::MockServer;

use super::tokens::{exchange, token_from};
use crate::support::{
    Wire, metadata,
    oauth::{oauth2_client, registered},
};

/// Returns a client for a server that closes each connection without a response.
async fn closing() -> (Client, AuthorizationServer) {
    let server = Wire::answering("").await;
    let poggio = Client::builder().base_url(&server.base_url).max_retries(0).build().unwrap();
    (poggio, AuthorizationServer::poggio().with_token_endpoint(server.base_url))
}

#[tokio::test]
async fn oauth_error_has_a_kind_a_cause_and_a_message() {
    let poggio = AuthorizationServer::poggio();
    let authorization = Authorization::new(&oauth2_client(&poggio), &poggio, ["read"]);
    let (client, server) = closing().await;
    let registration = client.register(&metadata()).await.unwrap_err();
    let without_metadata = MockServer::start().await;
    let plain_http = poggio.clone().with_token_endpoint("http://a.example/token");
    let errors: [(OAuthErrorKind, OAuthError, &str); 9] = [
        (
            OAuthErrorKind::Client,
            registered(
                json!({"client_secret": "", "token_endpoint_auth_method": "client_secret_post"}),
            )
            .oauth2_client(&poggio, None)
            .unwrap_err(),
            "the client cannot be used: ",
        ),
        (
            OAuthErrorKind::Endpoint,
            registered(json!({})).oauth2_client(&plain_http, None).unwrap_err(),
            "an endpoint cannot be used: ",
        ),
        (
            OAuthErrorKind::Listener,
            CallbackListener::bind("https://127.0.0.1/callback").await.unwrap_err(),
            "cannot listen for the callback: ",
        ),
        (
            OAuthErrorKind::Callback,
            authorization.exchange_code("code=c&state=other").err().unwrap(),
            "the callback does not match this authorization: ",
        ),
        (
            OAuthErrorKind::Refused,
            token_from("400 Bad Request", r#"{"error": "invalid_grant"}"#).await.unwrap_err(),
            "the server rejected the request (invalid_grant); ",
        ),
        (
            OAuthErrorKind::Transport,
            exchange(&client, &oauth2_client(&server)).await.unwrap_err(),
            "the connection to http://127.0.0.1:",
        ),
        (
            OAuthErrorKind::Unreadable,
            token_from("200 OK", "{}").await.unwrap_err(),
            "the token response could not be decoded: ",
        ),
        (
            OAuthErrorKind::Discovery,
            client.discover(&without_metadata.uri()).await.unwrap_err(),
            "discovery failed: ",
        ),
        (OAuthErrorKind::Registration, registration.into(), "the connection to http://127.0.0.1:"),
    ];
    for (kind, error, start) in errors {
        let text = error.to_string();
        assert_eq!(error.kind(), kind, "{text}");
        assert!(text.starts_with(start), "{kind:?}: {text}");
        assert!(text.ends_with(error.help()), "{text}");
        assert_eq!(error.refusal().is_some(), kind == OAuthErrorKind::Refused);
        assert_eq!(error.registration().is_some(), kind == OAuthErrorKind::Registration);
    }
}
