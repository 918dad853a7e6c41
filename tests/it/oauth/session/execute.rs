//! `Session::execute`.

use std::time::Duration;

use futures_util::future::join_all;
use http_body_util::Full;
use poggio::{
    oauth::{LoginOptions, OAuthErrorKind, Recovery, Session},
    reqwest::{self, Body, Method, Request, header::AUTHORIZATION},
    serde_json::json,
    testing::Reply,
};

use super::Fixture;

fn get(url: &str) -> Request {
    Request::new(Method::GET, url.parse().unwrap())
}

async fn logged_in(it: &Fixture) -> Session {
    let session = it.builder().resource(it.server.mcp_url()).build().unwrap();
    it.log_in(&session, LoginOptions::new()).await.unwrap();
    session
}

#[tokio::test(flavor = "multi_thread")]
async fn execute_refreshes_once_for_all_callers_after_401() {
    let it = Fixture::new().await;
    it.server.rotate_refresh_tokens(true);
    let session = logged_in(&it).await;
    let url = it.server.mcp_url();
    assert_eq!(session.execute(get(&url)).await.unwrap().status(), 200);
    assert_eq!(it.token_requests().len(), 1);

    // By this machine's clock, the token is still valid.
    it.server.advance_clock(Duration::from_secs(2 * 3600));
    let calls = (0..16).map(|_| session.execute(get(&url)));
    let statuses = join_all(calls).await.into_iter().map(|response| response.unwrap().status());
    assert!(statuses.into_iter().all(|status| status == 200));
    assert_eq!(it.token_requests().len(), 2);
}

#[tokio::test]
async fn execute_sends_a_request_at_most_twice() {
    let it = Fixture::new().await;
    let session = it.session();
    it.log_in(&session, LoginOptions::new()).await.unwrap();
    // A token without a resource is refused by the MCP endpoint.
    let response = session.execute(get(&it.server.mcp_url())).await.unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(it.token_requests().len(), 2);
}

#[tokio::test]
async fn execute_sends_the_token_to_its_own_origins_only() {
    let it = Fixture::new().await;
    let session = logged_in(&it).await;
    let before = it.server.requests().len();
    let port = it.server.base_url().rsplit(':').next().unwrap().to_owned();
    for url in [
        format!("http://localhost:{port}/x"),
        format!("https://127.0.0.1:{port}/x"),
        "http://127.0.0.1:1/x".to_owned(),
    ] {
        let error = session.execute(get(&url)).await.unwrap_err();
        assert_eq!(error.kind(), OAuthErrorKind::Endpoint);
        assert_eq!(error.recovery(), Recovery::FixRequest);
    }
    assert_eq!(it.server.requests().len(), before);
}

#[tokio::test]
async fn execute_replaces_the_authorization_header_and_follows_no_redirect() {
    let it = Fixture::new().await;
    let session = logged_in(&it).await;
    it.server.script([Reply::status(302).with_header("location", "/elsewhere")]);
    let mut request = get(&format!("{}/v1/customers", it.server.base_url()));
    request.headers_mut().insert(AUTHORIZATION, "Bearer other".parse().unwrap());
    assert_eq!(session.execute(request).await.unwrap().status(), 302);
    let received = it.server.requests().pop().unwrap();
    assert_eq!(received.path(), "/v1/customers");
    let expected = "Bearer loopback-access-token-1-of-no-value-elsewhere";
    assert_eq!(received.header("authorization"), Some(expected));
}

#[tokio::test]
async fn execute_sends_no_token_to_the_target_of_a_redirect() {
    let (it, other) = (Fixture::new().await, Fixture::new().await);
    // The HTTP client of this session follows redirects.
    let poggio = it.server.client_builder().http_client(reqwest::Client::new()).build().unwrap();
    let builder = Session::builder(&poggio, it.store.clone()).server(it.endpoints.clone());
    let following = builder.resource(it.server.mcp_url()).build().unwrap();
    let session = logged_in(&it).await;
    let url = format!("{}/v1/customers", other.server.base_url());
    for status in [301, 302, 303, 307, 308] {
        it.server.script([Reply::status(status).with_header("location", &*url)]);
        assert_eq!(session.execute(customers(&it)).await.unwrap().status(), status);
        assert!(other.server.requests().is_empty());
    }
    for status in [301, 302, 303, 307, 308] {
        it.server.script([Reply::status(status).with_header("location", &*url)]);
        other.server.script([Reply::status(200)]);
        assert_eq!(following.execute(customers(&it)).await.unwrap().status(), 200);
    }
    assert_eq!(other.server.requests().len(), 5);
    for request in other.server.requests() {
        assert_eq!(request.header("authorization"), None);
    }
}

#[tokio::test]
async fn execute_sends_a_stream_once_and_replaces_the_token() {
    let it = Fixture::new().await;
    let session = logged_in(&it).await;
    let post = || {
        let mut request = customers(&it);
        *request.method_mut() = Method::POST;
        *request.body_mut() = Some(Body::wrap(Full::new(&b"a stream"[..])));
        assert!(request.try_clone().is_none());
        request
    };
    let before = it.server.requests().len();
    it.server.script([Reply::status(401), Reply::status(200)]);
    assert_eq!(session.execute(post()).await.unwrap().status(), 401);
    assert_eq!(it.token_requests().len(), 2);
    // The caller can send it again.
    assert_eq!(session.execute(post()).await.unwrap().status(), 200);
    let requests = it.server.requests();
    let sent: Vec<_> = requests[before..].iter().filter(|r| r.path() == "/v1/customers").collect();
    let bodies: Vec<_> = sent.iter().map(|request| request.body()).collect();
    assert_eq!(bodies, [b"a stream"; 2]);
    let header = sent[1].header("authorization").unwrap();
    assert_eq!(header, "Bearer loopback-access-token-2-of-no-value-elsewhere");
}

