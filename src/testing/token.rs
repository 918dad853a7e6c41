//! The token endpoint (RFC 6749, RFC 7636, RFC 8707): client authentication and three grants.

use std::time::SystemTime;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::json;
use sha2::{Digest, Sha256};
use wiremock::Request;

use super::{
    params::Params,
    reply::Reply,
    state::{self, ACCESS_TOKEN, CODE, Grant, REFRESH_TOKEN, State, TOKEN_LIFETIME},
};
use crate::{
    metadata::{AuthMethod, GrantType},
    response::{ClientInformation, SecretExpiry},
    secret::ClientSecret,
};

/// The documented endpoint, and the one in the discovery document.
pub(super) const PATHS: [&str; 2] = ["/v1/oauth/token", "/v2/oauth/token"];

pub(super) fn respond(request: &Request, state: &mut State) -> Reply {
    if request.method.as_str() != "POST" {
        return Reply::method_not_allowed("POST");
    }
    issue(request, state).unwrap_or_else(|refusal| refusal).with_header("cache-control", "no-store")
}

fn issue(request: &Request, state: &mut State) -> Result<Reply, Reply> {
    let params = Params::parse(&request.body);
    let client = authenticate(request, &params, state)
        .map_err(|description| refusal("invalid_client", description))?
        .clone();
    let grant_type = GrantType::from(params.get("grant_type").unwrap_or_default());
    let is_allowed = state::allows(&client, &grant_type);
    require(is_allowed, "unauthorized_client", "The client is not registered for this grant")?;
    let (grant, refresh_token) = match grant_type {
        GrantType::AuthorizationCode => exchange(&params, &client, state)?,
        GrantType::RefreshToken => refresh(&params, &client, state)?,
        GrantType::ClientCredentials => (client_credentials(&params, &client)?, None),
        _ => return Err(refusal("unsupported_grant_type", "The grant is not supported")),
    };
    let scope = grant.scope.clone();
    let response = json!({
        "access_token": state.issue(ACCESS_TOKEN, grant),
        "token_type": "bearer",
        "expires_in": TOKEN_LIFETIME.as_secs(),
        "refresh_token": refresh_token,
        "scope": scope,
    });
    Ok(Reply::json(200, response))
}

/// Returns the client of a request if it uses the authentication method that it registered.
fn authenticate<'a>(
    request: &Request,
    params: &Params,
    state: &'a State,
) -> Result<&'a ClientInformation, &'static str> {
    let basic = match request.headers.get("authorization") {
        Some(header) => Some(
            header
                .to_str()
                .ok()
                .and_then(basic)
                .ok_or("The Authorization header is not HTTP Basic")?,
        ),
        None => None,
    };
    let credentials = basic.as_ref().unwrap_or(params);
    let secret = credentials.get("client_secret");
    let method = match (&basic, secret) {
        (Some(_), _) => AuthMethod::ClientSecretBasic,
        (None, Some(_)) => AuthMethod::ClientSecretPost,
        (None, None) => AuthMethod::None,
    };
    let id = credentials.get("client_id").ok_or("The client_id is missing")?;
    let client = state.clients.get(id).ok_or("The client is unknown")?;
    if client.metadata.token_endpoint_auth_method != method {
        return Err("The client is registered with another authentication method");
    }
    let registered = client.client_secret.as_ref().map(ClientSecret::expose);
    match client.client_secret_expires_at {
        _ if method == AuthMethod::None => Ok(client),
        _ if secret != registered => Err("The client secret is wrong"),
        SecretExpiry::At(at) if state.now() >= SystemTime::from(at) => {
            Err("The client secret has expired")
        }
        _ => Ok(client),
    }
}

/// Returns the credentials of HTTP Basic, which are form-encoded (RFC 6749 section 2.3.1).
fn basic(header: &str) -> Option<Params> {
    let bytes = STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some(Params::parse(format!("client_id={id}&client_secret={secret}").as_bytes()))
}

/// Exchanges a code. Returns the grant of the access token, and a refresh token.
fn exchange(
    params: &Params,
    client: &ClientInformation,
    state: &mut State,
) -> Result<(Grant, Option<String>), Reply> {
    let code = params.get("code").unwrap_or_default();
    let grant = state.redeem(CODE, code, &client.client_id);
    let mut grant = grant.ok_or_else(|| refusal("invalid_grant", "The code is not valid"))?;
    let is_same = params.get("redirect_uri").is_none_or(|uri| uri == grant.redirect_uri);
    require(is_same, "invalid_grant", "redirect_uri differs from the authorization request")?;
    let digest = Sha256::digest(params.get("code_verifier").unwrap_or_default());
    let is_verified = URL_SAFE_NO_PAD.encode(digest) == grant.code_challenge;
    require(is_verified, "invalid_grant", "code_verifier does not match code_challenge")?;
    grant.resource = grant.resource.or_else(|| params.take("resource"));
    state.mark_used(code);
    let refresh_token = state::allows(client, &GrantType::RefreshToken)
        .then(|| state.issue(REFRESH_TOKEN, grant.clone()));
    Ok((grant, refresh_token))
}

/// Returns the grant of the access token, and the next refresh token.
fn refresh(
    params: &Params,
    client: &ClientInformation,
    state: &mut State,
) -> Result<(Grant, Option<String>), Reply> {
    let mut token = params.take("refresh_token").unwrap_or_default();
    let grant = state.redeem(REFRESH_TOKEN, &token, &client.client_id);
    let grant = grant.ok_or_else(|| refusal("invalid_grant", "The refresh token is not valid"))?;
    let scope = state::scope(params, grant.scope.as_deref())
        .map_err(|()| refusal("invalid_scope", "The scope was not granted"))?;
    if is_public(client) || state.rotates_refresh_tokens {
        state.mark_used(&token);
        token = state.issue(REFRESH_TOKEN, grant.clone());
    }
    Ok((Grant { scope, ..grant }, Some(token)))
}

fn client_credentials(params: &Params, client: &ClientInformation) -> Result<Grant, Reply> {
    require(!is_public(client), "unauthorized_client", "This grant requires a client secret")?;
    let scope = state::scope(params, client.metadata.scope.as_deref())
        .map_err(|()| refusal("invalid_scope", "The scope is not registered for this client"))?;
    Ok(Grant {
        client_id: client.client_id.clone(),
        scope,
        resource: params.take("resource"),
        org_id: params.take("org_id"),
        user_id: params.take("user_id"),
        ..Grant::default()
    })
}

fn is_public(client: &ClientInformation) -> bool {
    client.metadata.token_endpoint_auth_method == AuthMethod::None
}

fn require(is_met: bool, error: &str, description: &str) -> Result<(), Reply> {
    if is_met { Ok(()) } else { Err(refusal(error, description)) }
}

fn refusal(error: &str, description: &str) -> Reply {
    let body = json!({"error": error, "error_description": description});
    match error {
        "invalid_client" => {
            Reply::json(401, body).with_header("www-authenticate", r#"Basic realm="poggio""#)
        }
        _ => Reply::json(400, body),
    }
}
