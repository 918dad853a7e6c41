//! `openapi.json` and the types of this crate agree, in both directions. A test names the member that one of them
//! lacks.

mod schema;

use poggio::{
    ClientInformation, ClientMetadata, Error, FieldError, FieldWarning, MetadataField,
    testing::{Reply, Server},
};
use serde_json::{Map, Value, json};

use self::schema::{assert_same_members, conforms, contract, properties, sample, sample_object};
use crate::support::register_with;

const REQUEST: &str = "ClientMetadata";
const RESPONSE: &str = "ClientInformation";

/// Metadata with every member set. This does not compile if a member is missing here.
fn full() -> ClientMetadata {
    ClientMetadata {
        redirect_uris: vec!["https://acme.example/callback".into()],
        token_endpoint_auth_method: "client_secret_basic".into(),
        grant_types: vec!["authorization_code".into(), "refresh_token".into()],
        response_types: vec!["code".into()],
        client_name: Some("Acme Sync".into()),
        client_uri: Some("https://acme.example".into()),
        logo_uri: Some("https://acme.example/logo.png".into()),
        scope: Some("read write".into()),
        contacts: vec!["oauth@acme.example".into()],
        tos_uri: Some("https://acme.example/tos".into()),
        policy_uri: Some("https://acme.example/policy".into()),
        software_id: Some("acme-sync".into()),
        software_version: Some("1.2".into()),
        additional: Map::new(),
    }
}

/// A client of which every member is set.
fn full_client() -> Value {
    let mut client = serde_json::to_value(full()).unwrap();
    client["client_id"] = json!("id");
    client["client_secret"] = json!("secret");
    client["client_id_issued_at"] = json!(1_767_225_600);
    client["client_secret_expires_at"] = json!(0);
    client
}

fn names(object: &Value) -> impl Iterator<Item = &String> {
    object.as_object().unwrap().keys()
}

#[test]
fn client_metadata_has_the_members_of_the_contract() {
    let contract = properties(REQUEST);
    let json = serde_json::to_value(full()).unwrap();
    assert_same_members(("openapi.json", contract.keys()), ("ClientMetadata", names(&json)));
    assert_same_members(
        ("openapi.json", contract.keys()),
        ("MetadataField", MetadataField::ALL.iter()),
    );
}

#[test]
fn client_metadata_has_the_types_of_the_contract() {
    let json = serde_json::to_value(full()).unwrap();
    for (name, schema) in properties(REQUEST) {
        assert!(conforms(&json[&name], &schema), "{name} is sent as {}", json[&name]);

        let value = sample(&schema);
        let parsed: ClientMetadata = serde_json::from_value(json!({ &name: value })).unwrap();
        assert_eq!(serde_json::to_value(parsed).unwrap()[&name], value, "{name}");
        for other in [json!(7), json!("sample"), json!(["sample"])] {
            if !conforms(&other, &schema) {
                let parsed = serde_json::from_value::<ClientMetadata>(json!({ &name: other }));
                assert!(parsed.is_err(), "{name} is {} but parsed from {other}", schema["type"]);
            }
        }
        if schema["nullable"] == true {
            let parsed = serde_json::from_value::<ClientMetadata>(json!({ &name: null }));
            assert_eq!(parsed.unwrap(), ClientMetadata::default(), "{name}");
        }
    }
}

#[test]
fn client_metadata_has_the_defaults_of_the_contract() {
    let json = serde_json::to_value(ClientMetadata::default()).unwrap();
    for (name, schema) in properties(REQUEST) {
        if let Some(default) = schema.get("default") {
            // An empty list of redirect URIs is not sent, which means the same.
            assert_eq!(json.get(&name).unwrap_or(&json!([])), default, "{name}");
        } else {
            assert_eq!(schema["nullable"], json!(true), "{name}");
            assert_eq!(json.get(&name), None, "{name} is not sent");
        }
    }
}

#[test]
fn client_information_has_the_members_of_the_contract() {
    let full = full_client();
    let contract = properties(RESPONSE);
    let in_response = ("ClientInformation", names(&full));
    assert_same_members(("openapi.json", contract.keys()), in_response);
    let client = ClientInformation::from_json(&full.to_string()).unwrap();
    assert_eq!(client.expose_json(), full, "every member is decoded and exposed");
    assert!(client.additional.is_empty(), "unknown: {:?}", client.additional);
}

#[test]
fn client_information_has_the_types_of_the_contract() {
    let sample = sample_object(RESPONSE);
    let decode = |name: &str, value: Value| {
        let mut client = sample.clone();
        client[name] = value;
        ClientInformation::from_json(&client.to_string()).unwrap()
    };
    for (name, schema) in properties(RESPONSE) {
        let client = decode(&name, sample[&name].clone());
        assert_eq!(client.warnings(), [], "{name}: {}", sample[&name]);
        assert_eq!(client.expose_json()[&name], sample[&name], "{name}");
        if name == "client_id" {
            continue;
        }
        let client = decode(&name, json!({"of": "another type"}));
        let warnings: Vec<_> = client.warnings().iter().map(FieldWarning::path).collect();
        assert_eq!(warnings, [&name], "{name} is decoded");
        if schema["nullable"] == true {
            let client = decode(&name, Value::Null);
            assert_eq!(client.warnings(), [], "{name}: null");
            assert_eq!(client.expose_json().get(&name), None, "{name}: null");
        }
    }
}

