//! Responses that are errors, calls without a response, and what is noted about a success.

use std::time::Duration;

use poggio::{
    ClientInformation, ClientMetadata, Error, reqwest,
    testing::{Reply, Server},
};
use serde_json::{Value, json};

use super::Table;
use crate::support::{ServerBehaviour, Wire, http, metadata, register_with};

pub(super) async fn add(table: &mut Table) {
    table.section("Responses");
    for (situation, reply) in replies() {
        let error = register_with(reply).await.unwrap_err();
        let kind = if matches!(error, Error::Api(_)) { "Error::Api" } else { "Error::Unreadable" };
        table.error(kind, situation, &error);
    }
    truncated(table).await;
    let error = ClientInformation::from_json("{}").unwrap_err();
    super::check_voice(&error.to_string());
    table.add("Error::Unreadable", "saved text without a client_id", &[&error.to_string()]);

    table.section("No response");
    without_response(table).await;

    table.section("Warnings and changes");
    warnings(table).await;
    changes(table);
}

fn replies() -> Vec<(&'static str, Reply)> {
    let code = json!({"error": "invalid_client_metadata", "error_description": "No such scope"});
    vec![
        ("redirect", Reply::status(308).with_header("location", "/elsewhere")),
        ("code and description", Reply::json(400, code)),
        ("no token", Reply::status(401)),
        ("forbidden", Reply::json(403, json!({"detail": "Not allowed"}))),
        ("not found", Reply::json(404, json!({"detail": "Not Found"}))),
        ("other JSON", Reply::json(409, json!({"status": 7, "trace": "t"}))),
        ("rate limit", Reply::status(429).with_header("retry-after", "120")),
        ("page", Reply::html(502, "<title>Bad Gateway</title>").with_header("request-id", "r-7")),
        ("maintenance", Reply::status(503).with_header("retry-after", "90")),
        ("empty", Reply::status(201)),
        ("not JSON", Reply::text(201, "<html>")),
        ("array", Reply::json(201, json!([7]))),
        ("only a secret", Reply::json(201, json!({"client_secret": "s3cr3t"}))),
        ("cut off", Reply::cut_off()),
    ]
}

/// Adds the responses whose body is truncated.
async fn truncated(table: &mut Table) {
    let server = Server::start().await;
    let poggio = server.client_builder().max_response_bytes(8).build().unwrap();
    let error = poggio.register(&metadata()).await.unwrap_err();
    // The loopback server responds 200; the size is checked first.
    table.error("Error::Unreadable", "larger than max_response_bytes", &error);
    let head = "201 Created\r\ncontent-length: 999";
    let stalls = Wire::serve(vec![ServerBehaviour::Stalls(http(head, "{"))]).await;
    let poggio = stalls.client_builder().timeout(Duration::from_millis(300)).build().unwrap();
    let error = poggio.register(&metadata()).await.unwrap_err();
    table.error("Error::Unreadable", "timeout within the body", &error);
    let error = Wire::responding(http(head, "{")).await.client().register(&metadata()).await;
    table.error("Error::Unreadable", "connection broken within the body", &error.unwrap_err());
}

async fn without_response(table: &mut Table) {
    let nobody = Wire::nobody();
    let poggio = nobody.client_builder().max_retries(1).build().unwrap();
    let error = poggio.register(&metadata()).await.unwrap_err();
    table.error("Error::Transport", "connection refused twice", &error);
    let poggio = nobody.client_builder().max_retries(0).build().unwrap();
    let error = poggio.register(&metadata()).await.unwrap_err();
    table.error("FailureKind::Connect", "connection refused", &error);

    let stalls = Wire::serve(vec![ServerBehaviour::Stalls(Vec::new())]).await;
    let poggio = stalls.client_builder().timeout(Duration::from_millis(300)).build().unwrap();
    let error = poggio.register(&metadata()).await.unwrap_err();
    table.error("FailureKind::Timeout", "timeout of the call", &error);
    let client = reqwest::Client::builder().timeout(Duration::from_millis(300)).build().unwrap();
    let poggio = stalls.client_builder().http_client(client).build().unwrap();
    let error = poggio.register(&metadata()).await.unwrap_err();
    table.error("FailureKind::Timeout", "timeout of the caller's HTTP client", &error);

    let closes = Wire::responding("").await;
    let error = closes.client().register(&metadata()).await.unwrap_err();
    table.error("FailureKind::Broken", "connection closed without a response", &error);

    let server = Server::start().await;
    server.script([Reply::status(302).with_header("location", "/elsewhere"), Reply::status(404)]);
    let client = reqwest::Client::builder().build().unwrap();
    let poggio = server.client_builder().http_client(client).build().unwrap();
    let error = poggio.register(&metadata()).await.unwrap_err();
    table.error("FailureKind::Redirected", "redirect followed by the HTTP client", &error);
}

async fn warnings(table: &mut Table) {
    let nested = (0..100).fold(json!(7), |value, _| json!([value]));
    let members: [(&str, Value); 5] = [
        ("client_id_issued_at", json!(i64::MAX)),
        ("client_secret_expires_at", json!("soon")),
        ("client_name", json!(7)),
        ("contacts", json!(["a@a.example", true])),
        ("x_nested", nested),
    ];
    let reply = members
        .into_iter()
        .fold(Reply::registered(), |reply, (name, value)| reply.with_member(name, value));
    let reply = reply.with_member("grant_types", "code");
    let client = register_with(reply).await.unwrap();
    for warning in client.warnings() {
        super::check_voice(warning.message());
        table.add("FieldWarning", "member", &[&warning.to_string()]);
    }
    let head = "201 Created\r\ncontent-length: 999";
    let closes = Wire::responding(http(head, r#"{"client_id": "7"}"#)).await;
    let client = closes.client().register(&metadata()).await.unwrap();
    let warning = client.warnings()[0].to_string();
    super::check_voice(&warning);
    table.add("FieldWarning", "closed connection", &[&warning]);
}

fn changes(table: &mut Table) {
    let requested = ClientMetadata::new()
        .with_redirect_uri("https://a.example/cb")
        .with_client_name("Acme")
        .with_scope("read");
    let granted = json!({
        "client_id": "7",
        "redirect_uris": ["https://a.example/cb"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "client_secret_basic",
        "scope": "read",
    });
    let client = ClientInformation::from_json(&granted.to_string()).unwrap();
    for change in client.changes_from(&requested) {
        let kind = format!("ChangeKind::{:?}", change.kind());
        table.add(&kind, change.field().as_str(), &[&change.to_string()]);
    }
}
