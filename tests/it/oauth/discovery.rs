//! `discover`: the endpoints from the metadata of a server. `discover_for` is in `resource` and
//! `challenge`.

mod challenge;
mod resource;

use std::time::Duration;

use poggio::{
    AuthMethod, Client,
    oauth::{OAuthErrorKind, Recovery},
};
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{method, path},
};

use crate::support::{self, ServerBehaviour, Wire};

/// Where the metadata of a server without a path is.
const SERVER_PATH: &str = "/.well-known/oauth-authorization-server";
/// Where OpenID Connect has it.
const OPENID_PATH: &str = "/.well-known/openid-configuration";

/// Starts a server with these documents, in which `BASE` becomes its URL.
async fn serve(documents: &[(&str, Value)]) -> (MockServer, Client) {
    let server = MockServer::start().await;
    for (at, document) in documents {
        let text = document.to_string().replace("BASE", &server.uri());
        mount(&server, at, ResponseTemplate::new(200).set_body_raw(text, "application/json")).await;
    }
    let poggio = Client::builder().base_url(server.uri()).max_retries(0).build().unwrap();
    (server, poggio)
}

async fn mount(server: &MockServer, at: &str, response: ResponseTemplate) {
    Mock::given(method("GET")).and(path(at)).respond_with(response).mount(server).await;
}

