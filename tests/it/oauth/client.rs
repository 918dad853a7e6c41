//! `oauth2_client`: how a client authenticates, and what is refused before anything is sent.

use oauth2::AuthType;
use poggio::{
    Client, ClientInformation, FileStore,
    oauth::{AuthorizationServer, OAuthErrorKind},
    testing::{Reply, Server},
};
use serde_json::{Value, json};
use wiremock::MockServer;

use super::tokens::{exchange, mount_token};
use crate::support::{
    metadata,
    oauth::{REDIRECT_URI, registered},
};

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
    for not_stated in [json!(null), json!([]), json!(""), json!(7)] {
        let members = json!({"redirect_uris": not_stated, "grant_types": ["authorization_code"]});
        let client = registered(members);
        assert!(client.oauth2_client(&server, Some("https://acme.example/cb")).is_ok());
    }
    let without_uris = registered(json!({"redirect_uris": null}));
    assert!(without_uris.oauth2_client(&server, None).unwrap().redirect_uri().is_none());
    // Without a method and a secret, it is a public client.
    let public = registered(json!({"client_secret": null})).oauth2_client(&server, None).unwrap();
    assert!(matches!(public.auth_type(), AuthType::RequestBody));
}

/// Registers a client that requests a method, and returns it from the response and from the store.
async fn clients_requesting(method: &str, reply: Reply) -> [ClientInformation; 2] {
    let server = Server::start().await;
    server.script([reply]);
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::new(folder.path().join("client.json")).unwrap();
    let metadata = metadata().with_token_endpoint_auth_method(method);
    let poggio = server.client();
    let registered = poggio.register_once(&metadata, &store).await.unwrap();
    let found = poggio.find_registration(&metadata, &store).await.unwrap().unwrap();
    [registered, found]
}

fn auth_type(client: &ClientInformation, server: &AuthorizationServer) -> String {
    let oauth = client.oauth2_client(server, None).unwrap();
    format!("{:?}", oauth.auth_type())
}

#[tokio::test]
async fn oauth2_client_uses_the_requested_method_if_none_is_stated() {
    let mut server = AuthorizationServer::poggio();
    server.token_endpoint_auth_methods_supported = vec!["client_secret_post".into()];
    let unstated = || Reply::registered().without_member("token_endpoint_auth_method");
    for (requested, reply, expected) in [
        ("client_secret_basic", unstated(), "BasicAuth"),
        (
            "client_secret_basic",
            Reply::registered().with_member("token_endpoint_auth_method", ""),
            "BasicAuth",
        ),
        (
            "client_secret_basic",
            Reply::registered().with_member("token_endpoint_auth_method", "client_secret_post"),
            "RequestBody",
        ),
        ("client_secret_post", unstated(), "RequestBody"),
        // Its credentials are recovered, and nothing is stated.
        ("client_secret_basic", Reply::cut_off(), "BasicAuth"),
    ] {
        for client in clients_requesting(requested, reply).await {
            assert_eq!(auth_type(&client, &server), expected, "{requested}");
        }
    }
}

#[tokio::test]
async fn oauth2_client_sends_no_secret_if_none_was_requested_and_no_method_is_stated() {
    let reply = Reply::registered()
        .without_member("token_endpoint_auth_method")
        .with_member("client_secret", "unasked-secret");
    for client in clients_requesting("none", reply).await {
        let token_server = MockServer::start().await;
        mount_token(&token_server).await;
        let server = AuthorizationServer::new("https://a.example/authorize", token_server.uri());
        let oauth = client.oauth2_client(&server, Some(REDIRECT_URI)).unwrap();
        exchange(&Client::builder().base_url(token_server.uri()).build().unwrap(), &oauth)
            .await
            .unwrap();
        let body = token_server.received_requests().await.unwrap().remove(0).body;
        assert!(!String::from_utf8(body).unwrap().contains("unasked-secret"));
    }
}

#[test]
fn oauth2_client_uses_the_only_method_of_the_server_if_the_request_is_not_known() {
    for (supported, expected) in [
        (&["client_secret_basic"][..], "BasicAuth"),
        (&["client_secret_basic", "client_secret_post"], "RequestBody"),
        (&[], "RequestBody"),
    ] {
        let mut server = AuthorizationServer::poggio();
        server.token_endpoint_auth_methods_supported =
            supported.iter().map(|method| (*method).into()).collect();
        assert_eq!(auth_type(&registered(json!({})), &server), expected, "{supported:?}");
    }
    let mut server = AuthorizationServer::poggio();
    server.token_endpoint_auth_methods_supported = vec!["private_key_jwt".into()];
    let error = registered(json!({})).oauth2_client(&server, None).unwrap_err();
    assert_eq!(error.kind(), OAuthErrorKind::Client, "{error}");
}

#[tokio::test]
async fn oauth2_client_accepts_the_requested_redirect_uri_if_none_is_stated() {
    for value in [json!(null), json!([])] {
        let reply = Reply::registered().with_member("redirect_uris", value);
        for client in clients_requesting("client_secret_post", reply).await {
            assert!(!client.metadata.grant_types.is_empty());
            let server = AuthorizationServer::poggio();
            assert!(client.oauth2_client(&server, Some(REDIRECT_URI)).is_ok());
        }
    }
}

#[test]
fn oauth2_client_refuses_an_authorization_endpoint_with_a_parameter_of_the_request() {
    let server = AuthorizationServer::new("https://a.example/?state=x", "https://a.example/token");
    let error = registered(json!({})).oauth2_client(&server, None).unwrap_err();
    assert_eq!(error.kind(), OAuthErrorKind::Endpoint, "{error}");
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
