//! Sending a user to log in, reading what comes back, and finding the endpoints.

use oauth2::PkceCodeChallenge;
use poggio::{
    Client, ClientInformation, ErrorCode,
    oauth::{Authorization, AuthorizationServer, OAuth2Client, OAuthErrorKind},
    reqwest::Url,
};
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{method, path},
};

const REDIRECT: &str = "http://127.0.0.1:8910/callback";

fn oauth(server: &AuthorizationServer) -> OAuth2Client {
    let json = json!({"client_id": "id", "client_secret": "s", "redirect_uris": [REDIRECT]});
    let client = ClientInformation::from_json(&json.to_string()).unwrap();
    client.oauth2_client(server, Some(REDIRECT)).unwrap()
}

fn begin(server: &AuthorizationServer) -> Authorization {
    Authorization::new(&oauth(server), server, ["read", "write"])
}

fn param(url: &Url, name: &str) -> String {
    let values: Vec<_> = url.query_pairs().filter(|(known, _)| known == name).collect();
    assert_eq!(values.len(), 1, "{name}");
    values[0].1.clone().into_owned()
}

#[test]
fn the_url_has_pkce_a_state_and_what_was_asked() {
    let server = AuthorizationServer::poggio();
    let authorization = begin(&server);
    let authorization = authorization.with_param("resource", "https://mcp.poggio.io/mcp");
    let url = authorization.url();
    assert!(url.as_str().starts_with("https://poggio.io/app/oauth/authorize?"));
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "id"),
        ("redirect_uri", REDIRECT),
        ("scope", "read write"),
        ("code_challenge_method", "S256"),
        ("resource", "https://mcp.poggio.io/mcp"),
    ] {
        assert_eq!(param(url, name), value);
    }
    assert_eq!(param(url, "code_challenge").len(), 43);
    let state = param(url, "state");
    assert!(state.len() >= 16);
    // Neither is the same twice, and neither is shown.
    let other = begin(&server);
    assert_ne!(param(other.url(), "state"), state);
    assert_ne!(param(other.url(), "code_challenge"), param(url, "code_challenge"));
    let shown = format!("{authorization:?}");
    assert!(!shown.contains(&state) && !shown.contains("code_challenge"), "{shown}");
    assert!(shown.contains("https://poggio.io/app/oauth/authorize"), "{shown}");

    // What is there already is there once.
    let fixed = begin(&server);
    let before = fixed.url().clone();
    let fixed = fixed.with_param("state", "mine").with_param("redirect_uri", "https://a.example");
    assert_eq!(*fixed.url(), before);

    let no_scope = Authorization::new(&oauth(&server), &server, [""; 0]);
    assert!(no_scope.url().query_pairs().all(|(name, _)| name != "scope"));
}

#[tokio::test]
async fn the_answer_becomes_a_token_request_with_the_verifier_of_this_authorization() {
    let tokens = MockServer::start().await;
    let token = json!({"access_token": "t", "token_type": "bearer"});
    let answer = ResponseTemplate::new(200).set_body_json(token);
    Mock::given(method("POST")).respond_with(answer).mount(&tokens).await;
    let server = AuthorizationServer::new("https://a.example/authorize", tokens.uri());
    let poggio = Client::builder().base_url(tokens.uri()).build().unwrap();
    // A whole URL, what a listener sees of it, and the query alone.
    for before in
        [format!("{REDIRECT}?"), "/callback?".to_owned(), "/a=b&c?".to_owned(), String::new()]
    {
        let authorization = begin(&server);
        let state = param(authorization.url(), "state");
        let challenge = param(authorization.url(), "code_challenge");
        let callback = format!("{before}code=a%2Bb&state={state}&more=1#fragment");
        assert!(authorization.matches_state(&callback));
        authorization.exchange_code(&callback).unwrap().request_async(&poggio).await.unwrap();

        let request = tokens.received_requests().await.unwrap().pop().unwrap();
        let form: Vec<(String, String)> =
            form_urlencoded::parse(&request.body).into_owned().collect();
        let value = |name: &str| form.iter().find(|(n, _)| n == name).unwrap().1.clone();
        assert_eq!(value("code"), "a+b");
        let verifier = oauth2::PkceCodeVerifier::new(value("code_verifier"));
        assert_eq!(PkceCodeChallenge::from_code_verifier_sha256(&verifier).as_str(), challenge);
    }
}

