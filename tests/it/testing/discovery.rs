//! The discovery documents and the MCP endpoint.

use std::time::Duration;

use poggio::{ClientMetadata, testing::Server};
use serde_json::{Value, json};

use super::requests::*;

async fn get(url: String) -> Value {
    let response = http().get(url).send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

#[tokio::test]
async fn discovery_documents_name_the_endpoints() {
    let server = Server::start().await;
    let base = server.base_url();
    let resource = json!({
        "resource": server.mcp_url(),
        "authorization_servers": [server.issuer()],
        "bearer_methods_supported": ["header"],
    });
    assert_eq!(get(format!("{base}/.well-known/oauth-protected-resource/mcp")).await, resource);
    let metadata = get(format!("{base}/.well-known/oauth-authorization-server")).await;
    let expected = json!({
        "issuer": base,
        "authorization_endpoint": server.authorization_endpoint(),
        "token_endpoint": format!("{base}/v2/oauth/token"),
        "registration_endpoint": format!("{base}/v2/oauth/register"),
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "token_endpoint_auth_methods_supported":
            ["client_secret_post", "client_secret_basic", "none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
    });
    assert_eq!(metadata, expected);

    let registration = http().post(metadata["registration_endpoint"].as_str().unwrap());
    let client: Value = registration.json(&public()).send().await.unwrap().json().await.unwrap();
    assert_eq!(server.registrations()[0].path(), "/v2/oauth/register");
    let id = client["client_id"].as_str().unwrap();
    let code = code(&server, &authorization(id)).await;
    let exchange = http().post(metadata["token_endpoint"].as_str().unwrap());
    let response = exchange.body(encoded(&super::requests::exchange(id, &code))).send().await;
    assert_eq!(response.unwrap().status(), 200);
}

#[tokio::test]
async fn mcp_endpoint_requires_a_valid_token_for_its_url() {
    let server = Server::start().await;
    let mcp_url = server.mcp_url();
    let client = register(&server, &ClientMetadata::client_credentials()).await;
    let form = vec![
        ("grant_type", "client_credentials"),
        ("client_id", &client.client_id),
        ("client_secret", secret(&client)),
        ("org_id", "org-1"),
        ("user_id", "user-1"),
        ("scope", "read"),
    ];
    let token_for = async |resource: &str| {
        let (_, body) = token(&server, &with(&form, &[("resource", resource)])).await;
        body["access_token"].as_str().unwrap().to_owned()
    };
    let valid = token_for(&mcp_url).await;

    let response = http().get(&mcp_url).bearer_auth(&valid).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let expected = json!({
        "client_id": client.client_id, "scope": "read", "org_id": "org-1", "user_id": "user-1",
    });
    assert_eq!(response.json::<Value>().await.unwrap(), expected);
    let challenge = format!(
        r#"Bearer error="invalid_token", resource_metadata="{}/.well-known/oauth-protected-resource/mcp""#,
        server.base_url()
    );
    for header in [
        String::new(),
        format!("Bearer {}", token_for("https://other.example/mcp").await),
        format!("Bearer {}", token_for("").await),
        format!("Basic {valid}"),
        "Bearer made-up".to_owned(),
    ] {
        let response = http().get(&mcp_url).header("authorization", &header).send().await.unwrap();
        assert_eq!(response.status(), 401, "{header}");
        assert_eq!(response.headers()["www-authenticate"], challenge, "{header}");
        assert_eq!(response.json::<Value>().await.unwrap()["error"], "invalid_token", "{header}");
    }

    server.advance_clock(Duration::from_secs(3500));
    assert_eq!(mcp_status(&server, &json!(valid)).await, 200);
    server.advance_clock(Duration::from_secs(100));
    assert_eq!(mcp_status(&server, &json!(valid)).await, 401);
}
