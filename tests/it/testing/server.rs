//! The loopback server: addresses, records, scripts, IDs, and the hosts that it accepts.

use std::{collections::HashSet, net::TcpListener};

use poggio::{
    ClientMetadata,
    testing::{Received, Reply, Server},
};
use serde_json::json;

use super::requests::*;

fn statuses(received: &[Received]) -> Vec<Option<u16>> {
    received.iter().map(Received::status).collect()
}

#[tokio::test]
async fn server_accepts_loopback_hosts_and_origins_only() {
    let server = Server::start().await;
    server.script([Reply::disconnect()]);
    let document = format!("{}/.well-known/oauth-authorization-server", server.base_url());
    let registration = format!("{}/v1/oauth/register", server.base_url());
    for (header, value) in [
        ("host", "api.poggio.io"),
        ("host", "evil.example:8910"),
        ("host", "localhost.evil.example"),
        ("host", "127.0.0.1.evil.example"),
        ("host", "127.0.0.1@evil.example"),
        ("host", "0.0.0.0"),
        ("host", "[::2]:1"),
        ("host", ""),
        ("origin", "https://evil.example"),
        ("origin", "http://localhost.evil.example:8910"),
        ("origin", "null"),
        ("origin", ""),
    ] {
        for request in [http().get(&document), http().post(&registration).json(&json!({}))] {
            let response = request.header(header, value).send().await.unwrap();
            assert_eq!(response.status(), 403, "{header}: {value}");
            let text = response.text().await.unwrap();
            assert_eq!(text, "This server accepts requests for loopback hosts only.");
        }
    }
    // No request was recorded, and none took a reply of the script.
    assert!(server.requests().is_empty());
    for (header, value) in [
        ("host", "localhost"),
        ("host", "LOCALHOST:1"),
        ("host", "127.1.2.3:65535"),
        ("host", "[::1]"),
        ("host", "[::1]:8910"),
        ("origin", "http://localhost:3000"),
        ("origin", "http://127.0.0.1"),
        ("origin", "https://[::1]:8443"),
    ] {
        let response = http().get(&document).header(header, value).send().await.unwrap();
        assert_eq!(response.status(), 200, "{header}: {value}");
    }
    assert!(http().post(&registration).json(&json!({})).send().await.is_err());
}

#[tokio::test]
async fn server_ids_are_the_same_on_every_run() {
    for _ in 0..2 {
        let server = Server::start().await;
        for count in 1..=2 {
            let client = server.client().register(&confidential()).await.unwrap();
            assert_eq!(client.client_id, format!("loopback-client-{count}"));
            assert_eq!(secret(&client), format!("loopback-secret-{count}-of-no-value-elsewhere"));
            assert_eq!(client.client_id_issued_at.unwrap().timestamp(), 1_767_225_600);
        }
    }
}

#[tokio::test]
async fn server_use_random_ids_makes_ids_codes_and_tokens_random() {
    let server = Server::start().await;
    server.use_random_ids();
    let mut seen = HashSet::new();
    for _ in 0..2 {
        let client = register(&server, &public()).await;
        assert!(client.client_id_issued_at.unwrap().timestamp() > 1_767_225_600);
        let code = code(&server, &authorization(&client.client_id)).await;
        let (_, body) = token(&server, &exchange(&client.client_id, &code)).await;
        let tokens = [&body["access_token"], &body["refresh_token"]];
        let tokens = tokens.map(|token| token.as_str().unwrap());
        for id in [&client.client_id, secret(&client), &code, tokens[0], tokens[1]] {
            assert!(seen.insert(id.to_owned()), "{id}");
        }
    }
}

