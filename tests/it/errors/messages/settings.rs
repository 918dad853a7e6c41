//! Invalid settings, and metadata that the local rules or the server reject.

use std::{sync::Arc, time::Duration};

use poggio::{
    Client, ClientBuilder, ClientMetadata, Error, FileStore, RegistrationStoreExt,
    store::{SharedStore, object_store::memory::InMemory},
    testing::Reply,
};
use serde_json::json;

use super::Table;
use crate::support::{metadata, register_with, store::client_from};

const CONFIG: &str = "Error::Config";

pub(super) async fn add(table: &mut Table) {
    table.section("Settings");
    for (situation, builder) in builders() {
        table.error(CONFIG, situation, &builder.build().unwrap_err());
    }
    let store = FileStore::new("client.json").unwrap();
    let entered = client_from(&json!({"client_id": "7"}));
    let import = store.import("http://a.example/register", &entered);
    table.error(CONFIG, "import for an http endpoint", &import.await.unwrap_err());
    let error = FileStore::new("/").unwrap_err();
    table.error(CONFIG, "file store without a file name", &error);
    let error = FileStore::for_app("a/b").unwrap_err();
    table.error(CONFIG, "file store of an application with a slash", &error);
    let error = SharedStore::new(Arc::new(InMemory::new()), "a//b").unwrap_err();
    table.error(CONFIG, "shared store with an empty path segment", &error);

    table.section("Metadata");
    local_rules(table);
    let error: Error =
        metadata().with_scope("a\"b").with_contacts([""]).validate().unwrap_err().into();
    table.error("Error::Validation", "two errors found locally", &error);
    let reply = Reply::json(
        422,
        json!({"detail": [
            {"type": "literal_error", "loc": ["body", "redirect_uris", 0], "msg": "Not allowed"},
            {"loc": ["header", "x"]},
        ]}),
    );
    let error = register_with(reply).await.unwrap_err();
    table.error("Error::Validation", "two errors found by the server", &error);
}

fn builders() -> Vec<(&'static str, ClientBuilder)> {
    let base_url = |url: &str| Client::builder().base_url(url);
    let endpoint = |url: &str| Client::builder().registration_endpoint(url);
    vec![
        ("base URL without a scheme", base_url("api.poggio.io")),
        ("base URL with a host as its scheme", base_url("localhost:9100")),
        ("base URL with ftp", base_url("ftp://a.example")),
        ("base URL with http", base_url("http://a.example")),
        ("base URL with a password", base_url("https://user:pass@a.example")),
        ("base URL with a query", base_url("https://a.example/?b")),
        ("base URL with the path", base_url("https://a.example/v1/oauth/register")),
        ("endpoint without a scheme", endpoint("a.example/register")),
        ("endpoint with a password", endpoint("https://user:pass@a.example/register")),
        ("endpoint with a fragment", endpoint("https://a.example/register#top")),
        ("empty token", Client::builder().auth_token("")),
        ("token with its type", Client::builder().auth_token("Bearer t0ken")),
        ("token with a line break", Client::builder().auth_token("t0ken\n")),
        ("timeout of 0", Client::builder().timeout(Duration::ZERO)),
        ("application name with a space", Client::builder().app_info("acme sync", "1.2")),
    ]
}

/// Adds one line for each rule.
fn local_rules(table: &mut Table) {
    let redirect = |uri: &str| ClientMetadata::new().with_redirect_uri(uri);
    for (situation, metadata) in [
        ("no redirect URI", ClientMetadata::new()),
        ("redirect URI without a scheme", redirect("/callback")),
        ("redirect URI with a fragment", redirect("https://a.example/cb#top")),
        ("redirect URI with http", redirect("http://a.example/cb")),
        ("redirect URI with a script", redirect("javascript:alert(1)")),
        ("redirect URI without a host", redirect("https:///cb")),
        ("redirect URI with a large port", redirect("https://a.example:99999/")),
        ("code grant without its response type", metadata().with_response_types([""; 0])),
        (
            "implicit grant without its response type",
            metadata().with_grant_types(["authorization_code", "implicit"]),
        ),
        ("response type without the code grant", metadata().with_grant_types(["password"])),
        (
            "response type without the implicit grant",
            metadata().with_response_types(["code", "token"]),
        ),
        ("page with ftp", metadata().with_client_uri("ftp://a.example")),
        ("scope with a quote", metadata().with_scope("a\"b")),
        ("empty contact", metadata().with_contacts([" "])),
        ("additional member with a field", metadata().with_additional("scope", "read")),
    ] {
        let errors = metadata.validate().unwrap_err();
        assert_eq!(errors.len(), 1, "{errors}");
        let error = errors.iter().next().unwrap();
        super::check_voice(error.message());
        table.add(error.kind(), situation, &[&error.to_string()]);
    }
}