#[test]
fn what_is_not_the_answer_is_not_trusted() {
    let plain = AuthorizationServer::poggio();
    let named = plain.clone().with_issuer("https://poggio.io");
    let mut strict = named.clone();
    strict.authorization_response_iss_parameter_supported = true;
    for (server, callback, problem) in [
        (&plain, "code=c", "it has no state"),
        (&plain, "", "it has no state"),
        (&plain, "code=c&state=other", "its state is not the one that was sent"),
        (&plain, "error=access_denied&state=other", "its state is not the one that was sent"),
        (&plain, "code=c&state=", "its state is not the one that was sent"),
        (&plain, "code=c&state=S&state=S", "it has state more than once"),
        (&plain, "code=c&code=d&state=S", "it has code more than once"),
        (&plain, "state=S", "it has no code"),
        (&plain, "code=&state=S", "it has no code"),
        (&plain, "http://127.0.0.1:8910/callback#?code=c&state=S", "it has no state"),
        (&named, "code=c&state=S&iss=https://evil.example", "its iss is not the server"),
        (&named, "code=c&state=S&iss=https://poggio.io/", "its iss is not the server"),
        (&named, "error=access_denied&state=S&iss=", "its iss is not the server"),
        (&strict, "code=c&state=S", "it has no iss, which this server states"),
    ] {
        let authorization = begin(server);
        let state = param(authorization.url(), "state");
        let callback = callback.replace("state=S", &format!("state={state}"));
        let error = authorization.exchange_code(&callback).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), OAuthErrorKind::Callback, "{callback}: {error}");
        let text = error.to_string();
        assert!(text.contains(problem), "{callback}: {text}");
        assert!(!format!("{text}{error:?}").contains(&state), "{text}");
    }
    // A code may hold a ?, before and after the state, and an empty error is none.
    for callback in ["code=ab?cd&state=S", "state=S&code=ab?cd", "/cb?error=&state=S&code=ab?cd"] {
        let authorization = begin(&plain);
        let state = param(authorization.url(), "state");
        let callback = callback.replace("state=S", &format!("state={state}"));
        assert!(authorization.matches_state(&callback), "{callback}");
        assert!(authorization.exchange_code(&callback).is_ok(), "{callback}");
    }
    // Whoever sent the wrong one, the right one is taken after it.
    let authorization = begin(&plain);
    assert!(authorization.exchange_code("code=c&state=other").is_err());
    let state = param(authorization.url(), "state");
    assert!(authorization.exchange_code(&format!("code=c&state={state}")).is_ok());
    // Where the issuer is known or not, with and without it.
    for (server, callback) in [
        (&plain, "code=c&state=S&iss=https://anyone.example"),
        (&named, "code=c&state=S"),
        (&named, "code=c&state=S&iss=https%3A%2F%2Fpoggio.io"),
        (&strict, "code=c&state=S&iss=https://poggio.io"),
    ] {
        let authorization = begin(server);
        let state = param(authorization.url(), "state");
        let callback = callback.replace("state=S", &format!("state={state}"));
        assert!(authorization.exchange_code(&callback).is_ok(), "{callback}");
    }
}

#[test]
fn what_a_callback_quotes_of_its_state_is_not_shown() {
    let authorization = begin(&AuthorizationServer::poggio());
    let state = param(authorization.url(), "state");
    let callback = format!("error=server_error&error_description=saw+{state}+here&state={state}");
    let error = authorization.exchange_code(&callback).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("saw [redacted] here"), "{error}");
}