#[tokio::test]
async fn server_records_registration_requests() {
    let server = Server::start().await;
    server.script([
        Reply::status(500),
        Reply::disconnect(),
        Reply::json(201, json!({"client_id": "x"})),
    ]);
    let poggio = server.client_builder().auth_token("t0ken").build().unwrap();
    for _ in 0..3 {
        let _ = poggio.register(&confidential()).await;
    }
    let unchecked = server.client_builder().local_validation(false).build().unwrap();
    let _ = unchecked.register(&ClientMetadata::new().with_grant_types(["nope"])).await;
    let _ = unchecked.register(&ClientMetadata::new()).await;
    http().get(format!("{}/elsewhere", server.base_url())).send().await.unwrap();

    let requests = server.requests();
    let expected = [Some(500), None, Some(201), Some(422), Some(200), Some(404)];
    assert_eq!(statuses(&requests), expected);
    let registered: Vec<_> = server.registrations().iter().map(|r| r.metadata().unwrap()).collect();
    assert_eq!(registered, [confidential(), ClientMetadata::new()]);
    assert_eq!(requests[0].path(), "/v1/oauth/register");
    assert_eq!(requests[0].header("AUTHORIZATION"), Some("Bearer t0ken"));
    assert_eq!(requests[0].body(), serde_json::to_vec(&confidential()).unwrap());
    assert_eq!(requests[5].path(), "/elsewhere");
    assert!(!format!("{requests:?}\n{server:?}").contains("t0ken"));
}

#[tokio::test]
async fn server_scripts_registrations_and_token_requests_separately() {
    let server = Server::start().await;
    server.script([Reply::status(500)]);
    server.script_token([
        Reply::disconnect(),
        Reply::status(429),
        Reply::issued().with_member("token_type", "mac").without_member("scope"),
    ]);
    // These take no reply of a script.
    for path in
        ["/favicon.ico", "/mcp", "/app/oauth/authorize", "/.well-known/oauth-authorization-server"]
    {
        http().get(format!("{}{path}", server.base_url())).send().await.unwrap();
    }
    let poggio = server.client_builder().max_retries(0).build().unwrap();
    poggio.register(&public()).await.unwrap_err();
    let id = poggio.register(&public()).await.unwrap().client_id;

    let code = code(&server, &authorization(&id)).await;
    let form = exchange(&id, &code);
    let dropped = http().post(server.token_endpoint()).body(encoded(&form)).send().await;
    assert!(dropped.is_err());
    assert_eq!(post(&server, &form).await.status(), 429);
    let (status, body) = token(&server, &form).await;
    assert_eq!((status, body["token_type"].as_str()), (200, Some("mac")));
    assert_eq!(body.get("scope"), None);

    assert_eq!(statuses(&server.requests()), [Some(500), Some(200)]);
    let requests = server.token_requests();
    assert_eq!(statuses(&requests), [None, Some(429), Some(200)]);
    assert_eq!(requests[2].field("code_verifier"), Some(VERIFIER));
    assert_eq!(requests[2].field("nothing"), None);
    let shown = format!("{requests:?}\n{server:?}");
    assert!(!shown.contains(VERIFIER) && !shown.contains(&code), "{shown}");
}

#[tokio::test]
async fn server_start_on_uses_the_listener() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::start_on(listener).await;
    assert_eq!(server.base_url(), format!("http://{address}"));
    server.client().register(&confidential()).await.unwrap();
    assert_eq!(server.registrations().len(), 1);
}

#[tokio::test]
async fn server_add_client_makes_a_client_known() {
    let client = register(&Server::start().await, &public()).await;
    let server = Server::start().await;
    server.add_client(&client);
    let code = code(&server, &authorization(&client.client_id)).await;
    assert_eq!(token(&server, &exchange(&client.client_id, &code)).await.0, 200);
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn server_revoke_client_ends_its_codes_and_tokens() {
    let server = Server::start().await;
    let id = register(&server, &public()).await.client_id;
    let url = authorization_url(&server, &authorization(&id));
    let mcp_url = server.mcp_url();
    let authorization = with(&authorization(&id), &[("resource", &mcp_url)]);
    let (used, unused) = (code(&server, &authorization).await, code(&server, &authorization).await);
    let (_, body) = token(&server, &exchange(&id, &used)).await;

    server.revoke_client("another");
    assert_eq!(mcp_status(&server, &body["access_token"]).await, 200);
    server.revoke_client(&id);
    assert_eq!(mcp_status(&server, &body["access_token"]).await, 401);
    assert_refused(&server, &exchange(&id, &unused), "invalid_client").await;
    assert_eq!(http().get(&url).send().await.unwrap().status(), 400);
}
