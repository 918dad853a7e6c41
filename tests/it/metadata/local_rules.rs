//! The local rules of client metadata.

use poggio::{
    ClientMetadata, Error, MetadataField, Origin, Outcome, ValidationErrors, testing::Server,
};
use serde_json::json;

use crate::support::metadata;

fn paths_and_kinds(errors: &ValidationErrors) -> Vec<(&str, &str)> {
    errors.iter().map(|error| (error.path(), error.kind())).collect()
}

fn redirect(uri: &str) -> ClientMetadata {
    ClientMetadata::new().with_redirect_uri(uri)
}

#[test]
fn validate_accepts_redirect_uris_that_the_rfcs_allow() {
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
fn validate_rejects_redirect_uris_that_the_rfcs_forbid() {
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
        assert_eq!(paths_and_kinds(&errors), [("redirect_uris[0]", kind)], "{uri}");
        assert_eq!(errors.iter().next().unwrap().value(), Some(&json!(uri)));
    }
}

#[test]
fn validate_requires_a_redirect_uri_for_grants_that_redirect() {
    let errors = ClientMetadata::new().validate().unwrap_err();
    assert_eq!(paths_and_kinds(&errors), [("redirect_uris", "missing")]);
    assert_eq!(errors.iter().next().unwrap().value(), None);

    let implicit =
        ClientMetadata::new().with_grant_types(["implicit"]).with_response_types(["token"]);
    assert_eq!(paths_and_kinds(&implicit.validate().unwrap_err()), [("redirect_uris", "missing")]);

    ClientMetadata::client_credentials().validate().unwrap();
}

#[test]
fn validate_requires_matching_grant_types_and_response_types() {
    let check = |grants: &[&str], responses: &[&str]| {
        let metadata = redirect("https://app.example/cb")
            .with_grant_types(grants.iter().copied())
            .with_response_types(responses.iter().copied());
        metadata.validate().err().map(|errors| {
            paths_and_kinds(&errors)
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
fn validate_accepts_only_scope_tokens_of_rfc_6749() {
    for scope in ["read", "read write", "https://api.example/read", "a!#[]~", "", "  "] {
        assert!(metadata().with_scope(scope).validate().is_ok(), "{scope:?}");
    }
    for scope in
        ["read  write", " read", "read ", "read\twrite", "a\"b", "a\\b", "gr\u{fc}n", "a\nb"]
    {
        let errors = metadata().with_scope(scope).validate().expect_err(scope);
        assert_eq!(paths_and_kinds(&errors), [("scope", "scope_token")], "{scope:?}");
    }
}

#[test]
fn validate_requires_http_urls_of_pages_and_contacts_that_are_not_empty() {
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
        paths_and_kinds(&bad.validate().unwrap_err()),
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
fn validate_returns_all_errors_in_the_order_of_the_contract() {
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
        paths_and_kinds(&errors),
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
    assert_eq!(format!("{error:?}"), format!("Validation: {error}"));
}

#[tokio::test]
async fn register_validates_before_sending_unless_local_validation_is_off() {
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