#[tokio::test]
async fn execute_reports_the_required_scopes() {
    let it = Fixture::new().await;
    let session = logged_in(&it).await;
    let challenge = r#"Bearer error="insufficient_scope", scope="read write""#;
    it.server.script([Reply::status(403).with_header("www-authenticate", challenge)]);
    let url = format!("{}/v1/customers", it.server.base_url());
    let error = session.execute(get(&url)).await.unwrap_err();
    assert_eq!(error.kind(), OAuthErrorKind::InsufficientScope);
    assert_eq!(error.required_scopes(), ["read", "write"]);
    let host = it.server.base_url().replace("http://", "");
    let expected = "requires more scopes (read write); log in again with the required scopes";
    assert_eq!(error.to_string(), format!("{host} {expected}"));

    it.server.script([Reply::status(403)]);
    assert_eq!(session.execute(get(&url)).await.unwrap().status(), 403);
}

/// A request to an endpoint whose responses tests script.
fn customers(it: &Fixture) -> Request {
    get(&format!("{}/v1/customers", it.server.base_url()))
}

/// Asserts that only a login helps, in this process and in another one.
async fn assert_login_required(it: &Fixture, session: &Session) {
    let other = it.builder().resource(it.server.mcp_url()).build().unwrap();
    for session in [session, &other] {
        let error = session.access_token().await.unwrap_err();
        assert_eq!(error.kind(), OAuthErrorKind::LoginRequired, "{error}");
        assert_eq!(error.recovery(), Recovery::LogIn);
    }
}

#[tokio::test]
async fn execute_ends_the_login_if_both_tokens_are_refused() {
    let it = Fixture::new().await;
    let session = logged_in(&it).await;
    it.server.script([Reply::status(401)]);
    it.server.script_token([Reply::json(400, json!({"error": "invalid_grant"}))]);
    assert_eq!(session.execute(customers(&it)).await.unwrap().status(), 401);
    // By this machine's clock, the access token is still valid.
    assert_login_required(&it, &session).await;
    assert_eq!(it.token_requests().len(), 2);
    it.log_in(&session, LoginOptions::new()).await.unwrap();
    assert_eq!(session.execute(get(&it.server.mcp_url())).await.unwrap().status(), 200);
}

#[tokio::test]
async fn execute_ends_the_login_if_an_invalid_token_cannot_be_replaced() {
    let it = Fixture::new().await;
    let issued = Reply::issued().without_member("refresh_token").without_member("expires_in");
    it.server.script_token([issued]);
    let session = logged_in(&it).await;
    let token = session.access_token().await.unwrap();
    // Without this error code, the cause can be another one than the token.
    it.server.script([Reply::status(401)]);
    assert_eq!(session.execute(customers(&it)).await.unwrap().status(), 401);
    assert_eq!(session.access_token().await.unwrap().expose(), token.expose());

    let challenge = r#"Bearer error="invalid_token""#;
    it.server.script([Reply::status(401).with_header("www-authenticate", challenge)]);
    assert_eq!(session.execute(customers(&it)).await.unwrap().status(), 401);
    assert_login_required(&it, &session).await;
}

#[tokio::test]
async fn execute_keeps_the_login_if_the_token_endpoint_fails() {
    let it = Fixture::new().await;
    let session = logged_in(&it).await;
    let token = session.access_token().await.unwrap();
    it.server.script([Reply::status(401)]);
    it.server.script_token([Reply::status(500)]);
    assert_eq!(session.execute(customers(&it)).await.unwrap().status(), 401);
    assert_eq!(session.access_token().await.unwrap().expose(), token.expose());
}

#[tokio::test]
async fn execute_notices_the_logout_of_another_process() {
    let it = Fixture::new().await;
    let session = logged_in(&it).await;
    let other = it.builder().resource(it.server.mcp_url()).build().unwrap();
    other.logout().await.unwrap();
    it.server.script([Reply::status(401)]);
    assert_eq!(session.execute(customers(&it)).await.unwrap().status(), 401);
    assert_login_required(&it, &session).await;
}

#[tokio::test]
async fn execute_shows_no_query_in_an_error() {
    let it = Fixture::new().await;
    let session = logged_in(&it).await;
    it.server.script([Reply::disconnect()]);
    let url = format!("{}/v1/customers?key=hunter-two-pass", it.server.base_url());
    let error = session.execute(get(&url)).await.unwrap_err();
    assert_eq!(error.kind(), OAuthErrorKind::Transport);
    let sent = format!(
        "the connection to {} broke after the request was sent",
        it.server.base_url().trim_start_matches("http://")
    );
    assert!(error.to_string().contains(&sent), "{error}");
    let mut shown = format!("{error} {error:?}");
    let mut source = std::error::Error::source(&error);
    assert!(source.is_some());
    while let Some(error) = source {
        shown.push_str(&format!("{error} {error:?}"));
        source = error.source();
    }
    assert!(!shown.contains("hunter-two-pass"), "{shown}");
}
