//! Requests that the tests of the loopback server send: metadata, parameters, tokens.

use std::sync::LazyLock;

use poggio::{
    AuthMethod, ClientInformation, ClientMetadata, GrantType,
    reqwest::{self, Response, Url},
    testing::Server,
};
use serde_json::Value;

pub(super) const CALLBACK: &str = "http://127.0.0.1:8910/callback";
/// The verifier and the challenge of RFC 7636 appendix B.
pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(super) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub(super) type Pairs<'a> = Vec<(&'a str, &'a str)>;

pub(super) fn confidential() -> ClientMetadata {
    ClientMetadata::new()
        .with_redirect_uri(CALLBACK)
        .with_grant_types([GrantType::AuthorizationCode, GrantType::RefreshToken])
        .with_client_name("Acme Sync")
}

pub(super) fn public() -> ClientMetadata {
    confidential().with_token_endpoint_auth_method(AuthMethod::None)
}

/// Registers without local checks.
pub(super) async fn register(server: &Server, metadata: &ClientMetadata) -> ClientInformation {
    let poggio = server.client_builder().local_validation(false).build().unwrap();
    poggio.register(metadata).await.unwrap()
}

pub(super) fn secret(client: &ClientInformation) -> &str {
    client.client_secret.as_ref().unwrap().expose()
}

/// A client for all tests. It keeps no connections, because each test has its own runtime.
pub(super) fn http() -> &'static reqwest::Client {
    static HTTP: LazyLock<reqwest::Client> = LazyLock::new(|| {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        http.pool_max_idle_per_host(0).build().unwrap()
    });
    &HTTP
}

/// Returns the pairs with the changes: an empty value removes a pair.
pub(super) fn with<'a>(pairs: &Pairs<'a>, changes: &[(&'a str, &'a str)]) -> Pairs<'a> {
    let mut pairs = pairs.clone();
    for (name, value) in changes {
        pairs.retain(|(own, _)| own != name);
        pairs.extend((!value.is_empty()).then_some((*name, *value)));
    }
    pairs
}

pub(super) fn encoded(pairs: &[(&str, &str)]) -> String {
    Url::parse_with_params("http://localhost", pairs).unwrap().query().unwrap_or("").to_owned()
}

pub(super) fn authorization(client_id: &str) -> Pairs<'_> {
    vec![
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", CALLBACK),
        ("state", "a b&c"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]
}

pub(super) fn authorization_url(server: &Server, pairs: &[(&str, &str)]) -> String {
    format!("{}?{}", server.authorization_endpoint(), encoded(pairs))
}

/// Returns a parameter of a URL.
pub(super) fn param(url: &str, name: &str) -> Option<String> {
    let url = Url::parse(url).unwrap();
    url.query_pairs().find(|(own, _)| own == name).map(|(_, value)| value.into_owned())
}

/// Returns the code that a user allows.
pub(super) async fn code(server: &Server, pairs: &[(&str, &str)]) -> String {
    param(&server.allow(&authorization_url(server, pairs)).await, "code").unwrap()
}

pub(super) fn exchange<'a>(client_id: &'a str, code: &'a str) -> Pairs<'a> {
    vec![
        ("grant_type", "authorization_code"),
        ("client_id", client_id),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ]
}

pub(super) fn refresh<'a>(client_id: &'a str, token: &'a str) -> Pairs<'a> {
    vec![("grant_type", "refresh_token"), ("client_id", client_id), ("refresh_token", token)]
}

pub(super) async fn post(server: &Server, form: &[(&str, &str)]) -> Response {
    let request = http().post(server.token_endpoint()).body(encoded(form));
    let form = "application/x-www-form-urlencoded";
    request.header("content-type", form).send().await.unwrap()
}

/// Sends a token request; returns the status and the JSON.
pub(super) async fn token(server: &Server, form: &[(&str, &str)]) -> (u16, Value) {
    let response = post(server, form).await;
    assert_eq!(response.headers()["cache-control"], "no-store");
    (response.status().as_u16(), response.json().await.unwrap())
}

/// Sends a token request that is refused with this error code.
pub(super) async fn assert_refused(server: &Server, form: &[(&str, &str)], error: &str) {
    let (status, body) = token(server, form).await;
    assert_eq!(body["error"], error, "{form:?}: {body}");
    assert_eq!(status, if error == "invalid_client" { 401 } else { 400 }, "{form:?}");
    assert!(body["error_description"].is_string(), "{form:?}");
}

/// Returns the status of a request with this access token to the MCP endpoint.
pub(super) async fn mcp_status(server: &Server, token: &Value) -> u16 {
    let request = http().post(server.mcp_url()).bearer_auth(token.as_str().unwrap());
    request.send().await.unwrap().status().as_u16()
}
