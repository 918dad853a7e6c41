//! How the granted metadata differs from the requested metadata.

use poggio::{AuthMethod, ChangeKind, ClientInformation, ClientMetadata, MetadataField};
use serde_json::json;

fn requested() -> ClientMetadata {
    ClientMetadata::new()
        .with_redirect_uri("https://a.example/cb")
        .with_redirect_uri("https://b.example/cb")
        .with_grant_types(["authorization_code", "refresh_token"])
        .with_scope("read write")
        .with_client_name("Acme")
}

fn granted(changes: serde_json::Value) -> ClientInformation {
    let mut response = serde_json::to_value(requested()).unwrap();
    response["client_id"] = json!("id");
    for (name, value) in changes.as_object().unwrap() {
        response[name] = value.clone();
    }
    ClientInformation::from_json(&response.to_string()).unwrap()
}

fn changes(response: serde_json::Value) -> Vec<(MetadataField, ChangeKind, String)> {
    let changes = granted(response).changes_from(&requested());
    changes.iter().map(|c| (c.field(), c.kind(), c.to_string())).collect()
}

#[test]
fn changes_from_ignores_order_and_absent_members() {
    assert_eq!(changes(json!({})), []);
    assert_eq!(
        changes(json!({
            "redirect_uris": ["https://b.example/cb", "https://a.example/cb"],
            "scope": "write read",
            "logo_uri": null,
            "tos_uri": "",
            "contacts": [],
        })),
        []
    );
}

#[test]
fn changes_from_reports_a_replaced_auth_method() {
    let client = granted(json!({"token_endpoint_auth_method": "client_secret_basic"}));
    let changes = client.changes_from(&requested());
    assert_eq!(changes.len(), 1);
    let change = &changes[0];
    assert_eq!(change.field(), MetadataField::TokenEndpointAuthMethod);
    assert_eq!(change.kind(), ChangeKind::Replaced);
    assert_eq!(change.requested(), ["client_secret_post"]);
    assert_eq!(change.granted(), ["client_secret_basic"]);
    assert_eq!(client.metadata.token_endpoint_auth_method, AuthMethod::ClientSecretBasic);
}

#[test]
fn changes_from_reports_dropped_replaced_and_added_values_per_field() {
    use ChangeKind::{Added, Dropped, Replaced};
    use MetadataField::{ClientName, GrantTypes, PolicyUri, RedirectUris, Scope};
    let actual = changes(json!({
        "redirect_uris": ["https://a.example/cb", "https://b.example/cb/"],
        "grant_types": ["authorization_code"],
        "scope": "read write profile",
        "client_name": null,
        "policy_uri": "https://poggio.example/\u{1b}[2J",
    }));
    let expected = [
        (
            RedirectUris,
            Replaced,
            r#"redirect_uris: requested "https://a.example/cb", "https://b.example/cb", granted "https://a.example/cb", "https://b.example/cb/""#,
        ),
        (
            GrantTypes,
            Dropped,
            r#"grant_types: requested "authorization_code", "refresh_token", granted "authorization_code""#,
        ),
        (ClientName, Dropped, r#"client_name: requested "Acme", granted nothing"#),
        (Scope, Added, r#"scope: requested "read", "write", granted "read", "write", "profile""#),
        (
            PolicyUri,
            Added,
            r#"policy_uri: requested nothing, granted "https://poggio.example/\u{1b}[2J""#,
        ),
    ];
    assert_eq!(actual, expected.map(|(field, kind, line)| (field, kind, line.to_owned())));

    let client = granted(json!({"grant_types": ["authorization_code", "x"]}));
    let change = &client.changes_from(&requested())[0];
    assert_eq!(change.dropped().collect::<Vec<_>>(), ["refresh_token"]);
    assert_eq!(change.added().collect::<Vec<_>>(), ["x"]);
}

#[test]
fn changes_from_reports_members_missing_in_the_response_as_dropped() {
    let client = ClientInformation::from_json(r#"{"client_id": "id"}"#).unwrap();
    let none = requested().with_token_endpoint_auth_method("none");
    let kinds: Vec<_> = client.changes_from(&none).iter().map(|c| (c.field(), c.kind())).collect();
    let dropped = [
        MetadataField::RedirectUris,
        MetadataField::TokenEndpointAuthMethod,
        MetadataField::GrantTypes,
        MetadataField::ResponseTypes,
        MetadataField::ClientName,
        MetadataField::Scope,
    ];
    assert_eq!(kinds, dropped.map(|field| (field, ChangeKind::Dropped)));
}
