//! `discover` and `discover_for`: the endpoints from the metadata of a server or a resource.

use poggio::{Client, oauth::OAuthErrorKind};
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{method, path},
};

use crate::support;

/// Where the metadata of a server without a path is.
const SERVER_PATH: &str = "/.well-known/oauth-authorization-server";
/// Where the metadata of the resource `/mcp` is.
const RESOURCE_PATH: &str = "/.well-known/oauth-protected-resource/mcp";

/// Starts a server with these documents, in which `BASE` becomes its URL.
async fn serve(documents: &[(&str, Value)]) -> (MockServer, Client) {
    let server = MockServer::start().await;
    for (at, document) in documents {
        let text = document.to_string().replace("BASE", &server.uri());
        let response = ResponseTemplate::new(200).set_body_raw(text, "application/json");
        Mock::given(method("GET")).and(path(*at)).respond_with(response).mount(&server).await;
    }
    let poggio = Client::builder().base_url(server.uri()).max_retries(0).build().unwrap();
    (server, poggio)
}

/// Returns the metadata of a server, changed by these members.
fn metadata(members: Value) -> Value {
    let mut metadata = json!({
        "issuer": "BASE",
        "authorization_endpoint": "https://app.example/authorize",
        "token_endpoint": "BASE/v2/oauth/token",
        "registration_endpoint": "BASE/v2/oauth/register",
        "code_challenge_methods_supported": ["S256", "plain"],
        "authorization_response_iss_parameter_supported": true,
        "more": {"of": "it"},
    });
    metadata.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    metadata
}

#[tokio::test]
async fn discover_finds_endpoints_that_can_be_used() {
    let (server, poggio) = serve(&[(SERVER_PATH, metadata(json!({})))]).await;
    let found = poggio.discover(&server.uri()).await.unwrap();
    let uri = server.uri();
    assert_eq!(found.issuer.as_deref(), Some(&*uri));
    assert_eq!(found.authorization_endpoint, "https://app.example/authorize");
    assert_eq!(found.token_endpoint, format!("{uri}/v2/oauth/token"));
    assert_eq!(found.registration_endpoint, Some(format!("{uri}/v2/oauth/register")));
    assert!(found.authorization_response_iss_parameter_supported);

    let sent = &server.received_requests().await.unwrap()[0];
    assert_eq!(sent.headers["accept"], "application/json");
    assert!(sent.headers.get("authorization").is_none());
    assert!(sent.headers.get("transfer-encoding").is_none());

    // A client needs no base URL to register at this endpoint.
    let response = ResponseTemplate::new(201).set_body_json(json!({"client_id": "v2"}));
    let at_v2 = Mock::given(method("POST")).and(path("/v2/oauth/register"));
    at_v2.respond_with(response).expect(1).mount(&server).await;
    let builder = Client::builder().registration_endpoint(found.registration_endpoint.unwrap());
    let poggio = builder.build().unwrap();
    assert_eq!(poggio.registration_endpoint(), format!("{uri}/v2/oauth/register"));
    let client = poggio.register(&support::metadata()).await.unwrap();
    assert_eq!(client.client_id, "v2");
}

#[tokio::test]
async fn discover_looks_between_host_and_path_of_the_issuer() {
    let at = format!("{SERVER_PATH}/tenant/7");
    let (server, poggio) = serve(&[(&at, metadata(json!({"issuer": "BASE/tenant/7"})))]).await;
    let issuer = format!("{}/tenant/7", server.uri());
    let found = poggio.discover(&issuer).await.unwrap();
    assert_eq!(found.issuer, Some(issuer));
}