/// Decodes a 422 with these members.
async fn field_error(entry: &Value) -> FieldError {
    let reply = Reply::json(422, json!({ "detail": [entry] }));
    match register_with(reply).await {
        Err(Error::Validation(errors)) => errors.iter().next().unwrap().clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn validation_error_decodes_or_ignores_each_member_of_the_contract() {
    const DECODED: [&str; 3] = ["loc", "msg", "type"];
    const IGNORED: [&str; 2] = ["input", "ctx"];
    let contract = properties("ValidationError");
    let ours = DECODED.iter().chain(&IGNORED);
    assert_same_members(("openapi.json", contract.keys()), ("the decoding of a 422", ours));
    assert_same_members(
        ("openapi.json", properties("ValidationErrorBody").keys()),
        ("the decoding of a 422", ["detail"]),
    );

    let sample = sample_object("ValidationError");
    let whole = field_error(&sample).await;
    assert_eq!((whole.path(), whole.message(), whole.kind()), ("sample", "sample", "sample"));
    for name in contract.keys() {
        let mut entry = sample.clone();
        entry.as_object_mut().unwrap().remove(name);
        let is_decoded = field_error(&entry).await != whole;
        assert_eq!(is_decoded, DECODED.contains(&name.as_str()), "{name}");
    }
}

#[tokio::test]
async fn validation_error_names_each_member_of_client_metadata() {
    let location = properties("ValidationError")["loc"]["items"].clone();
    for field in MetadataField::ALL {
        let loc = json!(["body", field.as_str(), 0]);
        assert!(loc.as_array().unwrap().iter().all(|step| conforms(step, &location)));
        let error = field_error(&json!({"loc": loc, "msg": "No", "type": "x"})).await;
        assert_eq!(error.field(), Some(*field));
        assert_eq!(error.path(), format!("{field}[0]"));
    }
}

#[test]
fn contract_describes_the_documented_operation() {
    let contract = contract();
    assert_eq!(contract["openapi"], "3.0.3");
    let operation = &contract["paths"]["/v1/oauth/register"]["post"];
    assert_eq!(operation["operationId"], "register_client");
    assert_eq!(operation["security"], json!([{}, {"bearerToken": []}]));
    let statuses: Vec<_> = operation["responses"].as_object().unwrap().keys().collect();
    assert_eq!(statuses, ["2XX", "422"]);
    let schemas = &contract["components"]["schemas"];
    assert_eq!(schemas[REQUEST].get("required"), None);
    assert_eq!(schemas[RESPONSE]["required"], json!(["client_id"]));
    assert_eq!(schemas["ValidationError"]["required"], json!(["loc", "msg", "type"]));
}

#[tokio::test]
async fn generated_client_decodes_the_examples_of_the_contract() {
    let contract = contract();
    let operation = &contract["paths"]["/v1/oauth/register"]["post"];
    let example = |part: &Value| part["content"]["application/json"]["example"].clone();
    let request = example(&operation["requestBody"]);
    let success = example(&operation["responses"]["2XX"]);
    let failure = example(&operation["responses"]["422"]);

    let metadata: ClientMetadata = serde_json::from_value(request.clone()).unwrap();
    metadata.validate().unwrap();
    assert_eq!(serde_json::to_value(&metadata).unwrap(), request);

    let server = Server::start().await;
    server.script([Reply::json(201, success.clone()), Reply::json(422, failure)]);
    let client = server.client().register(&metadata).await.unwrap();
    let mut stated = success;
    stated.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    assert_eq!(client.expose_json(), stated);
    assert_eq!(client.changes_from(&metadata), []);
    assert!(client.warnings().is_empty());

    let error = server.client().register(&metadata).await.unwrap_err();
    let Error::Validation(errors) = error else { panic!("{error}") };
    let error = errors.iter().next().unwrap();
    assert_eq!((error.path(), error.kind()), ("redirect_uris[0]", "string_type"));
    assert_eq!(error.message(), "Input should be a valid string");
    assert_eq!(error.value(), Some(&request["redirect_uris"][0]));
}

#[tokio::test]
async fn generated_client_decodes_bodies_with_a_byte_order_mark() {
    let with_mark = |status, body: Value| {
        Reply::bytes(status, [b"\xEF\xBB\xBF", body.to_string().as_bytes()].concat())
    };
    let client = register_with(with_mark(201, full_client())).await.unwrap();
    assert_eq!(client.expose_json(), full_client());
    let detail = json!({"detail": [{"loc": ["body", "scope"], "msg": "No", "type": "x"}]});
    for status in [400, 422] {
        let Err(Error::Validation(errors)) = register_with(with_mark(status, detail.clone())).await
        else {
            panic!("{status}")
        };
        assert_eq!(errors.on("scope").next().unwrap().message(), "No");
    }
}

#[tokio::test]
async fn register_accepts_every_success_status() {
    for status in [200, 201, 202, 203, 206, 226, 299] {
        let reply = Reply::json(status, json!({"client_id": "id"}));
        let client = register_with(reply).await.unwrap();
        assert_eq!(client.client_id, "id", "{status}");
        assert_eq!(client.response().unwrap().status().as_u16(), status);
    }
}
