//! Errors by field that a server returns.

use poggio::{
    Error, MetadataField, Origin, Outcome, ValidationErrors,
    testing::{Reply, Server},
};
use serde_json::{Value, json};

use crate::support::{metadata, register_with};

/// Registers `metadata()` at a server that responds with this `detail`.
async fn rejected(status: u16, detail: Value) -> ValidationErrors {
    match register_with(Reply::json(status, json!({ "detail": detail }))).await {
        Err(Error::Validation(errors)) => errors,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn field_error_of_a_server_has_path_field_and_sent_value() {
    let uri = json!("http://127.0.0.1:8910/callback");
    let grants = json!(["authorization_code"]);
    for (location, path, field, value) in [
        (json!(["body", "redirect_uris", 0]), "redirect_uris[0]", Some("redirect_uris"), Some(uri)),
        (json!(["body", "grant_types"]), "grant_types", Some("grant_types"), Some(grants)),
        (
            json!(["body", "client_name"]),
            "client_name",
            Some("client_name"),
            Some(json!("Acme Sync")),
        ),
        (json!(["body", "scope"]), "scope", Some("scope"), None),
        (json!(["body", "redirect_uris", 7]), "redirect_uris[7]", Some("redirect_uris"), None),
        (json!(["body", "redirect_uris", -1]), "redirect_uris[-1]", Some("redirect_uris"), None),
        (json!(["client_name"]), "client_name", Some("client_name"), Some(json!("Acme Sync"))),
        (json!(["body", "jwks", "keys", 0, "kty"]), "jwks.keys[0].kty", None, None),
        (
            json!(["body", "contacts", "list[str]", 0]),
            "contacts.list[str][0]",
            Some("contacts"),
            None,
        ),
        (json!(["body", "oauth2_redirect_uris", 0]), "oauth2_redirect_uris[0]", None, None),
        (json!(["body"]), "body", None, None),
        (json!(["body", 1]), "body[1]", None, None),
        (json!(["query", "org_id"]), "query.org_id", None, None),
        (json!(["header", "authorization"]), "header.authorization", None, None),
        (
            json!(["body", "redirect_uris", null, 1.5]),
            "redirect_uris[null][1.5]",
            Some("redirect_uris"),
            None,
        ),
        (json!([]), "request", None, None),
        (json!(null), "request", None, None),
        (json!("body"), "request", None, None),
    ] {
        let entry = json!({"loc": location, "msg": "Not so", "type": "value_error"});
        let errors = rejected(422, json!([entry])).await;
        let error = errors.iter().next().unwrap();
        assert_eq!(error.path(), path, "{location}");
        assert_eq!(error.field().map(MetadataField::as_str), field, "{location}");
        assert_eq!(error.value(), value.as_ref(), "{location}");
        assert_eq!((error.message(), error.kind()), ("Not so", "value_error"));
    }
}

#[tokio::test]
async fn field_errors_are_decoded_from_entries_of_any_form() {
    let detail = json!([
        {"loc": ["body", "scope"], "msg": "No", "type": "x", "input": "i", "ctx": {"a": 1}},
        {"loc": ["body", "scope"]},
        {"loc": ["body", "scope"], "msg": 5, "type": null},
        {"msg": "m"},
        "a sentence",
        7,
        {},
    ]);
    let errors = rejected(400, detail).await;
    let read: Vec<_> = errors.iter().map(|e| (e.path(), e.message(), e.kind())).collect();
    let silent = "the server gave no reason";
    assert_eq!(
        read,
        [
            ("scope", "No", "x"),
            ("scope", silent, "unspecified"),
            ("scope", silent, "unspecified"),
            ("request", "m", "unspecified"),
            ("request", "a sentence", "unspecified"),
            ("request", silent, "unspecified"),
            ("request", silent, "unspecified"),
        ]
    );
    assert_eq!(errors.origin(), Origin::Server);
}

#[tokio::test]
async fn validation_errors_of_a_server_have_the_form_of_local_ones() {
    let server = Server::start().await;
    let metadata = metadata().with_grant_types(["authorization_code", "magic"]);
    let error = server.client().register(&metadata).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotRegistered);
    assert_eq!(error.status().unwrap().as_u16(), 422);
    assert_eq!(error.attempts(), 1);
    let host = server.base_url().replace("http://", "");
    let display = error.to_string().replace(&host, "127.0.0.1:PORT");
    insta::assert_snapshot!("server_refusal_display", display);
    assert_eq!(format!("{error:?}"), format!("Validation: {error}"));
    let Error::Validation(errors) = error else { panic!("{error}") };
    assert_eq!(errors.on("grant_types").next().unwrap().value(), Some(&json!("magic")));
    assert_eq!(server.registrations().len(), 0);
}

#[tokio::test]
async fn validation_errors_keep_all_entries_and_display_the_first_ten() {
    let entry = json!({"loc": ["body", "redirect_uris", 0], "msg": "No", "type": "x"});
    let errors = rejected(422, Value::Array(vec![entry; 1000])).await;
    assert_eq!(errors.len(), 1000);
    let display = errors.to_string();
    assert!(display.ends_with("; and 990 more") && display.len() < 2000, "{display}");

    let steps = Value::Array(vec![json!("body"); 20_000]);
    let errors = rejected(422, json!([{"loc": steps, "msg": "x ".repeat(20_000)}])).await;
    assert!(errors.to_string().len() < 1000, "a long path and a long message are truncated");
}
