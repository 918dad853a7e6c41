//! Token requests: what is sent, what is read, what each refusal says.

use std::time::{Duration, Instant};

use oauth2::{
    AccessToken, AuthType, AuthorizationCode, IntrospectionUrl, PkceCodeVerifier, RefreshToken,
    RequestTokenError, ResourceOwnerPassword, ResourceOwnerUsername, Scope,
    TokenIntrospectionResponse, TokenResponse, basic::BasicTokenResponse,
};
use poggio::{
    Client, ClientInformation,
    oauth::{AuthorizationServer, OAuth2Client, OAuthError, OAuthErrorKind},
};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

use crate::support::Wire;

const REDIRECT: &str = "http://127.0.0.1:8910/callback";

fn client(members: Value) -> ClientInformation {
    let mut json = json!({
        "client_id": "id 1", "client_secret": "s3cr3t/+ of:mine", "redirect_uris": [REDIRECT],
    });
    json.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    ClientInformation::from_json(&json.to_string()).unwrap()
}

fn at(base_url: &str) -> (Client, OAuth2Client) {
    let server = AuthorizationServer::poggio().with_token_endpoint(format!("{base_url}/token"));
    let poggio = Client::builder().base_url(base_url).max_retries(0);
    let oauth = client(json!({})).oauth2_client(&server, Some(REDIRECT)).unwrap();
    (poggio.build().unwrap(), oauth)
}

async fn exchange(poggio: &Client, oauth: &OAuth2Client) -> Result<BasicTokenResponse, OAuthError> {
    let request = oauth
        .exchange_code(AuthorizationCode::new("the-code-1".to_owned()))
        .set_pkce_verifier(PkceCodeVerifier::new("v".repeat(43)));
    Ok(request.request_async(poggio).await?)
}

fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

async fn token_of(status: &str, body: &str) -> Result<BasicTokenResponse, OAuthError> {
    let server = Wire::answering(answer(status, body)).await;
    let (poggio, oauth) = at(&server.base_url);
    exchange(&poggio, &oauth).await
}

#[tokio::test]
async fn each_granted_method_authenticates_as_it_has_to() {
    for (method, secret, header, in_body) in [
        ("client_secret_post", true, None, Some("s3cr3t/+ of:mine")),
        // RFC 6749 section 2.3.1: both are form-encoded before they go into the header.
        ("client_secret_basic", true, Some("Basic aWQrMTpzM2NyM3QlMkYlMkIrb2YlM0FtaW5l"), None),
        ("none", false, None, None),
        // A public client has no use for a secret that came nevertheless.
        ("none", true, None, None),
    ] {
        let server = MockServer::start().await;
        let token = json!({"access_token": "t", "token_type": "bearer"});
        Mock::given(any())
            .respond_with(ResponseTemplate::new(200).set_body_json(token))
            .mount(&server)
            .await;
        let mut members = json!({"token_endpoint_auth_method": method});
        if !secret {
            members["client_secret"] = Value::Null;
        }
        let endpoints = AuthorizationServer::new("https://a.example/authorize", server.uri());
        let oauth = client(members).oauth2_client(&endpoints, Some(REDIRECT)).unwrap();
        let poggio = Client::builder()
            .base_url(server.uri())
            .auth_token("the-poggio-token")
            .build()
            .unwrap();
        exchange(&poggio, &oauth).await.unwrap();

        let requests = server.received_requests().await.unwrap();
        let [request] = &requests[..] else { panic!("{requests:?}") };
        let sent = |name: &str| request.headers.get(name).map(|value| value.to_str().unwrap());
        assert_eq!(request.method.as_str(), "POST");
        assert_eq!(sent("content-type"), Some("application/x-www-form-urlencoded"));
        assert_eq!(sent("accept"), Some("application/json"));
        assert!(sent("user-agent").unwrap().starts_with("poggio/"));
        assert_eq!(sent("authorization"), header, "{method}");
        let form: Vec<(String, String)> =
            form_urlencoded::parse(&request.body).into_owned().collect();
        let value = |name: &str| form.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        assert_eq!(value("grant_type"), Some("authorization_code"));
        assert_eq!(value("code"), Some("the-code-1"));
        assert_eq!(value("code_verifier"), Some(&*"v".repeat(43)));
        assert_eq!(value("redirect_uri"), Some(REDIRECT));
        assert_eq!(value("client_secret"), in_body, "{method}");
        assert_eq!(value("client_id"), header.is_none().then_some("id 1"), "{method}");
    }
}

