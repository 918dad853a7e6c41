//! rmcp with the tokens of a session, at an MCP server of the Python SDK.

use std::time::Duration;

use poggio::{
    oauth::LoginOptions,
    reqwest::{self, header},
    serde_json::json,
};
use poggio_interop_mcp::{call, connect};
use rmcp::{
    model::{CallToolRequestParams, CallToolResult, ContentBlock},
    service::{Peer, RoleClient},
};

use crate::{
    login::{Fixture, client},
    service::{Service, python},
};

/// How long the first token is valid: long enough for a few calls.
const LIFETIME: u64 = 8;

/// Returns the text of the result of the tool `add`, which says how often a user has logged in.
async fn add(client: &Peer<RoleClient>, a: u32, b: u32) -> String {
    text(&client.call_tool(params(a, b)).await.unwrap())
}

fn params(a: u32, b: u32) -> CallToolRequestParams {
    let arguments = json!({"a": a, "b": b}).as_object().unwrap().clone();
    CallToolRequestParams::new("add").with_arguments(arguments)
}

fn text(result: &CallToolResult) -> String {
    match &result.content[..] {
        [ContentBlock::Text(text)] => text.text.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rmcp_uses_a_session_without_another_login() {
    let Some(mut command) = python("mcp", "mcp_server.py") else { return };
    let service = Service::start(&mut command, "");
    let url = format!("{}/mcp", service.url);
    let poggio = client(&service.url).build().unwrap();
    let it = Fixture::new(&service.url, &url, poggio.discover_for(&url).await.unwrap());
    it.change(&format!("lifetime?seconds={LIFETIME}")).await;
    let session = it.session();
    let first = it.log_in(&session).await.unwrap();
    it.change("lifetime?seconds=3600").await;

    let client = connect(&session, &url).await.unwrap();
    let tools = client.list_all_tools().await.unwrap();
    assert_eq!(tools.iter().map(|tool| &tool.name[..]).collect::<Vec<_>>(), ["add"]);
    assert_eq!(add(&client, 1, 2).await, "3, 1 logins");

    // The same connection, with another token.
    until_expired(&url, first.expose()).await;
    assert_eq!(add(&client, 3, 4).await, "7, 1 logins");
    let second = session.access_token().await.unwrap();
    assert_ne!(second.expose(), first.expose());
    drop((client, session));

    // As after a restart of the program.
    let session = it.session();
    let client = connect(&session, &url).await.unwrap();
    assert_eq!(add(&client, 5, 6).await, "11, 1 logins");
    assert_eq!(session.access_token().await.unwrap().expose(), second.expose());

    // The server refuses a token that has not expired.
    it.change("expire").await;
    let error = client.call_tool(params(7, 8)).await.unwrap_err();
    assert!(error.auth_challenge().is_some(), "{error}");
    let no_login = || -> LoginOptions { panic!("no login is required") };
    let result = call(&client, &session, params(7, 8), no_login).await.unwrap();
    assert_eq!(text(&result), "15, 1 logins");
    assert_ne!(session.access_token().await.unwrap().expose(), second.expose());
}

/// Waits until the server no longer accepts a token.
async fn until_expired(url: &str, token: &str) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = || {
        let accept = "application/json, text/event-stream";
        let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
        http.post(url).bearer_auth(token).header(header::ACCEPT, accept).json(&ping)
    };
    while request().send().await.unwrap().status() != 401 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
