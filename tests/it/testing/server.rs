//! The loopback server behaves as a real FastAPI server did, and is stable.

use poggio::{
    ClientMetadata, Error, Outcome, reqwest,
    testing::{Reply, Server},
};
use serde_json::{Value, json};

use crate::support::{Expected, metadata};

/// Without what differs from run to run, or from parser to parser.
fn comparable(mut answer: Value) -> Value {
    for name in ["client_id", "client_secret", "client_id_issued_at"] {
        if let Some(value) = answer.get_mut(name) {
            *value = json!(if value.is_string() { "text" } else { "number" });
        }
    }
    if answer["detail"][0]["type"] == "json_invalid" {
        assert!(answer["detail"][0]["loc"][1].is_u64());
        assert!(answer["detail"][0]["ctx"]["error"].is_string());
        answer["detail"][0]["loc"][1] = json!("position");
        answer["detail"][0]["ctx"]["error"] = json!("words");
    }
    answer
}

#[tokio::test]
async fn it_answers_as_a_real_fastapi_server_did() {
    let recorded: Vec<Value> =
        serde_json::from_str(include_str!("../../fixtures/fastapi.json")).unwrap();
    assert!(recorded.len() > 40);
    let server = Server::start().await;
    let http =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    for case in recorded {
        let method = case["method"].as_str().unwrap().parse().unwrap();
        let url = format!("{}{}", server.base_url(), case["path"].as_str().unwrap());
        let mut request = http.request(method, url);
        if let Some(content_type) = case["content_type"].as_str() {
            request = request.header("content-type", content_type);
        }
        if let Some(body) = case["body"].as_str() {
            // Recorded as Latin-1, a character a byte.
            request =
                request.body(body.chars().map(|c| u8::try_from(c).unwrap()).collect::<Vec<_>>());
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), case["status"], "{case}");
        let allow = answer.headers().get("allow").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(allow.as_deref(), case["allow"].as_str(), "{case}");
        let body = answer.bytes().await.unwrap();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        assert_eq!(comparable(body), comparable(case["answer"].clone()), "{case}");
    }
}

#[tokio::test]
async fn its_answers_are_the_same_on_every_run() {
    for _ in 0..2 {
        let server = Server::start().await;
        for count in 1..=2 {
            let client = server.client().register(&metadata()).await.unwrap();
            assert_eq!(client.client_id, format!("loopback-client-{count}"));
            let secret = client.client_secret.unwrap();
            assert_eq!(secret.expose(), format!("loopback-secret-{count}-of-no-value-elsewhere"));
            assert_eq!(client.client_id_issued_at.unwrap().timestamp(), 1_767_225_600);
        }
    }
}

#[tokio::test]
async fn it_gives_out_random_credentials_if_asked() {
    let server = Server::start().await;
    server.randomize();
    let first = server.client().register(&metadata()).await.unwrap();
    let second = server.client().register(&metadata()).await.unwrap();
    assert_ne!(first.client_id, second.client_id);
    assert_ne!(first.client_secret.unwrap().expose(), second.client_secret.unwrap().expose());
    assert!(first.client_id_issued_at.unwrap().timestamp() > 1_767_225_600);
}

#[tokio::test]
async fn it_keeps_what_it_was_sent_and_how_it_answered() {
    let server = Server::start().await;
    server.script([
        Reply::status(500),
        Reply::disconnect(),
        Reply::json(201, json!({"client_id": "x"})),
    ]);
    let poggio = server.client_builder().auth_token("t0ken").build().unwrap();
    let unchecked = server.client_builder().local_validation(false).build().unwrap();
    let _ = poggio.register(&metadata()).await;
    let _ = poggio.register(&metadata()).await;
    let _ = poggio.register(&metadata()).await;
    let _ = unchecked.register(&ClientMetadata::new().with_grant_types(["nope"])).await;
    let _ = unchecked.register(&ClientMetadata::new()).await;

    let statuses: Vec<_> =
        server.requests().iter().map(poggio::testing::Received::status).collect();
    assert_eq!(statuses, [Some(500), None, Some(201), Some(422), Some(200)]);
    let registered: Vec<_> = server.registrations().iter().map(|r| r.metadata().unwrap()).collect();
    assert_eq!(registered, [metadata(), ClientMetadata::new()]);

    let request = &server.requests()[0];
    assert_eq!(request.header("AUTHORIZATION"), Some("Bearer t0ken"));
    assert!(request.headers().any(|(name, _)| name == "authorization"));
    assert_eq!(request.body(), serde_json::to_vec(&metadata()).unwrap());
    assert!(!format!("{request:?}").contains("t0ken"));
}

