//! The discovery documents (RFC 8414, RFC 9728), and the MCP endpoint that refers to them.

use serde_json::json;
use wiremock::Request;

use super::{authorize, registration, reply::Reply, state::State, token};

pub(super) const SERVER_METADATA: &str = "/.well-known/oauth-authorization-server";
pub(super) const RESOURCE_METADATA: &str = "/.well-known/oauth-protected-resource/mcp";
pub(super) const MCP: &str = "/mcp";

pub(super) fn server_metadata(state: &State) -> Reply {
    let base_url = &state.base_url;
    let ([_, registration], [_, token]) = (registration::PATHS, token::PATHS);
    let document = json!({
        "issuer": base_url,
        "authorization_endpoint": format!("{base_url}{}", authorize::PATH),
        "token_endpoint": format!("{base_url}{token}"),
        "registration_endpoint": format!("{base_url}{registration}"),
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "token_endpoint_auth_methods_supported":
            ["client_secret_post", "client_secret_basic", "none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
    });
    Reply::json(200, document)
}

pub(super) fn resource_metadata(state: &State) -> Reply {
    let base_url = &state.base_url;
    let document = json!({
        "resource": format!("{base_url}{MCP}"),
        "authorization_servers": [base_url],
        "bearer_methods_supported": ["header"],
    });
    Reply::json(200, document)
}

/// Responds with what a valid access token for this resource permits, or with a challenge (RFC 9728
/// section 5.1).
pub(super) fn mcp(request: &Request, state: &State) -> Reply {
    let base_url = &state.base_url;
    let resource = Some(format!("{base_url}{MCP}"));
    let header = request.headers.get("authorization").and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| value.strip_prefix("Bearer "));
    let grant = token.and_then(|token| state.access_token(token));
    let Some(grant) = grant.filter(|grant| grant.resource == resource) else {
        let challenge = format!(
            r#"Bearer error="invalid_token", resource_metadata="{base_url}{RESOURCE_METADATA}""#
        );
        return Reply::json(401, json!({"error": "invalid_token"}))
            .with_header("www-authenticate", challenge);
    };
    let permitted = json!({
        "client_id": grant.client_id,
        "scope": grant.scope,
        "org_id": grant.org_id,
        "user_id": grant.user_id,
    });
    Reply::json(200, permitted)
}
