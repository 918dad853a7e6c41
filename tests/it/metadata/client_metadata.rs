//! Client metadata: defaults, setters, and JSON.

use poggio::{AuthMethod, ClientMetadata, GrantType, ResponseType};
use serde_json::{Value, json};

#[test]
fn client_metadata_has_the_documented_defaults() {
    let metadata = ClientMetadata::new();
    assert_eq!(metadata, ClientMetadata::default());
    assert_eq!(metadata.redirect_uris, Vec::<String>::new());
    assert_eq!(metadata.token_endpoint_auth_method, AuthMethod::ClientSecretPost);
    assert_eq!(metadata.grant_types, [GrantType::AuthorizationCode]);
    assert_eq!(metadata.response_types, [ResponseType::Code]);
    assert_eq!(metadata.client_name, None);
    assert_eq!(metadata.contacts, Vec::<String>::new());
}

#[test]
fn client_metadata_setters_accept_owned_and_borrowed_values() {
    let owned = String::from("owned");
    let list = vec![String::from("refresh_token")];
    let metadata = ClientMetadata::new()
        .with_redirect_uri("com.acme:/callback")
        .with_redirect_uri(String::from("com.acme:/other"))
        .with_client_name(&owned)
        .with_software_id(owned.as_str())
        .with_token_endpoint_auth_method(AuthMethod::None)
        .with_grant_types(&list)
        .with_response_types(["code"].into_iter().map(ResponseType::from))
        .with_contacts(list.iter().map(|entry| format!("{entry}@acme.example")));
    assert_eq!(metadata.redirect_uris, ["com.acme:/callback", "com.acme:/other"]);
    assert_eq!(metadata.client_name.as_deref(), Some("owned"));
    assert_eq!(metadata.grant_types, [GrantType::RefreshToken]);
    assert_eq!(metadata.response_types, [ResponseType::Code]);
    assert_eq!(metadata.contacts, ["refresh_token@acme.example"]);
}

#[test]
fn client_metadata_serializes_as_in_rfc_7591() {
    let metadata = ClientMetadata::new()
        .with_redirect_uri("https://acme.example/callback?x=%2F")
        .with_token_endpoint_auth_method("x-acme")
        .with_grant_types([GrantType::DeviceCode, GrantType::Other("x-grant".into())])
        .with_response_types(["code id_token"])
        .with_client_name("Größe \u{1f980}")
        .with_client_uri("https://acme.example")
        .with_logo_uri("https://acme.example/logo.png")
        .with_scope("read write")
        .with_contacts(["oauth@acme.example"])
        .with_tos_uri("https://acme.example/tos")
        .with_policy_uri("https://acme.example/policy")
        .with_software_id("acme-sync")
        .with_software_version("1.2");
    insta::assert_json_snapshot!(metadata);
}

#[test]
fn client_metadata_omits_unset_and_blank_members() {
    let metadata = ClientMetadata::new().with_scope("  ").with_contacts([""; 0]);
    assert_eq!(
        serde_json::to_string(&metadata).unwrap(),
        r#"{"token_endpoint_auth_method":"client_secret_post","grant_types":["authorization_code"],"response_types":["code"]}"#
    );
}

#[test]
fn client_metadata_sends_empty_types_that_a_server_would_default() {
    let json = serde_json::to_value(ClientMetadata::client_credentials()).unwrap();
    assert_eq!(json["grant_types"], json!(["client_credentials"]));
    assert_eq!(json["response_types"], json!([]));
}

#[test]
fn open_enumerations_keep_unknown_values() {
    for text in ["none", "client_secret_post", "x-acme", "", "NONE"] {
        let method = AuthMethod::from(text);
        assert_eq!(method.as_str(), text);
        assert_eq!(method.to_string(), text);
        assert_eq!(text.parse::<AuthMethod>(), Ok(method.clone()));
        let json = serde_json::to_value(&method).unwrap();
        assert_eq!(serde_json::from_value::<AuthMethod>(json).unwrap(), method);
    }
    assert_eq!(AuthMethod::Other("none".into()), AuthMethod::None);
    assert!(matches!(AuthMethod::from("none"), AuthMethod::None));
    assert!(matches!(
        GrantType::from("urn:ietf:params:oauth:grant-type:device_code"),
        GrantType::DeviceCode
    ));
    assert!(matches!(ResponseType::from("token"), ResponseType::Token));
}

#[test]
fn client_metadata_deserializes_missing_members_as_defaults() {
    let parsed: ClientMetadata = serde_json::from_value(json!({
        "redirect_uris": ["https://acme.example/callback"],
        "client_name": null,
        "contacts": null,
        "scope": "read",
    }))
    .unwrap();
    let expected =
        ClientMetadata::new().with_redirect_uri("https://acme.example/callback").with_scope("read");
    assert_eq!(parsed, expected);
}

#[test]
fn client_metadata_deserializes_from_objects_only() {
    for json in [json!([]), json!(null), json!("x"), json!([["https://acme.example"]])] {
        let error = serde_json::from_value::<ClientMetadata>(json).unwrap_err().to_string();
        assert!(
            error.ends_with("expected an object with the members of client metadata"),
            "{error}"
        );
    }
}

#[test]
fn client_metadata_keeps_unknown_members_of_a_file_and_sends_them() {
    let json = json!({"application_type": "native", "x-acme": {"tenants": [1, null]}});
    let metadata: ClientMetadata = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(Value::from(metadata.additional.clone()), json);
    assert_eq!(
        metadata,
        ClientMetadata::new()
            .with_additional("application_type", "native")
            .with_additional("x-acme", json!({"tenants": [1, null]}))
    );

    let sent = serde_json::to_value(&metadata).unwrap();
    assert_eq!(sent["application_type"], "native");
    assert_eq!(sent["x-acme"], json!({"tenants": [1, null]}));
    assert_eq!(sent["grant_types"], json!(["authorization_code"]));
}

#[test]
fn client_metadata_sends_no_member_twice_and_reports_the_name() {
    let metadata = ClientMetadata::new()
        .with_redirect_uri("https://acme.example/callback")
        .with_client_name("Acme Sync")
        .with_additional("client_name", "Other");
    let text = serde_json::to_string(&metadata).unwrap();
    assert_eq!(text.matches("client_name").count(), 1);
    assert!(text.contains(r#""client_name":"Acme Sync""#), "{text}");

    let errors = metadata.validate().unwrap_err();
    let error = errors.on("client_name").next().unwrap();
    assert_eq!((errors.len(), error.kind()), (1, "duplicate_member"));
    assert_eq!(error.value(), Some(&json!("Other")));
}
