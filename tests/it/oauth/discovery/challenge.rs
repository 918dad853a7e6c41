//! `discover_for_challenge`: from the challenge of a resource to its authorization server.

use super::*;

/// A resource that has its metadata at `/elsewhere`.
async fn serve_elsewhere() -> (MockServer, Client) {
    let resource = json!({
        "resource": "BASE/mcp", "authorization_servers": ["BASE"], "scopes_supported": ["admin"],
    });
    serve(&[("/elsewhere", resource), (SERVER_PATH, metadata(json!({})))]).await
}

#[tokio::test]
async fn discover_for_challenge_uses_the_metadata_and_the_scopes_of_the_challenge() {
    for (challenge, scopes) in [
        (
            r#"Bearer resource_metadata="BASE/elsewhere", scope="read write""#,
            &["read", "write"][..],
        ),
        (r#"Basic realm="x", Bearer scope="read", resource_metadata=BASE/elsewhere"#, &["admin"]),
        (r#"Bearer resource_metadata="BASE/elsewhere""#, &["admin"]),
    ] {
        let (server, poggio) = serve_elsewhere().await;
        let (url, challenge) =
            (format!("{}/mcp", server.uri()), challenge.replace("BASE", &server.uri()));
        let found = poggio.discover_for_challenge(&url, &challenge).await.unwrap();
        assert_eq!(found.issuer, Some(server.uri()));
        assert_eq!(found.resource, Some(url));
        assert_eq!(found.default_scopes(), scopes);
        // The resource is not requested.
        assert_eq!(requested(&server).await, ["/elsewhere", SERVER_PATH]);
    }
}

#[tokio::test]
async fn discover_for_challenge_refuses_the_metadata_of_another_resource() {
    let document =
        json!({"resource": "https://evil.example/mcp", "authorization_servers": ["BASE"]});
    let (server, poggio) = serve(&[("/elsewhere", document)]).await;
    let challenge = format!(r#"Bearer resource_metadata="{}/elsewhere""#, server.uri());
    let url = format!("{}/mcp", server.uri());
    let error = poggio.discover_for_challenge(&url, &challenge).await.unwrap_err();
    assert_eq!(error.kind(), OAuthErrorKind::Discovery);
    let line = format!("it describes the resource \"https://evil.example/mcp\", not \"{url}\"");
    assert!(error.to_string().contains(&line), "{error}");
}

#[tokio::test]
async fn discover_for_challenge_uses_the_fixed_endpoints_of_a_host_without_metadata() {
    for challenge in ["Bearer", "", "no challenge\n"] {
        let (server, poggio) = serve(&[]).await;
        let url = format!("{}/mcp", server.uri());
        let found = poggio.discover_for_challenge(&url, challenge).await.unwrap();
        assert_eq!(found.authorization_endpoint, format!("{}/authorize", server.uri()));
        assert_eq!(found.registration_endpoint, Some(format!("{}/register", server.uri())));
    }
}

#[tokio::test]
async fn discover_for_challenge_accepts_the_metadata_of_a_host_whose_issuer_has_a_path() {
    for (issuer, is_accepted) in [
        ("BASE/oauth", true),
        ("BASE/", true),
        ("BASE/oauth?tenant=7", false),
        ("https://evil.example/oauth", false),
        ("BASE.evil.example/oauth", false),
        ("not a URL", false),
    ] {
        let (server, poggio) = serve(&[(SERVER_PATH, metadata(json!({"issuer": issuer})))]).await;
        let url = format!("{}/mcp", server.uri());
        let found = poggio.discover_for_challenge(&url, "Bearer").await;
        assert_eq!(found.is_ok(), is_accepted, "{issuer}");
        if let Ok(found) = found {
            assert_eq!(found.token_endpoint, format!("{}/v2/oauth/token", server.uri()));
        }
        // A server that is named as the issuer must name itself.
        let direct = poggio.discover(&server.uri()).await;
        assert_eq!(direct.is_ok(), issuer == "BASE/", "{issuer}");
    }
}