#[tokio::test]
async fn discover_refuses_metadata_of_another_server_or_without_safe_endpoints() {
    for (document, problem) in [
        (
            metadata(json!({"issuer": "https://evil.example"})),
            "names another issuer, \"https://evil",
        ),
        (metadata(json!({"issuer": "https://poggio.io"})), "names another issuer"),
        (metadata(json!({"token_endpoint": "http://evil.example/t"})), "token_endpoint: http to"),
        (
            metadata(json!({"authorization_endpoint": "javascript:alert(1)"})),
            "the scheme javascript",
        ),
        (
            metadata(json!({"registration_endpoint": "nonsense"})),
            "registration_endpoint: not a URL",
        ),
        (
            metadata(json!({"code_challenge_methods_supported": ["plain"]})),
            "does not support PKCE with S256",
        ),
        (metadata(json!({"token_endpoint": null})), "not JSON with the required members"),
        (json!([]), "not JSON with the required members"),
        (json!("x".repeat(300_000)), "was truncated"),
    ] {
        let (server, poggio) = serve(&[(SERVER_PATH, document)]).await;
        let error = poggio.discover(&server.uri()).await.unwrap_err();
        assert!(error.to_string().contains(problem), "{error}");
        assert!(
            matches!(error.kind(), OAuthErrorKind::Discovery | OAuthErrorKind::Endpoint),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn discover_reports_a_server_without_metadata_and_an_unusable_issuer() {
    let (server, poggio) = serve(&[]).await;
    let error = poggio.discover(&server.uri()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "discovery failed: the metadata at {}{SERVER_PATH}: the server responded 404 Not \
             Found; check the URL, or set the endpoints with AuthorizationServer::new",
            server.uri()
        )
    );
    for issuer in ["http://api.poggio.io", "api.poggio.io", "https://a.example/?x=1"] {
        let error = poggio.discover(issuer).await.unwrap_err();
        assert_eq!(error.kind(), OAuthErrorKind::Endpoint, "{error}");
    }
}

#[tokio::test]
async fn discover_follows_no_redirect() {
    let (elsewhere, _) = serve(&[(SERVER_PATH, metadata(json!({})))]).await;
    let (server, poggio) = serve(&[]).await;
    let location = format!("{}{SERVER_PATH}", elsewhere.uri());
    let redirect = ResponseTemplate::new(302).insert_header("location", &*location);
    Mock::given(method("GET")).respond_with(redirect).mount(&server).await;
    let error = poggio.discover(&server.uri()).await.unwrap_err();
    assert!(error.to_string().contains("responded 302 Found"), "{error}");
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

/// Makes the resource `/mcp` challenge with this header, in which `BASE` becomes the server's URL.
async fn mount_challenge(server: &MockServer, header: &str) {
    let challenge = header.replace("BASE", &server.uri());
    let response = ResponseTemplate::new(401).insert_header("www-authenticate", &*challenge);
    Mock::given(method("GET")).and(path("/mcp")).respond_with(response).mount(server).await;
}

#[tokio::test]
async fn discover_for_finds_the_server_by_challenge_or_well_known_path() {
    let resource = json!({"resource": "BASE/mcp", "authorization_servers": ["BASE"]});
    for (challenge, at) in [
        (Some(r#"Bearer error="invalid_token", resource_metadata="BASE/elsewhere""#), "/elsewhere"),
        (Some(r#"Basic realm="x", Bearer resource_metadata="BASE/elsewhere""#), "/elsewhere"),
        (Some("Bearer"), RESOURCE_PATH),
        (None, RESOURCE_PATH),
    ] {
        let documents = [(at, resource.clone()), (SERVER_PATH, metadata(json!({})))];
        let (server, poggio) = serve(&documents).await;
        if let Some(header) = challenge {
            mount_challenge(&server, header).await;
        }
        let found = poggio.discover_for(&format!("{}/mcp", server.uri())).await.unwrap();
        assert_eq!(found.issuer, Some(server.uri()), "{challenge:?}");
    }
}

#[tokio::test]
async fn discover_for_refuses_metadata_that_is_not_of_the_resource() {
    let good = json!({"resource": "BASE/mcp", "authorization_servers": ["BASE"]});
    for (header, resource, problem) in [
        (
            r#"Bearer resource_metadata="https://evil.example/x""#,
            good.clone(),
            "it does not have the origin of the resource",
        ),
        (r#"Bearer resource_metadata="http://evil.example/x""#, good, "resource_metadata: http to"),
        (
            "Bearer",
            json!({"resource": "BASE/other", "authorization_servers": ["BASE"]}),
            "it describes another resource",
        ),
        ("Bearer", json!({"resource": "BASE/mcp"}), "it names no authorization server"),
        (
            "Bearer",
            json!({"resource": "BASE/mcp", "authorization_servers": null}),
            "it names no authorization server",
        ),
        // The challenge is read although it is not ASCII.
        (
            r#"Bearer realm="Zürich", resource_metadata="/m""#,
            json!({}),
            "resource_metadata: not a URL",
        ),
        (
            "Bearer",
            json!({"resource": "BASE/mcp", "authorization_servers": ["http://evil.example"]}),
            "authorization_servers: http to evil.example",
        ),
    ] {
        let (server, poggio) = serve(&[(RESOURCE_PATH, resource)]).await;
        mount_challenge(&server, header).await;
        let error = poggio.discover_for(&format!("{}/mcp", server.uri())).await.unwrap_err();
        assert_eq!(error.kind(), OAuthErrorKind::Discovery, "{error:?}");
        assert!(error.to_string().contains(problem), "{error}");
    }
}