#[test]
fn a_client_that_cannot_be_used_as_it_was_granted_is_told_before_a_browser_opens() {
    let server = AuthorizationServer::poggio();
    for (members, redirect, problem) in [
        (
            json!({"token_endpoint_auth_method": "private_key_jwt"}),
            REDIRECT,
            r#"token_endpoint_auth_method: "private_key_jwt" was granted"#,
        ),
        (
            json!({"token_endpoint_auth_method": "client_secret_basic", "client_secret": null}),
            REDIRECT,
            "client_secret: the granted method client_secret_basic needs one",
        ),
        (
            json!({"token_endpoint_auth_method": "client_secret_post", "client_secret": ""}),
            REDIRECT,
            "the granted method client_secret_post needs one",
        ),
        (json!({}), "http://127.0.0.1:8910/callback#x", "has a fragment (RFC 6749 section 3.1.2)"),
        (
            json!({}),
            "http://127.0.0.1:8910/other",
            r#"redirect_uris: "http://127.0.0.1:8910/other" was not granted, but ["http://127.0.0.1:8910/callback"]"#,
        ),
        (json!({}), "https://127.0.0.1:8910/callback", "was not granted"),
        // The rest was granted, and this was dropped.
        (
            json!({"redirect_uris": [], "grant_types": ["authorization_code"]}),
            REDIRECT,
            "was not granted, but []",
        ),
        (json!({}), "http://localhost:8910/callback", "was not granted"),
    ] {
        let error = client(members).oauth2_client(&server, Some(redirect)).unwrap_err();
        assert_eq!(error.kind(), OAuthErrorKind::Client, "{error}");
        let text = error.to_string();
        assert!(
            text.starts_with("the client cannot be used: ") && text.contains(problem),
            "{text}"
        );
        assert!(text.ends_with("; nothing was sent; correct this first"), "{text}");
        assert!(!format!("{text}{error:?}").contains("s3cr3t"));
    }
    // The port of a loopback redirect is free, and what the server did not state is not held
    // against it.
    let moved = "http://127.0.0.1:1/callback";
    let oauth = client(json!({})).oauth2_client(&server, Some(moved)).unwrap();
    assert_eq!(oauth.redirect_uri().unwrap().as_str(), moved);
    let silent = client(json!({"redirect_uris": null}));
    assert!(silent.oauth2_client(&server, Some("https://acme.example/cb")).is_ok());
    assert!(silent.oauth2_client(&server, None).unwrap().redirect_uri().is_none());
    // Neither a method nor a secret: a public client.
    let public = client(json!({"client_secret": null}));
    assert!(matches!(
        public.oauth2_client(&server, None).unwrap().auth_type(),
        AuthType::RequestBody
    ));
}