#[tokio::test]
async fn the_named_scenarios_come_to_what_they_say() {
    use std::time::Duration;
    const MINUTES: Duration = Duration::from_secs(120);
    let asked = metadata().with_grant_types(["authorization_code", "refresh_token"]);
    for (reply, kind, outcome, salvaged) in [
        (Reply::rate_limited(MINUTES), "Api", Outcome::NotRegistered, None),
        (Reply::unavailable(MINUTES), "Api", Outcome::NotRegistered, None),
        (Reply::server_error(), "Api", Outcome::Unknown, None),
        (Reply::invalid_token(), "Api", Outcome::NotRegistered, None),
        (
            Reply::refused("scope", None, "value_error", "No"),
            "Validation",
            Outcome::NotRegistered,
            None,
        ),
        (Reply::disconnect(), "Transport", Outcome::Unknown, None),
        (Reply::cut_off(), "Unreadable", Outcome::Registered, Some(("loopback-cut", "cut-secret"))),
        (
            Reply::enveloped(),
            "Unreadable",
            Outcome::Registered,
            Some(("loopback-enveloped", "enveloped-secret")),
        ),
    ] {
        let server = Server::start().await;
        server.script([reply]);
        let result = server.client().register(&asked).await;
        assert_eq!(Expected::of(&result), Expected::Failed(kind, outcome), "{result:?}");
        if let Err(Error::Unreadable(error)) = &result {
            let secret = error.client_secret().map(poggio::ClientSecret::expose);
            assert_eq!(error.client_id().zip(secret), salvaged);
        }
    }
    let server = Server::start().await;
    server.script([Reply::odd(), Reply::granting_less()]);
    let odd = server.client().register(&asked).await.unwrap();
    assert_eq!(odd.client_id_issued_at.unwrap().timestamp(), 1_767_225_600);
    assert_eq!(odd.metadata.scope.as_deref(), Some("read write"));
    let warned: Vec<_> = odd.warnings().iter().map(poggio::FieldWarning::path).collect();
    assert_eq!(warned, ["client_name"]);
    let less = server.client().register(&asked).await.unwrap();
    let changed: Vec<_> =
        less.changes_from(&asked).iter().map(|change| change.field().as_str()).collect();
    assert_eq!(changed, ["token_endpoint_auth_method", "grant_types"]);
}

#[tokio::test]
async fn a_reply_is_what_it_says() {
    let server = Server::start().await;
    server.script([
        Reply::json(201, json!({"a": 1})).with_header("x-own", "1").with_header("x-own", "2"),
        Reply::html(200, "page"),
        Reply::bytes(200, [0xff]).with_header("Content-Type", "x/y"),
        Reply::registered().with_member("client_id", 5).without_member("scope"),
    ]);
    let http = reqwest::Client::new();
    let url = format!("{}/v1/oauth/register", server.base_url());
    let post = || http.post(&url).json(&json!({}));

    let answer = post().send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 201);
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.headers().get_all("x-own").iter().count(), 2);
    assert_eq!(answer.text().await.unwrap(), r#"{"a":1}"#);
    let answer = post().send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
    let answer = post().send().await.unwrap();
    assert_eq!(answer.headers().get_all("content-type").iter().collect::<Vec<_>>(), ["x/y"]);
    assert_eq!(answer.bytes().await.unwrap().as_ref(), [0xff]);
    let answer: Value = post().send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["client_id"], 5);
    assert_eq!(answer.get("scope"), None);
    assert_eq!(answer["client_name"], Value::Null);
}

#[test]
#[should_panic(expected = "a reply's status is from 200 to 599, not 199")]
fn a_reply_that_no_server_gives_is_refused_where_it_is_asked_for() {
    let _ = Reply::status(199);
}

#[tokio::test]
async fn it_starts_on_a_listener_of_choice() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::start_on(listener).await;
    assert_eq!(server.base_url(), format!("http://{address}"));
    server.client().register(&metadata()).await.unwrap();
    assert_eq!(server.registrations().len(), 1);
}
