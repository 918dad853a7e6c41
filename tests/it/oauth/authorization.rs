//! `Authorization`: the URL that the user is sent to, and the callback that comes back.

use oauth2::PkceCodeChallenge;
use poggio::{
    Client, ErrorCode,
    oauth::{Authorization, AuthorizationServer, OAuthError, OAuthErrorKind},
};
use wiremock::MockServer;

use super::tokens::mount_token;
use crate::support::oauth::{REDIRECT_URI, oauth2_client, param};

fn begin(server: &AuthorizationServer) -> Authorization {
    Authorization::new(&oauth2_client(server), server, ["read", "write"])
}

/// Reads a callback of a new authorization, whose state replaces `S`; returns both.
fn read_callback(server: &AuthorizationServer, callback: &str) -> (String, Option<OAuthError>) {
    let authorization = begin(server);
    let state = param(authorization.url(), "state");
    let callback = callback.replace("state=S", &format!("state={state}"));
    (state, authorization.exchange_code(&callback).err())
}

#[test]
fn authorization_url_has_pkce_state_and_parameters() {
    let server = AuthorizationServer::poggio();
    let authorization = begin(&server).with_param("resource", "https://mcp.poggio.io/mcp");
    let url = authorization.url();
    assert!(url.as_str().starts_with("https://poggio.io/app/oauth/authorize?"));
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "id 1"),
        ("redirect_uri", REDIRECT_URI),
        ("scope", "read write"),
        ("code_challenge_method", "S256"),
        ("resource", "https://mcp.poggio.io/mcp"),
    ] {
        assert_eq!(param(url, name), value);
    }
    let (state, challenge) = (param(url, "state"), param(url, "code_challenge"));
    assert!(state.len() >= 16);
    assert_eq!(challenge.len(), 43);
    let other = begin(&server);
    assert_ne!(param(other.url(), "state"), state);
    assert_ne!(param(other.url(), "code_challenge"), challenge);
    let shown = format!("{authorization:?}");
    assert!(!shown.contains(&state) && !shown.contains("code_challenge"), "{shown}");
    assert!(shown.contains("https://poggio.io/app/oauth/authorize"), "{shown}");

    let no_scope = Authorization::new(&oauth2_client(&server), &server, [""; 0]);
    assert!(no_scope.url().query_pairs().all(|(name, _)| name != "scope"));
}

#[test]
fn authorization_with_param_keeps_the_parameters_of_the_protocol() {
    let authorization = begin(&AuthorizationServer::poggio());
    let url = authorization.url().clone();
    let changed =
        authorization.with_param("state", "mine").with_param("redirect_uri", "https://a.example");
    assert_eq!(*changed.url(), url);
}

#[tokio::test]
async fn authorization_exchanges_the_code_with_its_verifier() {
    let tokens = MockServer::start().await;
    mount_token(&tokens).await;
    let server = AuthorizationServer::new("https://a.example/authorize", tokens.uri());
    let poggio = Client::builder().base_url(tokens.uri()).build().unwrap();
    // A URL, the part that a listener receives, and only the query.
    for before in
        [format!("{REDIRECT_URI}?"), "/callback?".to_owned(), "/a=b&c?".to_owned(), String::new()]
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
fn authorization_refuses_other_callbacks() {
    let plain = AuthorizationServer::poggio();
    let named = plain.clone().with_issuer("https://poggio.io");
    let mut strict = named.clone();
    strict.authorization_response_iss_parameter_supported = true;
    for (server, callback, problem) in [
        (&plain, "code=c", "it has no state"),
        (&plain, "", "it has no state"),
        (&plain, "code=c&state=other", "its state differs from the one that was sent"),
        (&plain, "error=access_denied&state=other", "its state differs from the one that was sent"),
        (&plain, "code=c&state=", "its state differs from the one that was sent"),
        (&plain, "code=c&state=S&state=S", "it has state more than once"),
        (&plain, "code=c&code=d&state=S", "it has code more than once"),
        (&plain, "state=S", "it has no code"),
        (&plain, "code=&state=S", "it has no code"),
        (&plain, "http://127.0.0.1:8910/callback#?code=c&state=S", "it has no state"),
        (
            &named,
            "code=c&state=S&iss=https://evil.example",
            "its iss is not the issuer of this server",
        ),
        (
            &named,
            "code=c&state=S&iss=https://poggio.io/",
            "its iss is not the issuer of this server",
        ),
        (&named, "error=access_denied&state=S&iss=", "its iss is not the issuer of this server"),
        (&strict, "code=c&state=S", "it has no iss, which this server always sends"),
    ] {
        let (state, error) = read_callback(server, callback);
        let error = error.unwrap();
        assert_eq!(error.kind(), OAuthErrorKind::Callback, "{callback}: {error}");
        let text = error.to_string();
        assert!(text.contains(problem), "{callback}: {text}");
        assert!(!format!("{text}{error:?}").contains(&state), "{text}");
    }
    for (server, callback) in [
        // A code may contain a question mark, and an empty error is none.
        (&plain, "code=ab?cd&state=S"),
        (&plain, "state=S&code=ab?cd"),
        (&plain, "/cb?error=&state=S&code=ab?cd"),
        (&plain, "code=c&state=S&iss=https://anyone.example"),
        (&named, "code=c&state=S"),
        (&named, "code=c&state=S&iss=https%3A%2F%2Fpoggio.io"),
        (&strict, "code=c&state=S&iss=https://poggio.io"),
    ] {
        let (_, error) = read_callback(server, callback);
        assert!(error.is_none(), "{callback}: {error:?}");
    }
}

#[test]
fn authorization_accepts_its_callback_after_another() {
    let authorization = begin(&AuthorizationServer::poggio());
    let callback = format!("code=c&state={}", param(authorization.url(), "state"));
    let other = callback.replace("state=", "state=x");
    assert!(!authorization.matches_state(&other));
    assert!(authorization.exchange_code(&other).is_err());
    assert!(authorization.matches_state(&callback));
    assert!(authorization.exchange_code(&callback).is_ok());
}

#[test]
fn authorization_reports_a_refusal_in_the_servers_words() {
    let (state, error) = read_callback(
        &AuthorizationServer::poggio(),
        "http://127.0.0.1:8910/callback?error=access_denied&\
         error_description=The%20user%0D%0A%1b[31msaid+no&state=S",
    );
    let error = error.unwrap();
    assert_eq!(
        error.to_string(),
        "poggio.io denied access (access_denied): The user [31msaid no; log in again if the \
         user wants to grant access"
    );
    assert_eq!(error.refusal().unwrap().code(), Some(&ErrorCode::ACCESS_DENIED));
    assert!(!format!("{error:?}").contains(&state));
}

#[test]
fn authorization_redacts_its_state_in_a_refusal() {
    let authorization = begin(&AuthorizationServer::poggio());
    let state = param(authorization.url(), "state");
    let callback = format!("error=server_error&error_description=saw+{state}+here&state={state}");
    let error = authorization.exchange_code(&callback).err().unwrap();
    assert!(error.to_string().contains("saw [redacted] here"), "{error}");
}
