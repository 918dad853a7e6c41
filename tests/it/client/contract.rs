//! `openapi.json` says what the façade has, and the façade has what `openapi.json` says.

use std::collections::BTreeSet;

use poggio::{
    ClientInformation, ClientMetadata, MetadataField,
    testing::{Reply, Server},
};
use serde_json::{Value, json};

fn contract() -> Value {
    serde_json::from_str(include_str!("../../../openapi.json")).unwrap()
}

fn properties(schema: &str) -> BTreeSet<String> {
    let contract = contract();
    let properties = contract["components"]["schemas"][schema]["properties"].as_object().unwrap();
    properties.keys().cloned().collect()
}

/// Metadata with every member set.
fn full() -> ClientMetadata {
    ClientMetadata::new()
        .with_redirect_uri("https://acme.example/callback")
        .with_token_endpoint_auth_method("client_secret_basic")
        .with_grant_types(["authorization_code", "refresh_token"])
        .with_response_types(["code"])
        .with_client_name("Acme Sync")
        .with_client_uri("https://acme.example")
        .with_logo_uri("https://acme.example/logo.png")
        .with_scope("read write")
        .with_contacts(["oauth@acme.example"])
        .with_tos_uri("https://acme.example/tos")
        .with_policy_uri("https://acme.example/policy")
        .with_software_id("acme-sync")
        .with_software_version("1.2")
}

fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn the_request_of_the_contract_and_client_metadata_have_the_same_fields() {
    let contract = properties("ClientMetadata");
    assert_eq!(contract.len(), 13);
    assert_eq!(contract, keys(&serde_json::to_value(full()).unwrap()));
    let named: BTreeSet<_> = MetadataField::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(contract, named);
}

#[test]
fn the_answer_of_the_contract_and_client_information_have_the_same_fields() {
    let mut answer = serde_json::to_value(full()).unwrap();
    answer["client_id"] = json!("id");
    answer["client_secret"] = json!("secret");
    answer["client_id_issued_at"] = json!(1_767_225_600);
    answer["client_secret_expires_at"] = json!(0);

    let contract = properties("ClientInformation");
    assert_eq!(contract.len(), 17);
    assert_eq!(contract, keys(&answer));
    let client = ClientInformation::from_json(&answer.to_string()).unwrap();
    assert_eq!(client.expose_json(), answer, "every field is read, kept and written");
    assert!(client.additional.is_empty(), "no field of the contract is unknown to the façade");
}

#[test]
fn the_defaults_of_the_contract_are_those_of_client_metadata() {
    let contract = contract();
    let properties = contract["components"]["schemas"]["ClientMetadata"]["properties"].clone();
    let sent = serde_json::to_value(ClientMetadata::default()).unwrap();
    for (name, property) in properties.as_object().unwrap() {
        if let Some(default) = property.get("default") {
            // An empty list of redirect URIs is left out, which is the same.
            assert_eq!(sent.get(name).unwrap_or(&json!([])), default, "{name}");
        } else {
            assert_eq!(property["nullable"], json!(true), "{name}");
            assert_eq!(sent.get(name), None, "{name} is left out");
        }
    }
}

#[test]
fn the_contract_asks_for_what_is_documented() {
    let contract = contract();
    assert_eq!(contract["openapi"], "3.0.3");
    let operation = &contract["paths"]["/v1/oauth/register"]["post"];
    assert_eq!(operation["operationId"], "register_client");
    assert_eq!(operation["security"], json!([{}, {"bearerToken": []}]));
    let statuses: Vec<_> = operation["responses"].as_object().unwrap().keys().collect();
    assert_eq!(statuses, ["2XX", "422"]);
    let schemas = &contract["components"]["schemas"];
    assert_eq!(schemas["ClientMetadata"].get("required"), None);
    assert_eq!(schemas["ClientInformation"]["required"], json!(["client_id"]));
    assert_eq!(schemas["ValidationError"]["required"], json!(["loc", "msg", "type"]));
}

#[tokio::test]
async fn the_examples_of_the_contract_are_read_as_what_they_are() {
    let contract = contract();
    let operation = &contract["paths"]["/v1/oauth/register"]["post"];
    let request = &operation["requestBody"]["content"]["application/json"]["example"];
    let answer = &operation["responses"]["2XX"]["content"]["application/json"]["example"];
    let refusal = &operation["responses"]["422"]["content"]["application/json"]["example"];

    let metadata: ClientMetadata = serde_json::from_value(request.clone()).unwrap();
    metadata.validate().unwrap();
    assert_eq!(&serde_json::to_value(&metadata).unwrap(), request);

    let server = Server::start().await;
    server.script([Reply::json(201, answer.clone()), Reply::json(422, refusal.clone())]);
    let client = server.client().register(&metadata).await.unwrap();
    assert_eq!(client.client_id, answer["client_id"]);
    assert_eq!(client.changes_from(&metadata), []);
    assert!(client.warnings().is_empty());

    let error = server.client().register(&metadata).await.unwrap_err();
    let poggio::Error::Validation(errors) = error else { panic!("{error}") };
    assert_eq!(errors.iter().next().unwrap().path(), "redirect_uris[0]");
}

#[tokio::test]
async fn every_success_status_is_a_registration() {
    for status in [200, 201, 202, 203, 206, 226, 299] {
        let reply = Reply::json(status, json!({"client_id": "id"}));
        let client = crate::support::register_with(reply).await.unwrap();
        assert_eq!(client.client_id, "id", "{status}");
        assert_eq!(client.response().unwrap().status().as_u16(), status);
    }
}
