//! The loopback server as an authorization server: what it lets through, and what it refuses how.

mod authorize;
mod mcp;
mod token;

use std::sync::LazyLock;

use poggio::{
    AuthMethod, ClientInformation, ClientMetadata, GrantType,
    reqwest::{self, Response, Url, header::HeaderMap},
    testing::{Received, Reply, Server},
};
use serde_json::Value;

const CALLBACK: &str = "http://127.0.0.1:8910/callback";
/// Both are of RFC 7636 appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

type Pairs<'a> = Vec<(&'a str, &'a str)>;

fn metadata() -> ClientMetadata {
    ClientMetadata::new()
        .with_redirect_uri(CALLBACK)
        .with_grant_types([GrantType::AuthorizationCode, GrantType::RefreshToken])
        .with_client_name("Acme Sync")
}

fn public() -> ClientMetadata {
    metadata().with_token_endpoint_auth_method(AuthMethod::None)
}

async fn registered(server: &Server, metadata: &ClientMetadata) -> ClientInformation {
    let poggio = server.client_builder().local_validation(false).build().unwrap();
    poggio.register(metadata).await.unwrap()
}

/// A client for all tests; it keeps no connections, which would be of a test that is over.
fn http() -> &'static reqwest::Client {
    static HTTP: LazyLock<reqwest::Client> = LazyLock::new(|| {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        http.pool_max_idle_per_host(0).build().unwrap()
    });
    &HTTP
}

/// The pairs with some set (or given a second time, with `+` before the name) or left out (with
/// `-` before it).
fn changed<'a>(base: &Pairs<'a>, changes: &[(&'a str, &'a str)]) -> Pairs<'a> {
    let mut pairs = base.clone();
    for (name, value) in changes {
        if let Some(again) = name.strip_prefix('+') {
            pairs.push((again, value));
            continue;
        }
        let removed = name.strip_prefix('-').unwrap_or(name);
        pairs.retain(|(own, _)| *own != removed);
        if removed == *name {
            pairs.push((name, value));
        }
    }
    pairs
}

fn encoded(pairs: &[(&str, &str)]) -> String {
    Url::parse_with_params("http://localhost", pairs).unwrap().query().unwrap_or("").to_owned()
}

fn asking(client_id: &str) -> Pairs<'_> {
    vec![
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", CALLBACK),
        ("state", "a b&c"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]
}

fn authorization_url(server: &Server, pairs: &[(&str, &str)]) -> String {
    format!("{}?{}", server.authorization_endpoint(), encoded(pairs))
}

/// What a URL's query says under a name.
fn told(url: &str, name: &str) -> Option<String> {
    let url = Url::parse(url).unwrap();
    url.query_pairs().find(|(own, _)| own == name).map(|(_, value)| value.into_owned())
}

async fn allowed_code(server: &Server, pairs: &[(&str, &str)]) -> String {
    told(&server.allow(&authorization_url(server, pairs)).await, "code").unwrap()
}

fn exchanging<'a>(client_id: &'a str, code: &'a str) -> Pairs<'a> {
    vec![
        ("grant_type", "authorization_code"),
        ("client_id", client_id),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ]
}

async fn post(url: &str, pairs: &[(&str, &str)], basic: Option<(&str, &str)>) -> Response {
    let request = http()
        .post(url)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(encoded(pairs));
    let request = match basic {
        Some((id, secret)) => request.basic_auth(id, Some(secret)),
        None => request,
    };
    request.send().await.unwrap()
}

/// The status, headers and JSON of the token endpoint's answer.
async fn token(
    server: &Server,
    pairs: &[(&str, &str)],
    basic: Option<(&str, &str)>,
) -> (u16, HeaderMap, Value) {
    let answer = post(&server.token_endpoint(), pairs, basic).await;
    (answer.status().as_u16(), answer.headers().clone(), answer.json().await.unwrap())
}

