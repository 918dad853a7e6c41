//! Problems by field: the local rules, and the server's 422.

use poggio::{
    ClientMetadata, Error, MetadataField, Origin, Outcome, ValidationErrors,
    testing::{Reply, Server},
};
use serde_json::{Value, json};

use crate::support::{metadata, register_with};

fn problems(errors: &ValidationErrors) -> Vec<(&str, &str)> {
    errors.iter().map(|error| (error.path(), error.kind())).collect()
}

fn redirect(uri: &str) -> ClientMetadata {
    ClientMetadata::new().with_redirect_uri(uri)
}

#[test]
fn redirect_uris_that_the_rfcs_allow_are_let_through() {
    for uri in [
        "https://app.example/callback",
        "https://app.example",
        "HTTPS://APP.example:8443/cb?x=1",
        "http://127.0.0.1:8910/callback",
        "http://127.0.0.1/callback",
        "http://127.1.2.3:1/",
        "http://[::1]:8910/callback",
        "http://localhost:8910/callback",
        "com.example.app:/oauth2redirect",
        "com.example.app://callback",
        "cursor://anysphere.cursor-deeplink/mcp/auth",
        "urn:ietf:wg:oauth:2.0:oob",
    ] {
        let result = redirect(uri).validate();
        assert!(result.is_ok(), "{uri}: {}", result.unwrap_err());
    }
}

#[test]
fn redirect_uris_that_the_rfcs_forbid_are_named_with_their_kind() {
    for (uri, kind) in [
        ("", "url_parsing"),
        ("/callback", "url_parsing"),
        ("app.example/callback", "url_parsing"),
        (" https://app.example/cb", "url_parsing"),
        ("https://app.example/cb ", "url_parsing"),
        ("https://app.example/a b", "url_parsing"),
        ("https://app.example/\n", "url_parsing"),
        ("https://\u{e4}.example/", "url_parsing"),
        ("https:\\\\app.example\\cb", "url_parsing"),
        ("https:app.example", "url_parsing"),
        ("https:///cb", "url_parsing"),
        ("https://app.example:port/", "url_parsing"),
        ("http://127.0.0.1:*/cb", "url_parsing"),
        ("https://app.example:99999/", "url_port"),
        ("https://app.example/cb#top", "url_fragment"),
        ("https://app.example/cb#", "url_fragment"),
        ("com.example.app:/cb#x", "url_fragment"),
        ("http://app.example/cb", "url_scheme"),
        ("http://0.0.0.0/cb", "url_scheme"),
        ("http://127.0.0.1.example/cb", "url_scheme"),
        ("http://[::2]/cb", "url_scheme"),
        ("http://localhost.example/cb", "url_scheme"),
        ("javascript:alert(1)", "url_scheme"),
        ("JavaScript:alert(1)", "url_scheme"),
        ("data:text/html,x", "url_scheme"),
        ("vbscript:x", "url_scheme"),
        ("file:///etc/passwd", "url_scheme"),
        ("blob:https://app.example/x", "url_scheme"),
        ("about:blank", "url_scheme"),
    ] {
        let errors = redirect(uri).validate().expect_err(uri);
        assert_eq!(problems(&errors), [("redirect_uris[0]", kind)], "{uri}");
        assert_eq!(errors.iter().next().unwrap().value(), Some(&json!(uri)));
    }
}

#[test]
fn a_grant_that_redirects_needs_a_redirect_uri() {
    let errors = ClientMetadata::new().validate().unwrap_err();
    assert_eq!(problems(&errors), [("redirect_uris", "missing")]);
    assert_eq!(errors.iter().next().unwrap().value(), None);

    let implicit =
        ClientMetadata::new().with_grant_types(["implicit"]).with_response_types(["token"]);
    assert_eq!(problems(&implicit.validate().unwrap_err()), [("redirect_uris", "missing")]);

    ClientMetadata::client_credentials().validate().unwrap();
}