#[test]
fn a_denial_is_told_as_one_with_the_servers_text_made_fit_for_people() {
    let authorization = begin(&AuthorizationServer::poggio());
    let state = param(authorization.url(), "state");
    let callback = format!(
        "{REDIRECT}?error=access_denied&error_description=The%20user%0D%0A%1b[31msaid+no&state={state}"
    );
    assert!(authorization.matches_state(&callback));
    assert!(!authorization.matches_state(&callback.replace("state=", "state=x")));
    let error = authorization.exchange_code(&callback).map(|_| ()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the server refused (access_denied): The user [31msaid no; ask again when the user wants to"
    );
    let refused = error.refusal().unwrap();
    assert_eq!(refused.code(), Some(&ErrorCode::ACCESS_DENIED));
}

/// A server that answers these paths with this JSON, `BASE` standing for its own address.
async fn serving(documents: &[(&str, Value)]) -> (MockServer, Client) {
    let server = MockServer::start().await;
    for (at, document) in documents {
        let text = document.to_string().replace("BASE", &server.uri());
        let answer = ResponseTemplate::new(200).set_body_raw(text, "application/json");
        Mock::given(method("GET")).and(path(*at)).respond_with(answer).mount(&server).await;
    }
    let poggio = Client::builder().base_url(server.uri()).max_retries(0).build().unwrap();
    (server, poggio)
}

const AT: &str = "/.well-known/oauth-authorization-server";

fn metadata(more: Value) -> Value {
    let mut metadata = json!({
        "issuer": "BASE",
        "authorization_endpoint": "https://app.example/authorize",
        "token_endpoint": "BASE/v2/oauth/token",
        "registration_endpoint": "BASE/v2/oauth/register",
        "code_challenge_methods_supported": ["S256", "plain"],
        "authorization_response_iss_parameter_supported": true,
        "more": {"of": "it"},
    });
    metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    metadata
}

#[tokio::test]
async fn the_endpoints_of_a_server_are_found_and_can_be_used() {
    let (server, poggio) = serving(&[(AT, metadata(json!({})))]).await;
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

    // Registration at the endpoint that was found, under no base URL of its own.
    let answer = ResponseTemplate::new(201).set_body_json(json!({"client_id": "v2"}));
    let at_v2 = Mock::given(method("POST")).and(path("/v2/oauth/register"));
    at_v2.respond_with(answer).expect(1).mount(&server).await;
    let builder = Client::builder().registration_endpoint(found.registration_endpoint.unwrap());
    let poggio = builder.build().unwrap();
    assert_eq!(poggio.registration_endpoint(), format!("{uri}/v2/oauth/register"));
    let client = poggio.register(&crate::support::metadata()).await.unwrap();
    assert_eq!(client.client_id, "v2");
}

#[tokio::test]
async fn an_issuer_with_a_path_has_its_metadata_between_host_and_path() {
    let at = format!("{AT}/tenant/7");
    let (server, poggio) = serving(&[(&at, metadata(json!({"issuer": "BASE/tenant/7"})))]).await;
    let found = poggio.discover(&format!("{}/tenant/7", server.uri())).await.unwrap();
    assert_eq!(found.issuer, Some(format!("{}/tenant/7", server.uri())));
}

#[tokio::test]
async fn metadata_that_does_not_hold_is_refused() {
    for (document, problem) in [
        (metadata(json!({"issuer": "https://evil.example"})), "names the issuer \"https://evil"),
        (metadata(json!({"issuer": "https://poggio.io"})), "names the issuer"),
        (metadata(json!({"token_endpoint": "http://evil.example/t"})), "token_endpoint: http to"),
        (
            metadata(json!({"authorization_endpoint": "javascript:alert(1)"})),
            "the scheme javascript",
        ),
        (
            metadata(json!({"registration_endpoint": "nonsense"})),
            "registration_endpoint: not a URL",
        ),
        (metadata(json!({"code_challenge_methods_supported": ["plain"]})), "does not take S256"),
        (metadata(json!({"token_endpoint": null})), "not JSON with the members"),
        (json!([]), "not JSON with the members"),
        (json!("x".repeat(300_000)), "did not arrive whole"),
    ] {
        let (server, poggio) = serving(&[(AT, document)]).await;
        let error = poggio.discover(&server.uri()).await.unwrap_err();
        assert!(error.to_string().contains(problem), "{error}");
        assert!(
            matches!(error.kind(), OAuthErrorKind::Discovery | OAuthErrorKind::Endpoint),
            "{error:?}"
        );
    }
    let (server, poggio) = serving(&[]).await;
    let error = poggio.discover(&server.uri()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the endpoints were not found: the metadata at {}{AT}: the server answered 404 Not \
             Found; check the URL, or set the endpoints yourself",
            server.uri()
        )
    );
    for issuer in ["http://api.poggio.io", "api.poggio.io", "https://a.example/?x=1"] {
        let error = poggio.discover(issuer).await.unwrap_err();
        assert_eq!(error.kind(), OAuthErrorKind::Endpoint, "{error}");
    }
}

