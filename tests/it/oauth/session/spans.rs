//! The spans of a session, and that they contain no secret.

use poggio::{
    oauth::{LoginOptions, Session},
    testing::Reply,
};

use super::{Fixture, client_credentials};
use crate::client::spans::recorded_by;

/// Every secret, code and token of the loopback server ends with this.
const SECRET: &str = "of-no-value-elsewhere";

/// Returns the names of the spans in the order in which they began.
fn spans(text: &str) -> Vec<&str> {
    let began = text.lines().filter_map(|line| line.split_once(": new").map(|(line, _)| line));
    let innermost = began.filter_map(|line| line.rsplit("poggio.").next());
    innermost.map(|span| span.split('{').next().unwrap()).collect()
}

#[tokio::test]
async fn login_refresh_and_grant_record_spans_without_secrets() {
    let it = Fixture::new().await;
    it.server.rotate_refresh_tokens(true);
    it.server.script_token([Reply::issued().with_member("expires_in", 0)]);
    let session = it.session();
    let machine = Session::builder(&it.poggio, it.store.clone()).server(it.endpoints.clone());
    let machine = machine.metadata(client_credentials()).account("machine").build().unwrap();
    let text = recorded_by(&it.server, async || {
        it.log_in(&session, LoginOptions::new()).await.unwrap();
        session.access_token().await.unwrap();
        machine.access_token().await.unwrap();
    })
    .await;
    let names = spans(&text);
    let count = |name: &str| names.iter().filter(|span| **span == name).count();
    assert_eq!((count("login"), count("access_token")), (1, 2), "{text}");
    assert_eq!(it.token_requests().len(), 3);
    assert!(!text.contains(SECRET), "{text}");
}
