//! The table of errors and outcomes: each row is what a caller sees.

use std::time::Duration;

use poggio::{
    Client, ClientMetadata, Error,
    testing::{Reply, Server},
};
use serde_json::json;

use crate::support::{
    metadata,
    store::{Fixture, MemoryStore},
};

const TABLE: &str = include_str!("../../../src/error/outcomes.md");

/// Returns the cells of each row: error, what happened, outcome, retried.
fn rows() -> Vec<Vec<&'static str>> {
    let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim).collect();
    TABLE.lines().skip(2).map(cells).collect()
}

async fn error_of(reply: Reply) -> Error {
    let server = Server::start().await;
    server.script(std::iter::repeat_n(reply, 3));
    server.client().register(&metadata()).await.unwrap_err()
}

/// Returns an error for each row of the table.
async fn errors() -> Vec<(usize, Error)> {
    let invalid = ClientMetadata::new();
    let poggio = Client::builder().base_url("http://127.0.0.1:9").build().unwrap();
    let retry_now = |status| Reply::status(status).with_header("retry-after", "0");
    let mut errors = vec![
        (0, Client::builder().base_url("http://api.poggio.io").build().unwrap_err()),
        (1, poggio.register(&invalid).await.unwrap_err()),
        (1, error_of(Reply::refused("scope", None, "value_error", "not allowed")).await),
        (2, error_of(Reply::html(404, "<h1>Not found</h1>")).await),
        (2, error_of(Reply::status(303).with_header("location", "/")).await),
        (2, error_of(Reply::rate_limited(Duration::ZERO)).await),
        (3, error_of(Reply::json(200, json!({"error": "invalid_client_metadata"}))).await),
        (4, error_of(retry_now(503)).await),
        (5, error_of(Reply::status(500)).await),
        (6, poggio.register(&metadata()).await.unwrap_err()),
        (7, error_of(Reply::disconnect()).await),
        (8, error_of(Reply::json(201, json!({}))).await),
        (8, error_of(Reply::text(200, r#"{"client_id": "7", "client_secret": "s3"#)).await),
        (9, error_of(Reply::json(202, json!({"status": "pending"}))).await),
        (9, error_of(Reply::html(200, "<title>Sign in</title>")).await),
    ];
    let fixture = Fixture::new().await;
    fixture.server.script([Reply::disconnect()]);
    fixture.register_once(&metadata()).await.unwrap_err();
    errors.push((11, fixture.register_once(&metadata()).await.unwrap_err()));
    fixture.write("not a store");
    errors.push((10, fixture.register_once(&metadata()).await.unwrap_err()));
    let store = MemoryStore::failing_from(4);
    errors.push((12, fixture.poggio.register_once(&metadata(), &store).await.unwrap_err()));
    errors
}

#[tokio::test]
async fn error_table_states_what_a_caller_sees() {
    let (rows, errors) = (rows(), errors().await);
    assert_eq!(rows.len(), 13);
    for (index, row) in rows.iter().enumerate() {
        assert!(errors.iter().any(|(of, _)| *of == index), "no error for {row:?}");
    }
    for (index, error) in &errors {
        let [kind, _, outcome, retried] = rows[*index][..] else { panic!("{:?}", rows[*index]) };
        let (shown, status) = (format!("{error:?}"), error.status().map(|status| status.as_u16()));
        let name = format!("`{}`", shown.split(':').next().unwrap());
        assert!(
            kind.starts_with(&name) || kind.starts_with(&format!("[{name}]")),
            "{kind}: {shown}"
        );
        let (usual, of_303) = outcome.split_once("; 303: ").unwrap_or((outcome, ""));
        let stated = if status == Some(303) { of_303 } else { usual };
        assert_eq!(stated, format!("`{:?}`", error.outcome()), "{shown}");
        let is_retried = retried.starts_with("yes") || status == Some(429);
        assert_eq!(error.attempts() > 1, is_retried, "{retried}: {shown}");
    }
}
