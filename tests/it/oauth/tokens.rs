//! Token requests: when they are sent again, and which responses are a token. The errors of
//! rejected requests are in `refusals`.

mod refusals;

use std::time::Duration;

use oauth2::{
    AccessToken, AuthorizationCode, IntrospectionUrl, PkceCodeVerifier, TokenIntrospectionResponse,
    TokenResponse, basic::BasicTokenResponse,
};
use poggio::{
    Client,
    oauth::{AuthorizationServer, OAuth2Client, OAuthError, OAuthErrorKind, Recovery},
};
use serde_json::json;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

use crate::support::{Wire, oauth::oauth2_client, sized};

/// Returns a client for this token server that never retries.
fn client_of(base_url: &str) -> (Client, OAuth2Client) {
    let server = AuthorizationServer::poggio().with_token_endpoint(format!("{base_url}/token"));
    let poggio = Client::builder().base_url(base_url).max_retries(0).build().unwrap();
    (poggio, oauth2_client(&server))
}

pub(super) async fn exchange(
    poggio: &Client,
    oauth: &OAuth2Client,
) -> Result<BasicTokenResponse, OAuthError> {
    let request = oauth
        .exchange_code(AuthorizationCode::new("the-code-1".to_owned()))
        .set_pkce_verifier(PkceCodeVerifier::new("v".repeat(43)));
    Ok(request.request_async(poggio).await?)
}

/// Exchanges a code at a server that sends this response.
pub(super) async fn token_from(status: &str, body: &str) -> Result<BasicTokenResponse, OAuthError> {
    let server = Wire::responding(sized(status, "", body)).await;
    let (poggio, oauth) = client_of(&server.base_url);
    exchange(&poggio, &oauth).await
}

/// Makes the server issue a token to every request.
pub(super) async fn mount_token(server: &MockServer) {
    let token = json!({"access_token": "t", "token_type": "bearer"});
    let response = ResponseTemplate::new(200).set_body_json(token);
    Mock::given(any()).respond_with(response).mount(server).await;
}

#[tokio::test]
async fn token_response_is_read_if_it_has_an_access_token() {
    let hour = Some(Duration::from_secs(3600));
    for (status, members, expires_in, refresh_token, scopes) in [
        (
            "200 OK",
            json!({"token_type": "Bearer", "expires_in": 3600, "refresh_token": "rt",
                "scope": "a b"}),
            hour,
            Some("rt"),
            &["a", "b"][..],
        ),
        (
            "201 Created",
            json!({"token_type": "bearer", "expires_in": null, "refresh_token": null,
                "scope": null}),
            None,
            None,
            &[],
        ),
        (
            "200 OK",
            json!({"expires_in": "3600.0", "scope": ["a", "b"], "refresh_token": ""}),
            hour,
            None,
            &["a", "b"],
        ),
        (
            "200 OK",
            json!({"token_type": 7, "expires_in": {"odd": 1}, "scope": 5,
                "refresh_token": ["odd"], "org": "x"}),
            None,
            None,
            &[],
        ),
        ("200 OK", json!({"expires_in": -5}), None, None, &[]),
        ("200 OK", json!({"refresh_token": 7}), None, Some("7"), &[]),
        ("200 OK", json!({"expires_in": 1e300}), None, None, &[]),
    ] {
        let mut body = members;
        body["access_token"] = "at".into();
        let token = token_from(status, &body.to_string()).await.unwrap();
        assert_eq!(token.access_token().secret(), "at");
        assert_eq!(token.token_type().as_ref().to_ascii_lowercase(), "bearer");
        assert_eq!(token.expires_in(), expires_in, "{body}");
        assert_eq!(token.refresh_token().map(|t| t.secret().as_str()), refresh_token, "{body}");
        let read: Vec<_> = token.scopes().into_iter().flatten().map(|s| s.as_str()).collect();
        assert_eq!(read, scopes, "{body}");
    }
}

#[tokio::test]
async fn token_response_with_an_empty_scope_grants_nothing() {
    for (scope, granted) in [
        // The crate `oauth2` has no empty list: it reads one scope without characters.
        (Some(json!("")), Some(vec![""])),
        (Some(json!(" ")), Some(vec![""])),
        (Some(json!([])), Some(vec![""])),
        (Some(json!("a  b")), Some(vec!["a", "b"])),
        // Not stated: as requested.
        (Some(json!(null)), None),
        (Some(json!(5)), None),
        (None, None),
    ] {
        let mut body = json!({"access_token": "at", "token_type": "bearer"});
        if let Some(scope) = &scope {
            body["scope"] = scope.clone();
        }
        let token = token_from("200 OK", &body.to_string()).await.unwrap();
        let scopes = token.scopes().map(|scopes| scopes.iter().map(|s| s.as_str()).collect());
        assert_eq!(scopes, granted, "{scope:?}");
    }
}

