//! The token endpoint: client authentication, grants, rotation, and expiry.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use poggio::{
    AuthMethod, ClientMetadata, reqwest,
    testing::{Reply, Server},
};
use serde_json::{Value, json};

use super::requests::*;

#[tokio::test]
async fn token_endpoint_exchanges_and_refreshes_for_each_method() {
    for (method, reply) in [
        ("none", Reply::registered()),
        ("client_secret_post", Reply::registered()),
        ("client_secret_basic", Reply::registered()),
        // The method that was granted counts. Its secret needs form encoding.
        ("client_secret_post", Reply::reduced_grants().with_member("client_secret", "a+b%c &=:")),
    ] {
        let server = Server::start().await;
        server.script([reply]);
        let metadata = confidential().with_token_endpoint_auth_method(method);
        let client = register(&server, &metadata).await;
        let id = client.client_id.as_str();
        let code = code(&server, &authorization(id)).await;
        assert_eq!(code, "loopback-code-1-of-no-value-elsewhere");
        let send = async |form: Pairs<'_>| {
            let request = http().post(server.token_endpoint());
            let (request, form) = match client.metadata.token_endpoint_auth_method {
                AuthMethod::None => (request, form),
                AuthMethod::ClientSecretPost => {
                    (request, with(&form, &[("client_secret", secret(&client))]))
                }
                _ => {
                    let secret = &encoded(&[("", secret(&client))])[1..];
                    (request.basic_auth(id, Some(secret)), with(&form, &[("client_id", "")]))
                }
            };
            request.body(encoded(&form)).send().await.unwrap().json::<Value>().await.unwrap()
        };
        let refreshes = client.metadata.grant_types.len() == 2;
        let expected = json!({
            "access_token": "loopback-access-token-1-of-no-value-elsewhere",
            "token_type": "bearer",
            "expires_in": 3600,
            "refresh_token": refreshes.then_some("loopback-refresh-token-1-of-no-value-elsewhere"),
            "scope": null,
        });
        assert_eq!(send(exchange(id, &code)).await, expected);
        let token = expected["refresh_token"].as_str().unwrap_or("none");
        let body = send(refresh(id, token)).await;
        if refreshes {
            let token = "loopback-access-token-2-of-no-value-elsewhere";
            assert_eq!(body["access_token"], token);
        } else {
            assert_eq!(body["error"], "unauthorized_client");
        }
    }
}

#[tokio::test]
async fn token_endpoint_requires_the_registered_authentication_method() {
    let server = Server::start().await;
    let mut ids = Vec::new();
    for method in ["none", "client_secret_post", "client_secret_basic", "private_key_jwt"] {
        server.script([Reply::registered().with_member("client_secret", "right")]);
        let metadata = confidential().with_token_endpoint_auth_method(method);
        ids.push(register(&server, &metadata).await.client_id);
    }
    let [none, post, basic, jwt] = [0, 1, 2, 3].map(|index| ids[index].as_str());
    // A client that is authenticated fails later, because the code does not exist.
    for (id, in_form, in_header, error) in [
        (none, None, None, "invalid_grant"),
        (none, Some("right"), None, "invalid_client"),
        (none, None, Some("right"), "invalid_client"),
        (post, Some("right"), None, "invalid_grant"),
        (post, Some("wrong"), None, "invalid_client"),
        (post, None, None, "invalid_client"),
        (post, None, Some("right"), "invalid_client"),
        (basic, None, Some("right"), "invalid_grant"),
        (basic, None, Some("wrong"), "invalid_client"),
        (basic, None, Some(""), "invalid_client"),
        (basic, Some("right"), None, "invalid_client"),
        (jwt, None, None, "invalid_client"),
        (jwt, Some("right"), None, "invalid_client"),
        ("made-up", None, None, "invalid_client"),
        ("made-up", None, Some("right"), "invalid_client"),
        ("", None, None, "invalid_client"),
    ] {
        let form = with(&exchange(id, "made-up"), &[("client_secret", in_form.unwrap_or(""))]);
        let request = http().post(server.token_endpoint()).body(encoded(&form));
        let request = match in_header {
            Some(secret) => request.basic_auth(id, Some(secret)),
            None => request,
        };
        assert_error(request, error).await;
    }
    for header in ["Bearer right", "Basic", "Basic !", "Basic YQ==", ""] {
        let request = http().post(server.token_endpoint()).header("authorization", header);
        assert_error(request.body(encoded(&exchange(none, "made-up"))), "invalid_client").await;
    }
}

