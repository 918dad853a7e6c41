//! Success responses that are decoded, including those that deviate from the contract.

use poggio::{
    AuthMethod, ClientInformation, ClientMetadata, GrantType, MetadataField, ResponseType,
    SecretExpiry,
    chrono::{DateTime, Utc},
    testing::Reply,
};
use serde_json::{Value, json};

use crate::support::{Wire, http, metadata, register_with};

async fn decode(body: impl Into<Value>) -> ClientInformation {
    register_with(Reply::json(201, body)).await.unwrap()
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

fn warnings(client: &ClientInformation) -> Vec<String> {
    client.warnings().iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn decoding_takes_every_member_of_the_contract() {
    let client = decode(json!({
        "client_id": "id",
        "client_secret": "s3cr3t",
        "client_id_issued_at": 1_767_225_600,
        "client_secret_expires_at": 1_767_229_200,
        "redirect_uris": ["https://a.example/cb"],
        "token_endpoint_auth_method": "client_secret_basic",
        "grant_types": ["authorization_code", "x-own"],
        "response_types": ["code"],
        "client_name": "Acme",
        "scope": "read write",
        "contacts": ["a@acme.example"],
        "registration_access_token": "r4t",
    }))
    .await;
    assert_eq!(client.client_id, "id");
    assert_eq!(client.client_secret.as_ref().unwrap().expose(), "s3cr3t");
    assert_eq!(client.client_id_issued_at, Some(at(1_767_225_600)));
    assert_eq!(client.client_secret_expires_at, SecretExpiry::At(at(1_767_229_200)));
    let expected = ClientMetadata::new()
        .with_redirect_uri("https://a.example/cb")
        .with_token_endpoint_auth_method(AuthMethod::ClientSecretBasic)
        .with_grant_types([GrantType::AuthorizationCode, GrantType::Other("x-own".into())])
        .with_response_types([ResponseType::Code])
        .with_client_name("Acme")
        .with_scope("read write")
        .with_contacts(["a@acme.example"]);
    assert_eq!(client.metadata, expected);
    assert_eq!(client.additional.len(), 1);
    assert_eq!(client.additional.get("registration_access_token"), Some(&json!("r4t")));
    assert_eq!(
        format!("{:?}", client.additional),
        r#"{"registration_access_token": "[redacted]"}"#
    );
    assert!(client.warnings().is_empty());
}

#[tokio::test]
async fn decoding_takes_null_and_empty_strings_as_absent() {
    let credentials = ["client_secret", "client_id_issued_at", "client_secret_expires_at"];
    let members = || MetadataField::ALL.iter().map(|field| field.as_str()).chain(credentials);
    for absent in [None, Some(Value::Null), Some(json!(""))] {
        let mut body = json!({"client_id": "id"});
        if let Some(absent) = &absent {
            for name in members() {
                body[name] = absent.clone();
            }
        }
        let client = decode(body).await;
        assert!(client.client_secret.is_none(), "{absent:?}");
        assert_eq!(client.client_id_issued_at, None);
        assert_eq!(client.client_secret_expires_at, SecretExpiry::Unspecified);
        let nothing = ClientMetadata::new().with_grant_types([""; 0]).with_response_types([""; 0]);
        assert_eq!(client.metadata, nothing, "{absent:?}");
        assert!(client.additional.is_empty());
        assert_eq!(warnings(&client), [""; 0], "{absent:?}");
    }
}

#[tokio::test]
async fn decoding_accepts_times_as_integers_fractions_and_strings() {
    for (value, expected) in [
        (json!(1_767_225_600), 1_767_225_600),
        (json!(1_767_225_600.0), 1_767_225_600),
        (json!(1_767_225_600.9), 1_767_225_600),
        (json!("1767225600"), 1_767_225_600),
        (json!(" 1767225600.5 "), 1_767_225_600),
        (json!(-1), -1),
        (json!(1), 1),
    ] {
        let client = decode(json!({"client_id": "id", "client_secret": "s",
            "client_id_issued_at": value, "client_secret_expires_at": value}))
        .await;
        assert_eq!(client.client_id_issued_at, Some(at(expected)), "{value}");
        assert_eq!(client.client_secret_expires_at, SecretExpiry::At(at(expected)), "{value}");
        assert!(client.warnings().is_empty(), "{value}");
    }
}

#[tokio::test]
async fn secret_expiry_is_never_a_time_or_unspecified() {
    for (secret, expires, expected) in [
        (json!("s"), json!(0), SecretExpiry::Never),
        (json!("s"), json!("0"), SecretExpiry::Never),
        (json!("s"), json!(0.0), SecretExpiry::Never),
        (json!("s"), json!(5), SecretExpiry::At(at(5))),
        (json!("s"), json!(0.5), SecretExpiry::At(at(1))),
        (json!("s"), json!(null), SecretExpiry::Unspecified),
        (json!(null), json!(0), SecretExpiry::Unspecified),
        (json!(""), json!(5), SecretExpiry::Unspecified),
    ] {
        let body = json!({"client_id": "id", "client_secret": secret,
            "client_secret_expires_at": expires});
        assert_eq!(decode(body.clone()).await.client_secret_expires_at, expected, "{body}");
    }
}

#[tokio::test]
async fn decoding_warns_of_a_time_out_of_range() {
    for value in [json!(i64::MAX), json!(i64::MIN), json!(u64::MAX), json!(1e300), json!("1e300")] {
        let client = decode(json!({"client_id": "id", "client_id_issued_at": value})).await;
        assert_eq!(client.client_id_issued_at, None, "{value}");
        assert_eq!(warnings(&client), ["client_id_issued_at: timestamp out of range"]);
        assert_eq!(client.additional.get("client_id_issued_at"), Some(&value), "kept raw");
    }
}

#[tokio::test]
async fn decoding_joins_a_scope_that_is_a_list() {
    let client = decode(json!({"client_id": "id", "scope": ["read", "write"]})).await;
    assert_eq!(client.metadata.scope.as_deref(), Some("read write"));
    assert!(client.warnings().is_empty());
}

#[tokio::test]
async fn decoding_warns_of_wrong_types_and_keeps_the_raw_values() {
    let client = decode(json!({
        "client_id": "id",
        "client_secret": {"value": "s3cr3t"},
        "client_id_issued_at": "yesterday",
        "client_secret_expires_at": true,
        "redirect_uris": ["https://a.example", 5, null, ""],
        "grant_types": "authorization_code",
        "client_name": 7,
        "contacts": {"a": 1},
        "scope": 5,
    }))
    .await;
    assert!(client.client_secret.is_none());
    assert_eq!(client.metadata.redirect_uris, ["https://a.example"]);
    assert_eq!(
        warnings(&client),
        [
            "client_secret: expected a string, found an object",
            "client_id_issued_at: expected a number of seconds, found a string",
            "client_secret_expires_at: expected a number of seconds, found a boolean",
            "redirect_uris[1]: expected a string, found a number",
            "grant_types: expected an array, found a string",
            "client_name: expected a string, found a number",
            "scope: expected a string, found a number",
            "contacts: expected an array, found an object",
        ]
    );
    assert_eq!(client.additional.get("client_secret"), Some(&json!({"value": "s3cr3t"})));
    assert_eq!(client.additional.get("client_name"), Some(&json!(7)));
    assert_eq!(client.additional.len(), 8);
}

#[tokio::test]
async fn decoding_ignores_content_type_byte_order_mark_and_white_space() {
    let body = r#"{"client_id": "id", "client_secret": "s3cr3t"}"#;
    let bom = [b"\xEF\xBB\xBF", body.as_bytes()].concat();
    for reply in [
        Reply::bytes(200, body),
        Reply::html(201, body),
        Reply::bytes(200, bom),
        Reply::text(201, format!(" \r\n{body}\r\n ")),
    ] {
        let client = register_with(reply).await.unwrap();
        assert!(client.warnings().is_empty());
        assert_eq!(client.client_secret.unwrap().expose(), "s3cr3t");
    }
}

#[tokio::test]
async fn decoding_takes_the_last_of_repeated_members() {
    let twice = r#"{"client_id": "a", "client_id": "b", "client_name": "x", "client_name": "y"}"#;
    let client = register_with(Reply::text(200, twice)).await.unwrap();
    assert_eq!(client.client_id, "b");
    assert_eq!(client.metadata.client_name.as_deref(), Some("y"));
}

#[tokio::test]
async fn register_does_not_trust_a_huge_content_length() {
    for length in ["9000000000000000000", "18446744073709551613"] {
        let head = format!("201 Created\r\ncontent-length: {length}");
        let wire = Wire::responding(http(&head, r#"{"client_id": "id"}"#)).await;
        let poggio = wire.client_builder().max_response_bytes(usize::MAX).build().unwrap();
        assert_eq!(poggio.register(&metadata()).await.unwrap().client_id, "id");
    }
}

#[tokio::test]
async fn decoding_warns_of_a_broken_connection_after_whole_json() {
    let response = http("200 OK\r\ncontent-length: 1000", r#"{"client_id": "id"}"#);
    let client = Wire::responding(response).await.client().register(&metadata()).await.unwrap();
    assert_eq!(client.client_id, "id");
    assert_eq!(
        warnings(&client),
        ["body: the connection closed before the end of the body, but its JSON is complete"]
    );
}

#[test]
fn from_json_decodes_what_expose_json_returns() {
    let exposed = json!({
        "client_id": "id",
        "client_secret": "s3cr3t",
        "client_id_issued_at": 1_767_225_600,
        "client_secret_expires_at": 0,
        "redirect_uris": ["https://a.example/cb"],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "x_own": [1],
    });
    let client = ClientInformation::from_json(&exposed.to_string()).unwrap();
    assert_eq!(client.expose_json(), exposed);
    assert!(client.response().is_none());
    let from_value: ClientInformation = serde_json::from_value(exposed.clone()).unwrap();
    assert_eq!(from_value.expose_json(), exposed);

    let mut bare = ClientInformation::from_json(r#"{"client_id": "id"}"#).unwrap();
    assert_eq!(bare.expose_json(), json!({"client_id": "id"}), "defaults are not written");
    bare.metadata.token_endpoint_auth_method = AuthMethod::None;
    assert_eq!(bare.expose_json()["token_endpoint_auth_method"], "none");

    let error = ClientInformation::from_json("{\"client_id\": \"id\"").unwrap_err();
    assert_eq!((error.status(), error.attempts()), (None, 0));
    assert!(
        error.to_string().starts_with("the saved text could not be decoded: it is not JSON"),
        "{error}"
    );
}