#[test]
fn endpoints_are_poggios_unless_set_and_https_unless_on_this_machine() {
    let poggio = AuthorizationServer::poggio();
    let oauth = client(json!({})).oauth2_client(&poggio, None).unwrap();
    assert_eq!(oauth.auth_uri().as_str(), "https://poggio.io/app/oauth/authorize");
    assert_eq!(oauth.token_uri().as_str(), "https://api.poggio.io/v1/oauth/token");

    for (server, problem) in [
        (
            poggio.clone().with_token_endpoint("http://api.poggio.io/token"),
            "token_endpoint: http to",
        ),
        (
            poggio.clone().with_authorization_endpoint("poggio.io"),
            "authorization_endpoint: not a URL",
        ),
        (poggio.clone().with_token_endpoint("https://a:b@a.example"), "a user name or password"),
        (poggio.clone().with_token_endpoint("https://a.example/#x"), "has a #"),
        (poggio.with_token_endpoint("ftp://a.example"), "the scheme ftp"),
    ] {
        let error = client(json!({})).oauth2_client(&server, None).unwrap_err();
        assert_eq!(error.kind(), OAuthErrorKind::Endpoint, "{error}");
        assert!(error.to_string().contains(problem), "{error}");
        assert!(!error.to_string().contains("a:b"), "{error}");
    }
}

#[tokio::test]
async fn a_token_that_was_issued_is_read_whatever_else_is_odd() {
    let seconds = |s| Some(Duration::from_secs(s));
    for (status, body, expires_in, refresh, scopes) in [
        (
            "200 OK",
            json!({"access_token": "at", "token_type": "Bearer", "expires_in": 3600,
                "refresh_token": "rt", "scope": "a b"}),
            seconds(3600),
            Some("rt"),
            vec!["a", "b"],
        ),
        (
            "201 Created",
            json!({"access_token": "at", "token_type": "bearer", "expires_in": null,
                "refresh_token": null, "scope": null}),
            None,
            None,
            vec![],
        ),
        (
            "200 OK",
            json!({"access_token": "at", "expires_in": "3600.0", "scope": ["a", "b"],
                "refresh_token": ""}),
            seconds(3600),
            None,
            vec!["a", "b"],
        ),
        (
            "200 OK",
            json!({"access_token": "at", "token_type": 7, "expires_in": {"odd": 1}, "scope": 5,
                "refresh_token": ["odd"], "org": "x"}),
            None,
            None,
            vec![],
        ),
        (
            "200 OK",
            json!({"access_token": "at", "expires_in": -5, "scope": ""}),
            None,
            None,
            vec![],
        ),
        ("200 OK", json!({"access_token": "at", "expires_in": 1e300}), None, None, vec![]),
    ] {
        let token = token_of(status, &body.to_string()).await.unwrap();
        assert_eq!(token.access_token().secret(), "at");
        assert_eq!(token.token_type().as_ref().to_ascii_lowercase(), "bearer");
        assert_eq!(token.expires_in(), expires_in, "{body}");
        assert_eq!(token.refresh_token().map(|t| t.secret().as_str()), refresh, "{body}");
        let read: Vec<_> = token.scopes().into_iter().flatten().map(|s| s.as_str()).collect();
        assert_eq!(read, scopes, "{body}");
    }
}

