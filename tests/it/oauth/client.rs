//! `oauth2_client`: how a client authenticates, and what is refused before anything is sent.

use oauth2::AuthType;
use poggio::{
    Client,
    oauth::{AuthorizationServer, OAuthErrorKind},
};
use serde_json::{Value, json};
use wiremock::MockServer;

use super::tokens::{exchange, mount_token};
use crate::support::oauth::{REDIRECT_URI, registered};

#[tokio::test]
async fn oauth2_client_authenticates_with_the_granted_method() {
    for (method, secret, header, in_body) in [
        ("client_secret_post", true, None, Some("s3cr3t/+ of:mine")),
        // RFC 6749 section 2.3.1: both are form-encoded in the header.
        ("client_secret_basic", true, Some("Basic aWQrMTpzM2NyM3QlMkYlMkIrb2YlM0FtaW5l"), None),
        ("none", false, None, None),
        // A public client does not send a secret, even if it has one.
        ("none", true, None, None),
    ] {
        let server = MockServer::start().await;
        mount_token(&server).await;
        let mut members = json!({"token_endpoint_auth_method": method});
        if !secret {
            members["client_secret"] = Value::Null;
        }
        let endpoints = AuthorizationServer::new("https://a.example/authorize", server.uri());
        let oauth = registered(members).oauth2_client(&endpoints, Some(REDIRECT_URI)).unwrap();
        let builder = Client::builder().base_url(server.uri()).auth_token("the-poggio-token");
        exchange(&builder.build().unwrap(), &oauth).await.unwrap();

        let requests = server.received_requests().await.unwrap();
        let [request] = &requests[..] else { panic!("{requests:?}") };
        let sent = |name: &str| request.headers.get(name).map(|value| value.to_str().unwrap());
        assert_eq!(request.method.as_str(), "POST");
        assert_eq!(sent("content-type"), Some("application/x-www-form-urlencoded"));
        assert_eq!(sent("accept"), Some("application/json"));
        assert!(sent("user-agent").unwrap().starts_with("poggio/"));
        assert_eq!(sent("authorization"), header, "{method}");
        let form: Vec<_> = form_urlencoded::parse(&request.body).collect();
        let verifier = "v".repeat(43);
        for (name, value) in [
            ("grant_type", Some("authorization_code")),
            ("code", Some("the-code-1")),
            ("code_verifier", Some(&*verifier)),
            ("redirect_uri", Some(REDIRECT_URI)),
            ("client_secret", in_body),
            ("client_id", header.is_none().then_some("id 1")),
        ] {
            let field = form.iter().find(|(other, _)| other == name);
            assert_eq!(field.map(|(_, value)| &**value), value, "{method}: {name}");
        }
    }
}

#[test]
fn oauth2_client_refuses_what_was_not_granted() {
    let server = AuthorizationServer::poggio();
    for (members, redirect_uri, problem) in [
        (
            json!({"token_endpoint_auth_method": "private_key_jwt"}),
            REDIRECT_URI,
            r#"token_endpoint_auth_method: "private_key_jwt" was granted"#,
        ),
        (
            json!({"token_endpoint_auth_method": "client_secret_basic", "client_secret": null}),
            REDIRECT_URI,
            "client_secret: the granted method client_secret_basic requires one",
        ),
        (
            json!({"token_endpoint_auth_method": "client_secret_post", "client_secret": ""}),
            REDIRECT_URI,
            "the granted method client_secret_post requires one",
        ),
        (json!({}), "http://127.0.0.1:8910/callback#x", "has a fragment (RFC 6749 section 3.1.2)"),
        (
            json!({}),
            "http://127.0.0.1:8910/other",
            r#"redirect_uris: "http://127.0.0.1:8910/other" was not granted; use one of ["http://127.0.0.1:8910/callback"]"#,
        ),
        (json!({}), "https://127.0.0.1:8910/callback", "was not granted"),
        (
            json!({"redirect_uris": [], "grant_types": ["authorization_code"]}),
            REDIRECT_URI,
            "was not granted; use one of []",
        ),
        (json!({}), "http://localhost:8910/callback", "was not granted"),
    ] {
        let error = registered(members).oauth2_client(&server, Some(redirect_uri)).unwrap_err();
        assert_eq!(error.kind(), OAuthErrorKind::Client, "{error}");
        let text = error.to_string();
        assert!(text.starts_with("the client cannot be used: "), "{text}");
        assert!(text.contains(problem), "{text}");
        assert!(text.ends_with("; nothing was sent: correct this, then try again"), "{text}");
        assert!(!format!("{text}{error:?}").contains("s3cr3t"));
    }
}

#[test]
fn oauth2_client_accepts_another_loopback_port_and_what_the_server_did_not_state() {
    let server = AuthorizationServer::poggio();
    let other_port = "http://127.0.0.1:1/callback";
    let oauth = registered(json!({})).oauth2_client(&server, Some(other_port)).unwrap();
    assert_eq!(oauth.redirect_uri().unwrap().as_str(), other_port);
    let without_uris = registered(json!({"redirect_uris": null}));
    assert!(without_uris.oauth2_client(&server, Some("https://acme.example/cb")).is_ok());
    assert!(without_uris.oauth2_client(&server, None).unwrap().redirect_uri().is_none());
    // Without a method and a secret, it is a public client.
    let public = registered(json!({"client_secret": null})).oauth2_client(&server, None).unwrap();
    assert!(matches!(public.auth_type(), AuthType::RequestBody));
}

#[test]
fn oauth2_client_uses_poggios_endpoints_and_refuses_plain_http() {
    let poggio = AuthorizationServer::poggio();
    let oauth = registered(json!({})).oauth2_client(&poggio, None).unwrap();
    assert_eq!(oauth.auth_uri().as_str(), "https://poggio.io/app/oauth/authorize");
    assert_eq!(oauth.token_uri().as_str(), "https://api.poggio.io/v1/oauth/token");

    let with_token_endpoint = |url: &str| poggio.clone().with_token_endpoint(url);
    for (server, problem) in [
        (with_token_endpoint("http://api.poggio.io/token"), "token_endpoint: http to"),
        (
            poggio.clone().with_authorization_endpoint("poggio.io"),
            "authorization_endpoint: not a URL",
        ),
        (with_token_endpoint("https://a:b@a.example"), "a user name or password"),
        (with_token_endpoint("https://a.example/#x"), "has a fragment"),
        (with_token_endpoint("ftp://a.example"), "the scheme ftp"),
    ] {
        let error = registered(json!({})).oauth2_client(&server, None).unwrap_err();
        assert_eq!(error.kind(), OAuthErrorKind::Endpoint, "{error}");
        assert!(error.to_string().contains(problem), "{error}");
        assert!(!error.to_string().contains("a:b"), "{error}");
    }
}
