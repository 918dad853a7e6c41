//! Scripted replies: the responses, and the results of a registration.

use std::time::Duration;

use poggio::{
    ClientInformation, ClientSecret, Error, FieldWarning, Outcome,
    testing::{Reply, Server},
};
use serde_json::{Value, json};

use super::requests::{confidential, http};

#[tokio::test]
async fn reply_sets_status_headers_and_body() {
    let server = Server::start().await;
    server.script([
        Reply::json(201, json!({"a": 1})).with_header("x-own", "1").with_header("x-own", "2"),
        Reply::html(200, "page"),
        Reply::bytes(200, [0xff]).with_header("Content-Type", "x/y"),
        Reply::registered().with_member("client_id", 5).without_member("scope"),
    ]);
    let url = format!("{}/v1/oauth/register", server.base_url());
    let post = async || http().post(&url).json(&json!({})).send().await.unwrap();

    let response = post().await;
    assert_eq!(response.status().as_u16(), 201);
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.headers().get_all("x-own").iter().count(), 2);
    assert_eq!(response.text().await.unwrap(), r#"{"a":1}"#);
    let response = post().await;
    assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
    let response = post().await;
    assert_eq!(response.headers().get_all("content-type").iter().collect::<Vec<_>>(), ["x/y"]);
    assert_eq!(response.bytes().await.unwrap().as_ref(), [0xff]);
    let response: Value = post().await.json().await.unwrap();
    assert_eq!(response["client_id"], 5);
    assert_eq!(response.get("scope"), None);
    assert_eq!(response["client_name"], Value::Null);
}

#[test]
#[should_panic(expected = "the status of a reply must be from 200 to 599, not 199")]
fn reply_panics_on_an_impossible_status() {
    let _ = Reply::status(199);
}

async fn register_with(reply: Reply) -> Result<ClientInformation, Error> {
    let server = Server::start().await;
    server.script([reply]);
    server.client().register(&confidential()).await
}

#[tokio::test]
async fn reply_scenarios_have_the_documented_outcome() {
    for (reply, outcome, recovered) in [
        (Reply::rate_limited(Duration::from_secs(120)), Outcome::NotRegistered, None),
        (Reply::refused("scope", None, "value_error", "No"), Outcome::NotRegistered, None),
        (Reply::disconnect(), Outcome::Unknown, None),
        (Reply::cut_off(), Outcome::Registered, Some(("loopback-cut", "cut-secret"))),
        (Reply::wrapped(), Outcome::Registered, Some(("loopback-wrapped", "wrapped-secret"))),
    ] {
        let error = register_with(reply).await.unwrap_err();
        assert_eq!(error.outcome(), outcome, "{error}");
        let credentials = match &error {
            Error::Unreadable(error) => {
                error.client_id().zip(error.client_secret().map(ClientSecret::expose))
            }
            _ => None,
        };
        assert_eq!(credentials, recovered);
    }
}

#[tokio::test]
async fn reply_lenient_shapes_registers_with_a_warning() {
    let client = register_with(Reply::lenient_shapes()).await.unwrap();
    assert_eq!(client.client_id_issued_at.unwrap().timestamp(), 1_767_225_600);
    assert_eq!(client.metadata.scope.as_deref(), Some("read write"));
    let warnings: Vec<_> = client.warnings().iter().map(FieldWarning::path).collect();
    assert_eq!(warnings, ["client_name"]);
}

#[tokio::test]
async fn reply_reduced_grants_changes_two_members() {
    let client = register_with(Reply::reduced_grants()).await.unwrap();
    let changes = client.changes_from(&confidential());
    let fields: Vec<_> = changes.iter().map(|change| change.field().as_str()).collect();
    assert_eq!(fields, ["token_endpoint_auth_method", "grant_types"]);
}