async fn assert_error(request: reqwest::RequestBuilder, error: &str) {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    assert_eq!(response.json::<Value>().await.unwrap()["error"], error);
    let is_unauthorized = error == "invalid_client";
    assert_eq!(status, if is_unauthorized { 401 } else { 400 });
    assert_eq!(headers.contains_key("www-authenticate"), is_unauthorized);
}

#[tokio::test]
async fn token_endpoint_refuses_an_expired_secret() {
    let server = Server::start().await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    server.script([Reply::registered().with_member("client_secret_expires_at", now + 60)]);
    let client = register(&server, &confidential()).await;
    let form = exchange(&client.client_id, "made-up");
    let form = with(&form, &[("client_secret", secret(&client))]);
    assert_refused(&server, &form, "invalid_grant").await;
    server.advance_clock(Duration::from_secs(60));
    assert_refused(&server, &form, "invalid_client").await;
}

#[tokio::test]
async fn token_endpoint_requires_a_supported_and_registered_grant() {
    let server = Server::start().await;
    let metadata = public().with_grant_types(["authorization_code", "client_credentials"]);
    let id = register(&server, &metadata).await.client_id;
    server.script([Reply::registered().with_member("grant_types", json!(["password"]))]);
    let other = register(&server, &public()).await.client_id;
    for (id, grant_type, error) in [
        (&id, "refresh_token", "unauthorized_client"),
        (&id, "password", "unauthorized_client"),
        (&id, "", "unauthorized_client"),
        // It needs a secret.
        (&id, "client_credentials", "unauthorized_client"),
        (&other, "password", "unsupported_grant_type"),
    ] {
        let form = with(&exchange(id, "made-up"), &[("grant_type", grant_type)]);
        assert_refused(&server, &form, error).await;
    }
    let response = http().get(server.token_endpoint()).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), response.headers()["allow"].to_str().unwrap()),
        (405, "POST")
    );
}

#[tokio::test]
async fn code_is_bound_to_its_authorization_request() {
    let server = Server::start().await;
    let id = register(&server, &public()).await.client_id;
    let other = register(&server, &public()).await.client_id;
    let first = code(&server, &authorization(&id)).await;
    let form = exchange(&id, &first);
    for change in [
        ("code", "made-up"),
        ("code", ""),
        ("client_id", &*other),
        ("redirect_uri", "http://127.0.0.1:8911/callback"),
        ("code_verifier", ""),
        ("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXK"),
        ("code_verifier", CHALLENGE),
    ] {
        assert_refused(&server, &with(&form, &[change]), "invalid_grant").await;
    }
    // None of these used the code.
    assert_eq!(token(&server, &form).await.0, 200);

    let (second, third) =
        (code(&server, &authorization(&id)).await, code(&server, &authorization(&id)).await);
    server.advance_clock(Duration::from_secs(500));
    assert_eq!(token(&server, &exchange(&id, &second)).await.0, 200);
    server.advance_clock(Duration::from_secs(100));
    assert_refused(&server, &exchange(&id, &third), "invalid_grant").await;
}

#[tokio::test]
async fn code_used_twice_revokes_the_tokens_of_its_login() {
    let server = Server::start().await;
    let id = register(&server, &public()).await.client_id;
    let other = register(&server, &public()).await.client_id;
    let mcp_url = server.mcp_url();
    let authorization = with(&authorization(&id), &[("resource", &mcp_url)]);
    let (first, second) =
        (code(&server, &authorization).await, code(&server, &authorization).await);
    let (_, kept) = token(&server, &exchange(&id, &first)).await;
    let (_, revoked) = token(&server, &exchange(&id, &second)).await;

    // Another client cannot revoke them.
    assert_refused(&server, &exchange(&other, &second), "invalid_grant").await;
    assert_eq!(mcp_status(&server, &revoked["access_token"]).await, 200);
    assert_refused(&server, &exchange(&id, &second), "invalid_grant").await;
    for (tokens, mcp, refreshed) in [(revoked, 401, 400), (kept, 200, 200)] {
        assert_eq!(mcp_status(&server, &tokens["access_token"]).await, mcp);
        let form = refresh(&id, tokens["refresh_token"].as_str().unwrap());
        assert_eq!(token(&server, &form).await.0, refreshed);
    }
}