#[tokio::test]
async fn a_success_answer_without_a_token_says_so_without_its_body() {
    for (body, problem) in [
        ("", "it is no JSON object"),
        ("[\"s3cr3t\"]", "it is no JSON object"),
        ("<html>s3cr3t", "it is no JSON object"),
        (r#"{"refresh_token": "s3cr3t"}"#, "it has no access_token"),
        (r#"{"access_token": ""}"#, "it has no access_token"),
        (r#"{"access_token": 5, "x": "s3cr3t"}"#, "it has no access_token"),
    ] {
        let error = token_of("200 OK", body).await.unwrap_err();
        assert_eq!(error.kind(), OAuthErrorKind::Unreadable);
        assert_eq!(
            error.to_string(),
            format!("the token cannot be read: {problem}; begin anew: what was issued is lost")
        );
        assert!(!format!("{error:?}").contains("s3cr3t"));
    }
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"access_token\": \"s3cr3t\"";
    let server = Wire::answering(cut).await;
    let (poggio, oauth) = at(&server.base_url);
    let error = exchange(&poggio, &oauth).await.unwrap_err();
    assert!(error.to_string().contains("the connection broke in the middle of it"), "{error}");
    let large = json!({"access_token": "x".repeat(300_000)}).to_string();
    let error = token_of("200 OK", &large).await.unwrap_err();
    assert!(error.to_string().contains("larger than max_response_bytes (262144)"), "{error}");
}

#[tokio::test]
async fn every_form_of_refusal_reads_well() {
    let detail = json!({"detail": [
        {"loc": ["body", "code"], "msg": "Field required", "type": "missing", "input": "s3cr3t"},
        {"loc": ["body", "redirect_uri"], "msg": "Field required", "type": "missing"},
    ]});
    for (status, body, text) in [
        (
            "400 Bad Request",
            r#"{"error": "invalid_grant", "error_description": "The code\nis used."}"#.to_owned(),
            "the server refused (invalid_grant): The code is used.; begin anew: a code is good \
             once, a token not for ever",
        ),
        (
            "401 Unauthorized",
            r#"{"error": "invalid_client"}"#.to_owned(),
            "the server refused (invalid_client); register anew: mark this client in its store as rejected",
        ),
        // As FastAPI puts what an application raises.
        (
            "401 Unauthorized",
            r#"{"detail": {"error": "invalid_client"}}"#.to_owned(),
            "the server refused with 401 Unauthorized (invalid_client); register anew: mark this client in its store as rejected",
        ),
        (
            "401 Unauthorized",
            r#"{"detail": "invalid_client"}"#.to_owned(),
            "the server refused with 401 Unauthorized (invalid_client): invalid_client; register \
             anew: mark this client in its store as rejected",
        ),
        // As GitHub does.
        (
            "200 OK",
            r#"{"error": "invalid_grant", "error_description": "bad code"}"#.to_owned(),
            "the server refused with 200 OK (invalid_grant): bad code; begin anew: a code is good \
             once, a token not for ever",
        ),
        (
            "422 Unprocessable Entity",
            detail.to_string(),
            "the server refused with 422 Unprocessable Entity: code: Field required; redirect_uri: \
             Field required; correct what the server names, then try again",
        ),
        (
            "404 Not Found",
            r#"{"detail": "Not Found"}"#.to_owned(),
            "the server refused with 404 Not Found: Not Found; correct what the server names, then \
             try again",
        ),
        (
            "502 Bad Gateway",
            "<html><title>502</title>".to_owned(),
            "the server refused with 502 Bad Gateway: 502; try again later; where a code or \
             refresh token is refused then, begin anew",
        ),
        (
            "302 Found",
            String::new(),
            "the server refused with 302 Found; correct what the server names, then try again",
        ),
    ] {
        let error = token_of(status, &body).await.unwrap_err();
        assert_eq!(error.to_string(), text);
        assert!(!format!("{error:?}").contains("s3cr3t"));
        assert_eq!(error.is_invalid_client(), body.contains("invalid_client"));
    }
    let error = token_of("400 Bad Request", r#"{"error": "invalid_grant"}"#).await.unwrap_err();
    let refused = error.refusal().unwrap();
    assert_eq!(refused.code().unwrap().as_str(), "invalid_grant");
    assert_eq!((refused.status(), refused.description()), (None, None));
}

#[tokio::test]
async fn what_a_server_quotes_of_the_request_is_not_shown() {
    let verifier = "v".repeat(43);
    for quoted in ["s3cr3t/+ of:mine", "the-code-1", &verifier] {
        for body in [
            json!({"error": "invalid_grant", "error_description": format!("saw {quoted} here")}),
            json!({"detail": format!("saw {quoted} here")}),
            json!({"detail": [{"loc": ["body"], "msg": format!("saw {quoted} here")}]}),
        ] {
            let error = token_of("400 Bad Request", &body.to_string()).await.unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains(quoted), "{shown}");
            assert!(shown.contains("saw [redacted] here"), "{shown}");
        }
    }
}

#[tokio::test]
async fn a_secret_that_was_sent_in_the_header_is_not_shown_either() {
    let body = json!({"error": "invalid_client", "error_description": "not s3cr3t/+ of:mine"});
    let server = Wire::answering(answer("401 Unauthorized", &body.to_string())).await;
    let (poggio, _) = at(&server.base_url);
    let endpoints =
        AuthorizationServer::poggio().with_token_endpoint(format!("{}/t", server.base_url));
    let basic = client(json!({"token_endpoint_auth_method": "client_secret_basic"}));
    let oauth = basic.oauth2_client(&endpoints, Some(REDIRECT)).unwrap();
    let error = exchange(&poggio, &oauth).await.unwrap_err();
    assert!(error.is_invalid_client());
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("not [redacted]") && !shown.contains("of:mine"), "{shown}");
}

#[tokio::test]
async fn oauth_errors_are_the_oauth2_crates_own_and_the_rest_is_ours() {
    let request = async |status: &str, body: &str| {
        let server = Wire::answering(answer(status, body)).await;
        let (poggio, oauth) = at(&server.base_url);
        let token = RefreshToken::new("refresh".to_owned());
        let scope = Scope::new("a".to_owned());
        oauth.exchange_refresh_token(&token).add_scope(scope).request_async(&poggio).await
    };
    let error = request("400 Bad Request", r#"{"error": "invalid_scope"}"#).await.unwrap_err();
    assert!(matches!(error, RequestTokenError::ServerResponse(_)), "{error:?}");
    let error = request("422 Unprocessable Entity", r#"{"detail": []}"#).await.unwrap_err();
    let RequestTokenError::Request(error) = error else { panic!("{error:?}") };
    assert_eq!(error.kind(), OAuthErrorKind::Refused, "{error:?}");
}

#[tokio::test]
async fn how_long_a_server_asks_to_wait_is_told() {
    let wait = "429 Too Many Requests\r\nretry-after: 120";
    let error = token_of(wait, r#"{"error": "temporarily_unavailable"}"#).await.unwrap_err();
    let refused = error.refusal().unwrap();
    assert_eq!(refused.retry_after(), Some(Duration::from_secs(120)));
    assert_eq!(refused.status().unwrap().as_u16(), 429);
    assert_eq!(
        error.to_string(),
        "the server refused with 429 Too Many Requests (temporarily_unavailable) (asks to wait \
         120 s); wait, then try again"
    );
}

#[tokio::test]
async fn a_refresh_token_that_a_server_quotes_is_not_shown() {
    let body = json!({"error": "invalid_grant", "error_description": "no such refresh-me-7"});
    let server = Wire::answering(answer("400 Bad Request", &body.to_string())).await;
    let (poggio, oauth) = at(&server.base_url);
    let token = RefreshToken::new("refresh-me-7".to_owned());
    let result = oauth.exchange_refresh_token(&token).request_async(&poggio).await;
    let error = OAuthError::from(result.unwrap_err());
    assert!(error.to_string().contains("(invalid_grant): no such [redacted]"), "{error}");
}

#[tokio::test]
async fn the_answer_to_another_request_is_handed_on_as_it_came() {
    let active = "200 OK\r\ncontent-type: application/json";
    let server = Wire::answering(answer(active, r#"{"active": true, "scope": "a b"}"#)).await;
    let (poggio, oauth) = at(&server.base_url);
    let url = IntrospectionUrl::new(format!("{}/introspect", server.base_url)).unwrap();
    let oauth = oauth.set_introspection_url(url);
    let token = AccessToken::new("access".to_owned());
    let told = oauth.introspect(&token).request_async(&poggio).await.unwrap();
    assert!(told.active());
    assert_eq!(told.scopes().unwrap().len(), 2);
}

#[tokio::test]
async fn the_refusal_of_another_request_shows_nothing_of_it_either() {
    let quoted = "the-access-token \u{1b}[31m s3cr3t/+ of:mine";
    let body = json!({"error": "invalid_client", "error_description": quoted}).to_string();
    for status in ["400 Bad Request", "403 Forbidden"] {
        let server = Wire::answering(answer(status, &body)).await;
        let (poggio, oauth) = at(&server.base_url);
        let url = IntrospectionUrl::new(format!("{}/introspect", server.base_url)).unwrap();
        let oauth = oauth.set_introspection_url(url);
        let token = AccessToken::new("the-access-token".to_owned());
        let error = oauth.introspect(&token).request_async(&poggio).await.unwrap_err();
        let error = OAuthError::from(error);
        let refused = error.refusal().unwrap();
        assert_eq!(refused.description(), Some("[redacted] [31m [redacted]"), "{status}");
        assert!(!format!("{error:?}").contains("s3cr3t"));
    }
    // Of a token request, whatever field it was.
    let body = json!({"error": "invalid_grant", "error_description": "hunter2, sub-tok1"});
    let server = Wire::answering(answer("400 Bad Request", &body.to_string())).await;
    let (poggio, oauth) = at(&server.base_url);
    let (user, password) =
        (ResourceOwnerUsername::new("ada".into()), ResourceOwnerPassword::new("hunter2".into()));
    let request = oauth.exchange_password(&user, &password);
    let error = request.add_extra_param("subject_token", "sub-tok1").request_async(&poggio).await;
    let error = OAuthError::from(error.unwrap_err());
    assert!(error.to_string().contains("(invalid_grant): [redacted], [redacted]; "), "{error}");
}

#[tokio::test]
async fn a_token_request_follows_no_redirect_and_is_sent_again_only_where_that_is_safe() {
    let elsewhere = MockServer::start().await;
    let retry = |status| ResponseTemplate::new(status).insert_header("retry-after", "0");
    let redirect = ResponseTemplate::new(307).insert_header("location", elsewhere.uri());
    for (first, requests) in [
        (retry(429), 2),
        (retry(503), 2),
        (redirect, 1),
        (ResponseTemplate::new(500), 1),
        (ResponseTemplate::new(503), 1),
        (ResponseTemplate::new(400), 1),
    ] {
        let server = MockServer::start().await;
        let token = json!({"access_token": "t", "token_type": "bearer"});
        Mock::given(any()).respond_with(first).up_to_n_times(1).mount(&server).await;
        Mock::given(any())
            .respond_with(ResponseTemplate::new(200).set_body_json(token))
            .mount(&server)
            .await;
        let (_, oauth) = at(&server.uri());
        let poggio = Client::builder().base_url(server.uri()).build().unwrap();
        let result = exchange(&poggio, &oauth).await;
        assert_eq!(result.is_ok(), requests == 2, "{result:?}");
        assert_eq!(server.received_requests().await.unwrap().len(), requests);
    }
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_token_request_ends_in_time_and_says_what_it_was() {
    let server = MockServer::start().await;
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(60));
    Mock::given(any()).respond_with(slow).mount(&server).await;
    let (_, oauth) = at(&server.uri());
    let builder = Client::builder().base_url(server.uri());
    let poggio = builder.timeout(Duration::from_millis(200)).build().unwrap();
    let started = Instant::now();
    let error = exchange(&poggio, &oauth).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(
        error.to_string(),
        format!(
            "no answer from {}/token within 200ms, after the request was sent; the request may \
             have been acted on: begin anew if the next attempt is refused",
            server.uri()
        )
    );
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
#[tokio::test]
async fn a_client_for_https_sends_nothing_in_the_clear() {
    let server = MockServer::start().await;
    let (_, oauth) = at(&server.uri());
    let error = exchange(&Client::new().unwrap(), &oauth).await.unwrap_err();
    assert_eq!(error.kind(), OAuthErrorKind::Endpoint, "{error}");
    assert!(error.to_string().contains("only where this client"), "{error}");
    assert!(server.received_requests().await.unwrap().is_empty());
}