/// Checks an error of RFC 6749's shape: its status and code, and its headers by these.
fn assert_refused((status, headers, body): (u16, HeaderMap, Value), error: &str, case: &str) {
    assert_eq!(body["error"], error, "{case}: {body}");
    assert_eq!(status, if error == "invalid_client" { 401 } else { 400 }, "{case}");
    assert!(!body["error_description"].as_str().unwrap().is_empty(), "{case}");
    assert_eq!(body.as_object().unwrap().len(), 2, "{case}");
    assert_eq!(headers["cache-control"], "no-store", "{case}");
}

#[tokio::test]
async fn the_whole_way_from_registration_to_refresh() {
    for (method, granted) in [
        (AuthMethod::None, Reply::registered()),
        (AuthMethod::ClientSecretPost, Reply::registered()),
        (AuthMethod::ClientSecretBasic, Reply::registered()),
        // What counts is what was granted.
        (AuthMethod::None, Reply::granting_less().with_member("client_secret", "own+s%cret &=:")),
        (
            AuthMethod::None,
            Reply::json(
                201,
                serde_json::json!({
                    "client_id": "loopback-client-1",
                    "client_secret": "other",
                    "redirect_uris": [CALLBACK],
                }),
            ),
        ),
    ] {
        let server = Server::start().await;
        server.script([granted]);
        let asked = metadata().with_token_endpoint_auth_method(method);
        let client = registered(&server, &asked).await;
        let id = client.client_id.as_str();
        let secret = client.client_secret.as_ref().unwrap().expose();
        let code = allowed_code(&server, &asking(id)).await;
        assert_eq!(code, "loopback-code-1-of-no-value-elsewhere");

        let mut own: Pairs = Vec::new();
        let mut basic = None;
        let encoded_secret = encoded(&[("", secret)])[1..].to_owned();
        match client.metadata.token_endpoint_auth_method {
            AuthMethod::None => {}
            AuthMethod::ClientSecretPost => own.push(("client_secret", secret)),
            _ => basic = Some((id, encoded_secret.as_str())),
        }
        let (status, headers, body) =
            token(&server, &[exchanging(id, &code), own.clone()].concat(), basic).await;
        let refreshes = client.metadata.grant_types.contains(&GrantType::RefreshToken);
        let refresh_token = refreshes.then_some("loopback-refresh-token-1-of-no-value-elsewhere");
        assert_eq!(
            body,
            serde_json::json!({
                "access_token": "loopback-access-token-1-of-no-value-elsewhere",
                "token_type": "bearer",
                "expires_in": 3600,
                "refresh_token": refresh_token,
                "scope": null,
            })
        );
        assert_eq!((status, headers["cache-control"].to_str().unwrap()), (200, "no-store"));

        let mut again =
            vec![("grant_type", "refresh_token"), ("client_id", id), ("refresh_token", "")];
        again.extend(own);
        again[2].1 = refresh_token.unwrap_or("none was given");
        let answer = token(&server, &again, basic).await;
        if refreshes {
            let access_token = "loopback-access-token-2-of-no-value-elsewhere";
            assert_eq!((answer.0, answer.2["access_token"].as_str()), (200, Some(access_token)));
        } else {
            assert_refused(answer, "unauthorized_client", "no refresh");
        }
        assert_eq!(server.requests().len(), 1);
        let statuses: Vec<_> = server.token_requests().iter().map(Received::status).collect();
        assert_eq!(statuses, [Some(200), Some(if refreshes { 200 } else { 400 })]);
    }
}

#[tokio::test]
async fn codes_and_tokens_are_random_if_asked() {
    let server = Server::start().await;
    server.randomize();
    let client = registered(&server, &public()).await;
    let mut seen = std::collections::HashSet::new();
    for _ in 0..2 {
        let code = allowed_code(&server, &asking(&client.client_id)).await;
        let (.., body) = token(&server, &exchanging(&client.client_id, &code), None).await;
        for secret in [&code, body["access_token"].as_str().unwrap()] {
            assert_eq!(secret.len(), 43);
            assert!(seen.insert(secret.to_owned()));
        }
        assert!(seen.insert(body["refresh_token"].as_str().unwrap().to_owned()));
    }
}