#[tokio::test]
async fn token_response_without_an_access_token_is_unreadable_and_only_its_body_is_exposed() {
    let large = json!({"access_token": "x".repeat(300_000)}).to_string();
    for (body, problem) in [
        ("", "it is not a JSON object"),
        ("[\"s3cr3t\"]", "it is not a JSON object"),
        ("<html>s3cr3t", "it is not a JSON object"),
        (r#"{"refresh_token": "s3cr3t"}"#, "it has no access_token"),
        (r#"{"access_token": ""}"#, "it has no access_token"),
        (r#"{"access_token": 5, "x": "s3cr3t"}"#, "it has no access_token"),
        (r#"{"access_token": "s3cr3t""#, "the connection broke before the body ended"),
        (&large, "it is larger than max_response_bytes (262144)"),
    ] {
        let response = if problem.contains("broke") {
            format!("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{body}").into_bytes()
        } else {
            sized("200 OK", "", body)
        };
        let server = Wire::responding(response).await;
        let (poggio, oauth) = client_of(&server.base_url);
        let error = exchange(&poggio, &oauth).await.unwrap_err();
        assert_eq!(error.kind(), OAuthErrorKind::Unreadable);
        let text = error.to_string();
        let host = server.base_url.strip_prefix("http://").unwrap();
        let expected = format!(
            "the response of {host} (200 OK) could not be decoded: {problem}; try again, and log in \
             again if the server then rejects the code or token"
        );
        assert_eq!(text, expected);
        assert!(!format!("{text}{error:?}").contains("s3cr3t"));
        let exposed = error.expose_body().unwrap();
        let is_too_large = problem.contains("larger");
        assert!(body.as_bytes().starts_with(exposed), "{problem}");
        assert_eq!(exposed.len(), if is_too_large { 262_144 } else { body.len() }, "{problem}");
        assert_eq!(error.recovery(), Recovery::RetryAfter(Duration::from_secs(5)));
    }
}

#[tokio::test]
async fn token_request_is_sent_again_only_if_it_was_not_processed_and_follows_no_redirect() {
    let elsewhere = MockServer::start().await;
    let retry = |status| ResponseTemplate::new(status).insert_header("retry-after", "0");
    let redirect = ResponseTemplate::new(307).insert_header("location", elsewhere.uri());
    for (first, request_count) in [
        (retry(429), 2),
        (retry(503), 2),
        (redirect, 1),
        (ResponseTemplate::new(500), 1),
        (ResponseTemplate::new(503), 1),
        (ResponseTemplate::new(400), 1),
    ] {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(first).up_to_n_times(1).mount(&server).await;
        mount_token(&server).await;
        let (_, oauth) = client_of(&server.uri());
        let poggio = Client::builder().base_url(server.uri()).build().unwrap();
        let result = exchange(&poggio, &oauth).await;
        assert_eq!(result.is_ok(), request_count == 2, "{result:?}");
        assert_eq!(server.received_requests().await.unwrap().len(), request_count);
    }
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn token_request_ends_at_the_timeout() {
    let server = MockServer::start().await;
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(60));
    Mock::given(any()).respond_with(slow).mount(&server).await;
    let (_, oauth) = client_of(&server.uri());
    let builder = Client::builder().base_url(server.uri());
    let poggio = builder.timeout(Duration::from_millis(200)).build().unwrap();
    let error = exchange(&poggio, &oauth).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "no response from {} within 200ms, after the request was sent; try again, and \
             log in again if the server then rejects the code or token",
            server.uri().trim_start_matches("http://")
        )
    );
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
#[tokio::test]
async fn token_request_is_not_sent_over_http_by_a_client_for_https() {
    let server = MockServer::start().await;
    let (_, oauth) = client_of(&server.uri());
    let error = exchange(&Client::new().unwrap(), &oauth).await.unwrap_err();
    assert_eq!(error.kind(), OAuthErrorKind::Endpoint, "{error}");
    assert!(error.to_string().contains("only if the base URL of the client"), "{error}");
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn introspection_response_is_returned_unchanged() {
    let headers = "content-type: application/json\r\n";
    let response = sized("200 OK", headers, r#"{"active": true, "scope": "a b"}"#);
    let server = Wire::responding(response).await;
    let (poggio, oauth) = client_of(&server.base_url);
    let url = IntrospectionUrl::new(format!("{}/introspect", server.base_url)).unwrap();
    let oauth = oauth.set_introspection_url(url);
    let token = AccessToken::new("access".to_owned());
    let response = oauth.introspect(&token).request_async(&poggio).await.unwrap();
    assert!(response.active());
    assert_eq!(response.scopes().unwrap().len(), 2);
}
