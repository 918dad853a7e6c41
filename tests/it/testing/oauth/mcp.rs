use super::*;

/// How the MCP server answers a token.
pub(super) async fn status(server: &Server, access_token: &str) -> u16 {
    let answer = http().post(server.mcp_url()).bearer_auth(access_token).send().await.unwrap();
    answer.status().as_u16()
}

async fn get(url: String) -> (u16, Value) {
    let answer = http().get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn the_documents_lead_to_the_endpoints() {
    let server = Server::start().await;
    let base = server.base_url();
    let (status, resource) = get(format!("{base}/.well-known/oauth-protected-resource/mcp")).await;
    assert_eq!(status, 200);
    assert_eq!(
        resource,
        serde_json::json!({
            "resource": server.mcp_url(),
            "authorization_servers": [server.issuer()],
            "bearer_methods_supported": ["header"],
        })
    );
    let (status, metadata) = get(format!("{base}/.well-known/oauth-authorization-server")).await;
    assert_eq!(status, 200);
    assert_eq!(
        metadata,
        serde_json::json!({
            "issuer": base,
            "authorization_endpoint": format!("{base}/app/oauth/authorize"),
            "token_endpoint": format!("{base}/v2/oauth/token"),
            "registration_endpoint": format!("{base}/v2/oauth/register"),
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
            "token_endpoint_auth_methods_supported":
                ["client_secret_post", "client_secret_basic", "none"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
        })
    );
    assert_eq!(metadata["authorization_endpoint"], server.authorization_endpoint());
    assert_eq!(metadata["token_endpoint"], format!("{base}/v2/oauth/token"));

    let registered =
        http().post(metadata["registration_endpoint"].as_str().unwrap()).json(&public());
    let registered: Value = registered.send().await.unwrap().json().await.unwrap();
    assert_eq!(registered["client_id"], "loopback-client-1");
    assert_eq!(server.registrations()[0].path(), "/v2/oauth/register");
    let code = allowed_code(&server, &asking("loopback-client-1")).await;
    let form = exchanging("loopback-client-1", &code);
    assert_eq!(post(&format!("{base}/v2/oauth/token"), &form, None).await.status(), 200);
}

#[tokio::test]
async fn what_is_asked_the_wrong_way_is_405() {
    let server = Server::start().await;
    for (path, allow) in [
        ("/mcp", "GET, POST"),
        ("/.well-known/oauth-authorization-server", "GET"),
        ("/.well-known/oauth-protected-resource/mcp", "GET"),
        ("/v1/oauth/token", "POST"),
        ("/v2/oauth/token", "POST"),
        ("/v2/oauth/register", "POST"),
        ("/app/oauth/authorize", "GET, POST"),
    ] {
        let answer = http().put(format!("{}{path}", server.base_url())).send().await.unwrap();
        assert_eq!(answer.status(), 405, "{path}");
        assert_eq!(answer.headers()["allow"], allow, "{path}");
    }
}

#[tokio::test]
async fn the_mcp_server_wants_a_live_token_for_itself() {
    let server = Server::start().await;
    let here = server.mcp_url();
    let metadata = metadata().with_grant_types([GrantType::ClientCredentials]);
    let client = registered(&server, &metadata).await;
    let secret = client.client_secret.as_ref().unwrap().expose();
    let base: Pairs = vec![
        ("grant_type", "client_credentials"),
        ("client_id", &client.client_id),
        ("client_secret", secret),
        ("org_id", "org-1"),
        ("user_id", "user-1"),
        ("scope", "read"),
    ];
    let token_for = async |resource: &str| {
        let (.., body) = token(&server, &changed(&base, &[("resource", resource)]), None).await;
        body["access_token"].as_str().unwrap().to_owned()
    };
    let good = token_for(&here).await;
    let elsewhere = token_for("https://other.example/mcp").await;
    let nowhere = token_for("").await;

    let answer = http().get(&here).bearer_auth(&good).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.json::<Value>().await.unwrap(),
        serde_json::json!({
            "ok": true,
            "client_id": client.client_id,
            "scope": "read",
            "org_id": "org-1",
            "user_id": "user-1",
        })
    );
    let challenge = format!(
        r#"Bearer error="invalid_token", resource_metadata="{}/.well-known/oauth-protected-resource/mcp""#,
        server.base_url()
    );
    for header in [
        None,
        Some(format!("Bearer {elsewhere}")),
        Some(format!("Bearer {nowhere}")),
        Some(format!("Basic {good}")),
        Some("Bearer".to_owned()),
        Some("Bearer made-up".to_owned()),
    ] {
        let request = http().get(&here);
        let request = match &header {
            Some(value) => request.header("authorization", value),
            None => request,
        };
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 401, "{header:?}");
        assert_eq!(answer.headers()["www-authenticate"], challenge, "{header:?}");
        assert_eq!(answer.json::<Value>().await.unwrap()["error"], "invalid_token", "{header:?}");
    }

    server.advance(std::time::Duration::from_secs(3500));
    assert_eq!(status(&server, &good).await, 200);
    server.advance(std::time::Duration::from_secs(100));
    assert_eq!(status(&server, &good).await, 401);
}
