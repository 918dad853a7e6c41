//! Where everything is (RFC 8414, RFC 9728), and the MCP server that sends its callers there.

use serde_json::{Value, json};
use wiremock::Request;

use super::{authorize, fastapi, fastapi::Answer, state::State, token};

pub(super) const SERVER_METADATA: &str = "/.well-known/oauth-authorization-server";
pub(super) const RESOURCE_METADATA: &str = "/.well-known/oauth-protected-resource/mcp";
pub(super) const MCP: &str = "/mcp";

pub(super) fn server_metadata(request: &Request, base_url: &str) -> Answer {
    let ([_, registration], [_, token]) = (fastapi::PATHS, token::PATHS);
    document(
        request,
        json!({
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
        }),
    )
}

pub(super) fn resource_metadata(request: &Request, base_url: &str) -> Answer {
    document(
        request,
        json!({
            "resource": format!("{base_url}{MCP}"),
            "authorization_servers": [base_url],
            "bearer_methods_supported": ["header"],
        }),
    )
}

fn document(request: &Request, document: Value) -> Answer {
    match request.method.as_str() {
        "GET" => Answer::new(200, document),
        _ => Answer::method_not_allowed("GET"),
    }
}

/// Lets in who has a token for this resource, and says whose it is; sends anyone else to the
/// metadata (RFC 6750 section 3, RFC 9728 section 5.1).
pub(super) fn mcp(request: &Request, state: &State) -> Answer {
    if !matches!(request.method.as_str(), "GET" | "POST") {
        return Answer::method_not_allowed("GET, POST");
    }
    let base_url = &state.base_url;
    let here = format!("{base_url}{MCP}");
    let header = request.headers.get("authorization").and_then(|value| value.to_str().ok());
    let token = header
        .and_then(|value| value.split_once(' '))
        .and_then(|(scheme, token)| scheme.eq_ignore_ascii_case("bearer").then_some(token));
    match token.and_then(|token| state.ledger.access_token(token)) {
        Some(grant) if grant.resources.contains(&here) => Answer::new(
            200,
            json!({
                "ok": true,
                "client_id": grant.client_id,
                "scope": grant.scope,
                "org_id": grant.org_id,
                "user_id": grant.user_id,
            }),
        ),
        _ => {
            let challenge = format!(
                r#"Bearer error="invalid_token", resource_metadata="{base_url}{RESOURCE_METADATA}""#
            );
            Answer::new(401, json!({"error": "invalid_token", "error_description": "No live access token for this resource"}))
                .with_header("www-authenticate", challenge)
        }
    }
}