#[tokio::test]
async fn refresh_token_is_rotated_for_public_clients_or_by_the_switch() {
    for (metadata, switch, rotates) in
        [(public(), false, true), (confidential(), false, false), (confidential(), true, true)]
    {
        let server = Server::start().await;
        server.rotate_refresh_tokens(switch);
        let client = register(&server, &metadata).await;
        let id = client.client_id.as_str();
        let is_public = metadata.token_endpoint_auth_method == AuthMethod::None;
        let own = [("client_secret", if is_public { "" } else { secret(&client) })];
        let mcp_url = server.mcp_url();
        let code = code(&server, &with(&authorization(id), &[("resource", &mcp_url)])).await;
        let (_, first) = token(&server, &with(&exchange(id, &code), &own)).await;
        let first = first["refresh_token"].as_str().unwrap();
        assert_refused(&server, &with(&refresh(id, "made-up"), &own), "invalid_grant").await;

        let form = with(&refresh(id, first), &own);
        let (status, second) = token(&server, &form).await;
        assert_eq!((status, second["refresh_token"] != first), (200, rotates));
        assert_eq!(mcp_status(&server, &second["access_token"]).await, 200);
        if rotates {
            // Reuse revokes the tokens of the login, also those of the rightful client.
            assert_refused(&server, &form, "invalid_grant").await;
            assert_eq!(mcp_status(&server, &second["access_token"]).await, 401);
            let second = second["refresh_token"].as_str().unwrap();
            assert_refused(&server, &with(&refresh(id, second), &own), "invalid_grant").await;
        } else {
            let (status, third) = token(&server, &form).await;
            assert_eq!((status, third["refresh_token"].as_str()), (200, Some(first)));
        }
    }
}

#[tokio::test]
async fn refresh_token_belongs_to_one_client() {
    let server = Server::start().await;
    let id = register(&server, &public()).await.client_id;
    let other = register(&server, &public()).await.client_id;
    let code = code(&server, &authorization(&id)).await;
    let (_, body) = token(&server, &exchange(&id, &code)).await;
    let refresh_token = body["refresh_token"].as_str().unwrap();
    let access_token = body["access_token"].as_str().unwrap();
    assert_refused(&server, &refresh(&other, refresh_token), "invalid_grant").await;
    assert_refused(&server, &refresh(&id, access_token), "invalid_grant").await;
    assert_eq!(token(&server, &refresh(&id, refresh_token)).await.0, 200);
}

#[tokio::test]
async fn scope_never_exceeds_the_granted_one() {
    let server = Server::start().await;
    let id = register(&server, &public().with_scope("read write admin")).await.client_id;
    let all = code(&server, &authorization(&id)).await;
    let (_, body) = token(&server, &exchange(&id, &all)).await;
    assert_eq!(body["scope"], "read write admin");

    let two = code(&server, &with(&authorization(&id), &[("scope", "read write")])).await;
    let (_, body) = token(&server, &exchange(&id, &two)).await;
    assert_eq!(body["scope"], "read write");
    let mut refresh_token = body["refresh_token"].as_str().unwrap().to_owned();
    for (requested, granted) in [("read", "read"), ("", "read write")] {
        let form = with(&refresh(&id, &refresh_token), &[("scope", requested)]);
        let (_, body) = token(&server, &form).await;
        assert_eq!(body["scope"], granted);
        refresh_token = body["refresh_token"].as_str().unwrap().to_owned();
    }
    let form = with(&refresh(&id, &refresh_token), &[("scope", "read admin")]);
    assert_refused(&server, &form, "invalid_scope").await;
}

#[tokio::test]
async fn resource_of_the_exchange_is_kept_for_refreshed_tokens() {
    let server = Server::start().await;
    let id = register(&server, &public()).await.client_id;
    let mcp_url = server.mcp_url();
    let code = code(&server, &authorization(&id)).await;
    let (_, body) = token(&server, &with(&exchange(&id, &code), &[("resource", &mcp_url)])).await;
    let (_, body) = token(&server, &refresh(&id, body["refresh_token"].as_str().unwrap())).await;
    assert_eq!(mcp_status(&server, &body["access_token"]).await, 200);
}

#[tokio::test]
async fn client_credentials_grant_issues_no_refresh_token() {
    let server = Server::start().await;
    let metadata = ClientMetadata::client_credentials()
        .with_grant_types(["client_credentials", "refresh_token"])
        .with_scope("read write");
    let client = register(&server, &metadata).await;
    let form = vec![
        ("grant_type", "client_credentials"),
        ("client_id", &*client.client_id),
        ("client_secret", secret(&client)),
    ];
    for (requested, granted) in [("", "read write"), ("write", "write")] {
        let (status, body) = token(&server, &with(&form, &[("scope", requested)])).await;
        assert_eq!((status, body["scope"].as_str()), (200, Some(granted)));
        assert_eq!(body["refresh_token"], Value::Null);
    }
    assert_refused(&server, &with(&form, &[("scope", "admin")]), "invalid_scope").await;
}