/// Returns the path of each request.
async fn requested(server: &MockServer) -> Vec<String> {
    let requests = server.received_requests().await.unwrap();
    requests.iter().map(|request| request.url.path().to_owned()).collect()
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
async fn discover_tries_the_places_in_the_order_of_the_specifications() {
    let places = [
        "/.well-known/oauth-authorization-server/tenant/7",
        "/.well-known/openid-configuration/tenant/7",
        "/tenant/7/.well-known/openid-configuration",
    ];
    for (i, place) in places.iter().enumerate() {
        let document = metadata(json!({"issuer": "BASE/tenant/7"}));
        let (server, poggio) = serve(&[(place, document)]).await;
        let found = poggio.discover(&format!("{}/tenant/7", server.uri())).await.unwrap();
        assert_eq!(found.issuer, Some(format!("{}/tenant/7", server.uri())));
        assert_eq!(requested(&server).await, places[..=i]);
    }
    let (server, poggio) = serve(&[(OPENID_PATH, metadata(json!({})))]).await;
    assert_eq!(poggio.discover(&server.uri()).await.unwrap().issuer, Some(server.uri()));
    assert_eq!(requested(&server).await, [SERVER_PATH, OPENID_PATH]);
}

#[tokio::test]
async fn discover_goes_on_if_a_place_has_no_usable_metadata() {
    let page = |status: u16| ResponseTemplate::new(status).set_body_raw("<html>", "text/html");
    let json = |text: &str| ResponseTemplate::new(200).set_body_raw(text, "application/json");
    let elsewhere = ResponseTemplate::new(302).insert_header("location", "https://login.example/");
    let endless = ResponseTemplate::new(307).insert_header("location", SERVER_PATH);
    for (first, line) in [
        (ResponseTemplate::new(401), "401 Unauthorized"),
        (page(403), "403 Forbidden"),
        (page(404), "404 Not Found"),
        (ResponseTemplate::new(405), "405 Method Not Allowed"),
        (page(500), "500 Internal Server Error"),
        (ResponseTemplate::new(503), "503 Service Unavailable"),
        (elsewhere, "302 Found"),
        (endless, "too many redirects"),
        (page(200), "200 OK, but the body is an HTML page"),
        (json(""), "200 OK, but the body is not a JSON object"),
        (json("[]"), "200 OK, but the body is not a JSON object"),
        (json(&"x".repeat(300_000)), "200 OK, but the body was truncated"),
        (json(r#"{"issuer": 5}"#), "it has no issuer"),
    ] {
        for has_second in [true, false] {
            let (server, poggio) = serve(&[]).await;
            mount(&server, SERVER_PATH, first.clone()).await;
            if has_second {
                let document = metadata(json!({})).to_string().replace("BASE", &server.uri());
                mount(&server, OPENID_PATH, json(&document)).await;
            }
            let result = poggio.discover(&server.uri()).await;
            assert_eq!(result.is_ok(), has_second, "{line}: {result:?}");
            if let Err(error) = result {
                let uri = server.uri();
                let is_unavailable = line.starts_with('5');
                let help = if is_unavailable {
                    "try again later, and check the URL if the server then still fails"
                } else {
                    "check the URL, or set the endpoints with AuthorizationServer::new"
                };
                let expected = format!(
                    "no authorization server was found for {uri}/\n  {uri}{SERVER_PATH}: {line}\n  \
                     {uri}{OPENID_PATH}: 404 Not Found\n{help}"
                );
                let is_retried = matches!(error.recovery(), Recovery::RetryAfter(_));
                assert_eq!(is_retried, is_unavailable, "{error}");
                assert_eq!(error.to_string(), expected);
                assert_eq!(error.kind(), OAuthErrorKind::Discovery);
            }
        }
    }
}

#[tokio::test]
async fn discover_refuses_metadata_of_another_server_or_without_safe_endpoints() {
    for (document, problem) in [
        (
            metadata(json!({"issuer": "https://evil.example"})),
            "it names the issuer \"https://evil.example\", not \"http://127.0.0.1:",
        ),
        (metadata(json!({"issuer": "https://poggio.io"})), "it names the issuer"),
        (metadata(json!({"issuer": "BASE/tenant"})), "it names the issuer"),
        (metadata(json!({"issuer": null})), "it has no issuer"),
        (metadata(json!({"token_endpoint": "http://evil.example/t"})), "token_endpoint: http to"),
        (metadata(json!({"token_endpoint": null})), "it has no token_endpoint"),
        (metadata(json!({"token_endpoint": ""})), "it has no token_endpoint"),
        (metadata(json!({"token_endpoint": "https://a:b@as.example/t"})), "token_endpoint: "),
        (
            metadata(json!({"token_endpoint": "https://as.example/t#x"})),
            "token_endpoint: has a fragment",
        ),
        (
            metadata(json!({"authorization_endpoint": "javascript:alert(1)"})),
            "authorization_endpoint: the scheme javascript",
        ),
        (
            metadata(json!({"authorization_endpoint": "https:\\\\as.example\\@evil.example/#x"})),
            "authorization_endpoint: has a fragment",
        ),
        (
            metadata(json!({"registration_endpoint": "nonsense"})),
            "registration_endpoint: not a URL",
        ),
        (metadata(json!({"code_challenge_methods_supported": ["plain"]})), "does not support PKCE"),
        (metadata(json!({"code_challenge_methods_supported": []})), "does not support PKCE"),
    ] {
        let (server, poggio) = serve(&[(SERVER_PATH, document)]).await;
        let error = poggio.discover(&server.uri()).await.unwrap_err();
        assert!(error.to_string().contains(problem), "{problem}: {error}");
        assert_eq!(error.kind(), OAuthErrorKind::Discovery, "{error:?}");
        assert!(!error.to_string().contains("a:b"), "{error}");
    }
}

#[tokio::test]
async fn discover_keeps_the_parsed_url_of_each_endpoint() {
    for (stated, kept) in [
        ("ht\ntps://as.example/a\tuthorize", "https://as.example/authorize"),
        ("https:\\\\as.example\\@evil.example/", "https://as.example/@evil.example/"),
        ("  https:as.example/authorize  ", "https://as.example/authorize"),
        ("HTTPS://AS.Example:443/a/../authorize?p=b2c", "https://as.example/authorize?p=b2c"),
    ] {
        let members = json!({
            "authorization_endpoint": stated,
            "token_endpoint": stated,
            "registration_endpoint": stated,
        });
        let (server, poggio) = serve(&[(SERVER_PATH, metadata(members))]).await;
        let found = poggio.discover(&server.uri()).await.unwrap();
        assert_eq!(found.authorization_endpoint, kept);
        assert_eq!(found.token_endpoint, kept);
        assert_eq!(found.registration_endpoint.as_deref(), Some(kept));
    }
}

#[tokio::test]
async fn discover_refuses_an_authorization_endpoint_with_a_parameter_of_the_request() {
    for (query, name) in [
        ("state=x", "state"),
        ("p=1&redirect_uri=https://evil.example", "redirect_uri"),
        ("response_type", "response_type"),
        ("scope=admin", "scope"),
        ("client_id=x", "client_id"),
        ("code_challenge=x", "code_challenge"),
        ("code_challenge_method=plain", "code_challenge_method"),
        ("resource=https://evil.example", "resource"),
        ("nonce=x", "nonce"),
        ("request=x", "request"),
        ("request_uri=https://evil.example", "request_uri"),
        ("response_mode=form_post", "response_mode"),
        ("%73tate=x", "state"),
        ("%72edirect%5Furi=x", "redirect_uri"),
        ("STATE=x", "state"),
        ("scope[]=x", "scope"),
        ("redirect.uri=x", "redirect_uri"),
        ("+state=x", "state"),
        ("p=1;state=x", "state"),
    ] {
        let endpoint = format!("https://as.example/authorize?{query}");
        let document = metadata(json!({"authorization_endpoint": endpoint}));
        let (server, poggio) = serve(&[(SERVER_PATH, document)]).await;
        let error = poggio.discover(&server.uri()).await.unwrap_err();
        let expected = format!(
            "authorization_endpoint: its query has {name}, a parameter of the request; remove it \
             from the URL"
        );
        assert!(error.to_string().contains(&expected), "{query}: {error}");
    }
    let endpoint = "https://as.example/authorize?p=b2c_1&tenant=7&statement=x";
    let document = metadata(json!({"authorization_endpoint": endpoint}));
    let (server, poggio) = serve(&[(SERVER_PATH, document)]).await;
    let found = poggio.discover(&server.uri()).await.unwrap();
    assert_eq!(found.authorization_endpoint, endpoint);
}

#[tokio::test]
async fn discover_reads_members_that_are_missing_or_of_another_type() {
    for (members, registration_endpoint, methods, scopes) in [
        (json!({"registration_endpoint": ""}), None, &[][..], &[][..]),
        (json!({"registration_endpoint": " "}), None, &[], &[]),
        (json!({"registration_endpoint": null}), None, &[], &[]),
        (json!({"registration_endpoint": 7}), None, &[], &[]),
        (
            json!({
                "registration_endpoint": "https://as.example/register",
                "token_endpoint_auth_methods_supported": ["client_secret_basic", 5, "own"],
                "scopes_supported": ["read", "", null, "offline_access"],
                "code_challenge_methods_supported": null,
            }),
            Some("https://as.example/register"),
            &["client_secret_basic", "own"],
            &["read", "offline_access"],
        ),
        (
            json!({
                "registration_endpoint": "https://as.example/register",
                "token_endpoint_auth_methods_supported": "none",
                "scopes_supported": "read write",
                "code_challenge_methods_supported": "S256",
                "authorization_response_iss_parameter_supported": "true",
            }),
            Some("https://as.example/register"),
            &["none"],
            &["read", "write"],
        ),
    ] {
        let (server, poggio) = serve(&[(SERVER_PATH, metadata(members))]).await;
        let found = poggio.discover(&server.uri()).await.unwrap();
        assert_eq!(found.registration_endpoint.as_deref(), registration_endpoint);
        let found_methods = found.token_endpoint_auth_methods_supported.iter();
        assert_eq!(found_methods.map(AuthMethod::as_str).collect::<Vec<_>>(), methods);
        assert_eq!(found.scopes_supported, scopes);
    }
}

#[tokio::test]
async fn discover_accepts_a_server_without_an_authorization_endpoint() {
    let members = json!({
        "authorization_endpoint": null,
        "grant_types_supported": ["client_credentials"],
        "code_challenge_methods_supported": [],
    });
    let (server, poggio) = serve(&[(SERVER_PATH, metadata(members))]).await;
    let token = json!({"access_token": "t", "token_type": "bearer"});
    let response = ResponseTemplate::new(200).set_body_json(token);
    let at_token = Mock::given(method("POST")).and(path("/v2/oauth/token"));
    at_token.respond_with(response).expect(1).mount(&server).await;

    let found = poggio.discover(&server.uri()).await.unwrap();
    assert_eq!(found.authorization_endpoint, "");
    let client = support::oauth::registered(json!({"grant_types": ["client_credentials"]}));
    let oauth = client.oauth2_client(&found, None).unwrap();
    oauth.exchange_client_credentials().request_async(&poggio).await.unwrap();

    let error = client.oauth2_client(&found, Some(support::oauth::REDIRECT_URI)).unwrap_err();
    assert_eq!(error.kind(), OAuthErrorKind::Client);
    assert!(error.to_string().contains("authorization_endpoint: the server has none"), "{error}");
}

#[tokio::test]
async fn discover_reports_an_unusable_issuer() {
    let (server, poggio) = serve(&[]).await;
    for issuer in [
        "http://api.poggio.io",
        "api.poggio.io",
        "https://a.example/?x=1",
        "https://a:b@a.example",
        "https://a.example/#x",
        "",
    ] {
        let error = poggio.discover(issuer).await.unwrap_err();
        assert_eq!(error.kind(), OAuthErrorKind::Endpoint, "{error}");
    }
    assert!(requested(&server).await.is_empty());
}

#[tokio::test]
async fn discover_follows_redirects_within_the_origin_only() {
    let (elsewhere, _) = serve(&[(SERVER_PATH, metadata(json!({})))]).await;
    let (server, poggio) = serve(&[("/moved", metadata(json!({})))]).await;
    let redirect = |to: &str| ResponseTemplate::new(301).insert_header("location", to);
    mount(&server, SERVER_PATH, redirect(&format!("{}{SERVER_PATH}", elsewhere.uri()))).await;
    let error = poggio.discover(&server.uri()).await.unwrap_err();
    assert!(error.to_string().contains(": 301 Moved Permanently\n"), "{error}");
    mount(&server, OPENID_PATH, redirect("/moved")).await;
    assert_eq!(poggio.discover(&server.uri()).await.unwrap().issuer, Some(server.uri()));
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn discover_ends_at_the_timeout_and_goes_on_after_a_broken_connection() {
    let stalls = Wire::serve(vec![ServerBehaviour::Stalls(Vec::new())]).await;
    let builder = stalls.client_builder().timeout(Duration::from_millis(200));
    let error = builder.build().unwrap().discover(&stalls.base_url).await.unwrap_err();
    assert_eq!(error.kind(), OAuthErrorKind::Transport, "{error}");
    let text = error.to_string();
    let lines: Vec<_> = text.lines().collect();
    let [first, one, other, help] = lines[..] else { panic!("{error}") };
    assert_eq!(first, format!("no authorization server was found for {}/", stalls.base_url));
    for (line, path) in [(one, SERVER_PATH), (other, OPENID_PATH)] {
        let start = format!("  {}{path}: no response ", stalls.base_url);
        assert!(line.starts_with(&start), "{error}");
    }
    assert_eq!(help, "check the network, the proxy and the URL, then try again");

    // The first connection breaks, the second has the metadata of another server.
    let behaviours = vec![
        ServerBehaviour::ResetsAfter(20),
        ServerBehaviour::Responds(support::sized(
            "200 OK",
            "",
            r#"{"issuer": "https://a.example"}"#,
        )),
    ];
    let breaks = Wire::serve(behaviours).await;
    let error = breaks.client().discover(&breaks.base_url).await.unwrap_err();
    assert_eq!(error.kind(), OAuthErrorKind::Discovery, "{error}");
    assert!(error.to_string().contains("it names the issuer \"https://a.example\""), "{error}");
}

#[tokio::test]
async fn discover_ends_at_the_first_metadata_url_of_a_host_that_refuses_connections() {
    let nobody = Wire::nobody();
    let poggio = nobody.client_builder().max_retries(0).build().unwrap();
    let error = poggio.discover_for(&format!("{}/mcp", nobody.base_url)).await.unwrap_err();
    assert_eq!(error.kind(), OAuthErrorKind::Transport, "{error}");
    let text = error.to_string();
    let lines: Vec<_> = text.lines().collect();
    let base_url = &nobody.base_url;
    assert_eq!(lines[0], format!("no authorization server was found for {base_url}/mcp"));
    assert!(lines[1].starts_with(&format!("  {base_url}/mcp: could not connect")), "{text}");
    let metadata_url = format!("  {base_url}/.well-known/oauth-protected-resource/mcp: could not");
    assert!(lines[2].starts_with(&metadata_url), "{text}");
    assert_eq!(lines[3..], ["check the network, the proxy and the URL, then try again"]);
    assert!(std::error::Error::source(&error).is_some());
}

#[tokio::test]
async fn discover_for_goes_on_if_the_resource_closes_the_connection() {
    let document = json!({"resource": "https://a.example"}).to_string();
    let behaviours = vec![
        ServerBehaviour::ResetsAfter(20),
        ServerBehaviour::Responds(support::sized("200 OK", "", &document)),
    ];
    let server = Wire::serve(behaviours).await;
    let error =
        server.client().discover_for(&format!("{}/mcp", server.base_url)).await.unwrap_err();
    assert_eq!(error.kind(), OAuthErrorKind::Discovery);
    assert!(error.to_string().contains("it describes the resource"), "{error}");
}