#[tokio::test]
async fn metadata_is_not_looked_for_where_a_redirect_leads() {
    let (elsewhere, _) = serving(&[(AT, metadata(json!({})))]).await;
    let (server, poggio) = serving(&[]).await;
    let to = format!("{}{AT}", elsewhere.uri());
    let redirect = ResponseTemplate::new(302).insert_header("location", &*to);
    Mock::given(method("GET")).respond_with(redirect).mount(&server).await;
    let error = poggio.discover(&server.uri()).await.unwrap_err();
    assert!(error.to_string().contains("answered 302 Found"), "{error}");
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

const RESOURCE_AT: &str = "/.well-known/oauth-protected-resource/mcp";

async fn challenge(server: &MockServer, value: &str) {
    let challenge = value.replace("BASE", &server.uri());
    let answer = ResponseTemplate::new(401).insert_header("www-authenticate", &*challenge);
    Mock::given(method("GET")).and(path("/mcp")).respond_with(answer).mount(server).await;
}

#[tokio::test]
async fn the_server_of_a_resource_is_found_by_its_challenge_or_where_metadata_lies() {
    let resource = json!({"resource": "BASE/mcp", "authorization_servers": ["BASE"]});
    for (challenged, at) in [
        (Some(r#"Bearer error="invalid_token", resource_metadata="BASE/elsewhere""#), "/elsewhere"),
        (Some(r#"Basic realm="x", Bearer resource_metadata="BASE/elsewhere""#), "/elsewhere"),
        (Some("Bearer"), RESOURCE_AT),
        (None, RESOURCE_AT),
    ] {
        let documents = [(at, resource.clone()), (AT, metadata(json!({})))];
        let (server, poggio) = serving(&documents).await;
        if let Some(value) = challenged {
            challenge(&server, value).await;
        }
        let found = poggio.discover_for(&format!("{}/mcp", server.uri())).await.unwrap();
        assert_eq!(found.issuer, Some(server.uri()), "{challenged:?}");
    }
}

#[tokio::test]
async fn the_metadata_of_a_resource_has_to_be_its_own() {
    let good = json!({"resource": "BASE/mcp", "authorization_servers": ["BASE"]});
    for (header, resource, problem) in [
        (
            r#"Bearer resource_metadata="https://evil.example/x""#,
            good.clone(),
            "it is not at the host of the resource",
        ),
        (r#"Bearer resource_metadata="http://evil.example/x""#, good, "resource_metadata: http to"),
        (
            "Bearer",
            json!({"resource": "BASE/other", "authorization_servers": ["BASE"]}),
            "it is of another resource than was asked",
        ),
        ("Bearer", json!({"resource": "BASE/mcp"}), "it names no authorization server"),
        (
            "Bearer",
            json!({"resource": "BASE/mcp", "authorization_servers": null}),
            "it names no authorization server",
        ),
        // A byte that is not ASCII costs nothing else.
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
        let (server, poggio) = serving(&[(RESOURCE_AT, resource)]).await;
        challenge(&server, header).await;
        let error = poggio.discover_for(&format!("{}/mcp", server.uri())).await.unwrap_err();
        assert_eq!(error.kind(), OAuthErrorKind::Discovery, "{error:?}");
        assert!(error.to_string().contains(problem), "{error}");
    }
}