#[tokio::test]
async fn scripts_and_records_are_kept_apart() {
    let server = Server::start().await;
    server.script([Reply::status(500)]);
    server.script_token([
        Reply::disconnect(),
        Reply::rate_limited(std::time::Duration::ZERO),
        Reply::issued().with_member("token_type", "mac").without_member("scope"),
    ]);
    // None of these takes a reply of a script.
    for path in
        ["/favicon.ico", "/mcp", "/app/oauth/authorize", "/.well-known/oauth-authorization-server"]
    {
        http().get(format!("{}{path}", server.base_url())).send().await.unwrap();
    }
    let poggio = server.client_builder().max_retries(0).build().unwrap();
    poggio.register(&public()).await.unwrap_err();
    let client = poggio.register(&public()).await.unwrap();
    let id = client.client_id.as_str();
    let code = allowed_code(&server, &asking(id)).await;

    let form = exchanging(id, &code);
    let url = server.token_endpoint();
    let dropped = http().post(&url).body(encoded(&form)).send().await;
    assert!(dropped.is_err());
    assert_eq!(post(&url, &form, None).await.status(), 429);
    let (status, _, body) = token(&server, &form, None).await;
    assert_eq!((status, body["token_type"].as_str()), (200, Some("mac")));
    assert_eq!(body.get("scope"), None);

    let statuses: Vec<_> = server.requests().iter().map(Received::status).collect();
    assert_eq!(statuses, [Some(500), Some(200)]);
    let requests = server.token_requests();
    let statuses: Vec<_> = requests.iter().map(Received::status).collect();
    assert_eq!(statuses, [None, Some(429), Some(200)]);
    assert_eq!(requests[2].field("code_verifier"), Some(VERIFIER));
    assert_eq!(requests[2].field("nothing"), None);
    assert_eq!(requests[2].form().collect::<Vec<_>>(), form);
    assert_eq!(server.requests()[1].form().count(), 0);
}

#[tokio::test]
async fn what_is_printed_of_token_requests_holds_no_credential() {
    let server = Server::start().await;
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "shown-id"),
        ("client_secret", "hidden-1"),
        ("refresh_token", "hidden-2"),
        ("code", "hidden-3"),
        ("code_verifier", "hidden-4"),
        ("hidden-5", "hidden-6"),
    ];
    post(&server.token_endpoint(), &form, Some(("id", "hidden-7"))).await;
    let json = http().post(server.token_endpoint()).json(&serde_json::json!({"code": "hidden-8"}));
    json.send().await.unwrap();
    let shown = format!("{:?}\n{server:?}", server.token_requests());
    assert!(!shown.contains("hidden"), "{shown}");
    assert!(!shown.contains("Basic"), "{shown}");
    assert!(
        shown.contains(
            r#"form: [("grant_type", "refresh_token"), ("client_id", "shown-id"), ("client_secret", "[redacted]")"#
        ),
        "{shown}"
    );
}

#[tokio::test]
async fn a_revoked_client_is_unknown_everywhere() {
    let server = Server::start().await;
    let client = registered(&server, &public()).await;
    let id = client.client_id.as_str();
    let url = authorization_url(&server, &asking(id));
    let page = http().get(&url).send().await.unwrap().text().await.unwrap();
    let here = server.mcp_url();
    let asking = changed(&asking(id), &[("resource", &here)]);
    let code = allowed_code(&server, &asking).await;
    let spare = allowed_code(&server, &asking).await;
    let (.., body) = token(&server, &exchanging(id, &code), None).await;
    assert_eq!(mcp::status(&server, body["access_token"].as_str().unwrap()).await, 200);

    server.revoke_client("another");
    assert_eq!(mcp::status(&server, body["access_token"].as_str().unwrap()).await, 200);
    server.revoke_client(id);
    assert_eq!(mcp::status(&server, body["access_token"].as_str().unwrap()).await, 401);
    assert_refused(token(&server, &exchanging(id, &spare), None).await, "invalid_client", "code");
    assert_eq!(http().get(&url).send().await.unwrap().status(), 400);
    assert_eq!(authorize::press(&server, &page, "allow").await.status(), 400);
}