#[test]
fn grant_types_and_response_types_have_to_agree() {
    let check = |grants: &[&str], responses: &[&str]| {
        let metadata = redirect("https://app.example/cb")
            .with_grant_types(grants.iter().copied())
            .with_response_types(responses.iter().copied());
        metadata.validate().err().map(|errors| {
            problems(&errors)
                .iter()
                .map(|(path, kind)| format!("{path} {kind}"))
                .collect::<Vec<_>>()
        })
    };
    let code = "authorization_code";
    assert_eq!(check(&[code], &["code"]), None);
    assert_eq!(check(&[code, "refresh_token"], &["code"]), None);
    assert_eq!(check(&[code, "implicit"], &["code token"]), None);
    assert_eq!(check(&[code, "implicit"], &["code id_token"]), None);
    assert_eq!(check(&["implicit"], &["id_token"]), None);
    assert_eq!(check(&["client_credentials"], &[]), None);
    assert_eq!(check(&["x-own"], &["x-own"]), None);
    assert_eq!(check(&[code], &[]).unwrap(), ["grant_types[0] grant_type_mismatch"]);
    assert_eq!(check(&["x-own", "implicit"], &[]).unwrap(), ["grant_types[1] grant_type_mismatch"]);
    assert_eq!(
        check(&["client_credentials"], &["code"]).unwrap(),
        ["response_types[0] response_type_mismatch"]
    );
    assert_eq!(
        check(&[code], &["code", "token"]).unwrap(),
        ["response_types[1] response_type_mismatch"]
    );
    assert_eq!(
        check(&[code], &["code id_token"]).unwrap(),
        ["response_types[0] response_type_mismatch"]
    );
}

#[test]
fn scope_tokens_are_those_of_rfc_6749() {
    for scope in ["read", "read write", "https://api.example/read", "a!#[]~", "", "  "] {
        assert!(metadata().with_scope(scope).validate().is_ok(), "{scope:?}");
    }
    for scope in
        ["read  write", " read", "read ", "read\twrite", "a\"b", "a\\b", "gr\u{fc}n", "a\nb"]
    {
        let errors = metadata().with_scope(scope).validate().expect_err(scope);
        assert_eq!(problems(&errors), [("scope", "scope_token")], "{scope:?}");
    }
}

#[test]
fn pages_are_http_urls_and_contacts_are_not_empty() {
    let good = metadata()
        .with_client_uri("http://acme.example")
        .with_logo_uri("https://acme.example/l.png#x")
        .with_contacts(["any text"]);
    good.validate().unwrap();

    let bad = metadata()
        .with_client_uri("ftp://acme.example")
        .with_logo_uri("logo.png")
        .with_contacts(["a", "", "  "])
        .with_tos_uri("https:///tos")
        .with_policy_uri("https://acme.example:70000");
    assert_eq!(
        problems(&bad.validate().unwrap_err()),
        [
            ("client_uri", "url_scheme"),
            ("logo_uri", "url_parsing"),
            ("contacts[1]", "string_too_short"),
            ("contacts[2]", "string_too_short"),
            ("tos_uri", "url_parsing"),
            ("policy_uri", "url_port"),
        ]
    );
}

#[test]
fn all_problems_come_at_once_in_the_order_of_the_contract() {
    let metadata = ClientMetadata::new()
        .with_redirect_uri("https://ok.example")
        .with_redirect_uri("nonsense")
        .with_redirect_uri("https://x.example#f")
        .with_grant_types(["client_credentials"])
        .with_scope("a  b")
        .with_tos_uri("x");
    let errors = metadata.validate().unwrap_err();
    assert_eq!(errors.origin(), Origin::Local);
    assert_eq!(errors.len(), 5);
    assert_eq!(
        problems(&errors),
        [
            ("redirect_uris[1]", "url_parsing"),
            ("redirect_uris[2]", "url_fragment"),
            ("response_types[0]", "response_type_mismatch"),
            ("scope", "scope_token"),
            ("tos_uri", "url_parsing"),
        ]
    );
    assert_eq!(errors.on("redirect_uris").count(), 2);
    assert_eq!(errors.on(MetadataField::Scope).count(), 1);
    assert_eq!(errors.on("redirect").count(), 0);
    assert_eq!((&errors).into_iter().count(), 5);
    let error = Error::from(errors);
    insta::assert_snapshot!("local_display", error);
    insta::assert_debug_snapshot!("local_debug", error);
}

#[tokio::test]
async fn what_is_refused_here_is_not_sent_unless_local_validation_is_off() {
    let server = Server::start().await;
    let error = server.client().register(&redirect("http://app.example/")).await.unwrap_err();
    assert!(matches!(&error, Error::Validation(errors) if errors.origin() == Origin::Local));
    assert_eq!(
        (error.outcome(), error.attempts(), error.status()),
        (Outcome::NotRegistered, 0, None)
    );
    assert_eq!(server.requests().len(), 0);

    let unchecked = server.client_builder().local_validation(false).build().unwrap();
    unchecked.register(&redirect("http://app.example/")).await.unwrap();
    assert_eq!(server.requests().len(), 1);
}

/// Registers `metadata()` at a server that refuses with this `detail`.
async fn refused(status: u16, detail: Value) -> ValidationErrors {
    match register_with(Reply::json(status, json!({ "detail": detail }))).await {
        Err(Error::Validation(errors)) => errors,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_location_becomes_a_path_a_field_and_the_value_that_was_sent_there() {
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
        let errors = refused(422, json!([entry])).await;
        let error = errors.iter().next().unwrap();
        assert_eq!(error.path(), path, "{location}");
        assert_eq!(error.field().map(MetadataField::as_str), field, "{location}");
        assert_eq!(error.value(), value.as_ref(), "{location}");
        assert_eq!((error.message(), error.kind()), ("Not so", "value_error"));
    }
}

#[tokio::test]
async fn entries_of_any_form_are_read() {
    let detail = json!([
        {"loc": ["body", "scope"], "msg": "No", "type": "x", "input": "i", "ctx": {"a": 1}},
        {"loc": ["body", "scope"]},
        {"loc": ["body", "scope"], "msg": 5, "type": null},
        {"msg": "m"},
        "a sentence",
        7,
        {},
    ]);
    let errors = refused(400, detail).await;
    let read: Vec<_> = errors.iter().map(|e| (e.path(), e.message(), e.kind())).collect();
    let silent = "the server did not say what is wrong with it";
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
async fn a_server_that_refuses_is_read_by_the_code_that_reads_local_problems() {
    let server = Server::start().await;
    let wrong = metadata().with_grant_types(["authorization_code", "magic"]);
    let error = server.client().register(&wrong).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotRegistered);
    assert_eq!(error.status().unwrap().as_u16(), 422);
    assert_eq!(error.attempts(), 1);
    insta::assert_snapshot!("server_refusal_display", error);
    insta::assert_debug_snapshot!("server_refusal_debug", error);
    let Error::Validation(errors) = error else { panic!("{error}") };
    assert_eq!(errors.on("grant_types").next().unwrap().value(), Some(&json!("magic")));
    assert_eq!(server.registrations().len(), 0);
}

#[tokio::test]
async fn many_problems_are_all_kept() {
    let entry = json!({"loc": ["body", "redirect_uris", 0], "msg": "No", "type": "x"});
    let errors = refused(422, Value::Array(vec![entry; 1000])).await;
    assert_eq!(errors.len(), 1000);
    let display = errors.to_string();
    assert!(display.ends_with("; and 990 more") && display.len() < 2000, "{display}");

    let steps = Value::Array(vec![json!("body"); 20_000]);
    let errors = refused(422, json!([{"loc": steps, "msg": "x ".repeat(20_000)}])).await;
    assert!(errors.to_string().len() < 1000, "a long path and a long message are cut");
}
