//! The token endpoint: codes, refresh tokens and secrets into access tokens (RFC 6749 sections 3.2
//! and 4 to 6, RFC 7636, RFC 8707).
//!
//! A field that is missing is refused as FastAPI refuses it, all else as RFC 6749 does. A code
//! that could not be exchanged stays good: the mistake can be mended within its ten minutes.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use wiremock::Request;

use super::{
    authenticate,
    credentials::Credentials,
    fastapi::{self, Answer},
    ledger::{self, Grant, Ledger, TOKEN_LIFETIME},
    params::Params,
    state::State,
};
use crate::{ClientInformation, GrantType};

/// The documented endpoint, and the one beside the other endpoint for registrations.
pub(super) const PATHS: [&str; 2] = ["/v1/oauth/token", "/v2/oauth/token"];

pub(super) fn answer(request: &Request, state: &mut State) -> Answer {
    if request.method.as_str() != "POST" {
        return Answer::method_not_allowed("POST");
    }
    issue(request, &mut state.ledger, &mut state.credentials).unwrap_or_else(|refusal| refusal)
}

fn issue(request: &Request, ledger: &mut Ledger, next: &mut Credentials) -> Result<Answer, Answer> {
    let header = |name| request.headers.get(name).and_then(|value| value.to_str().ok());
    let media_type = header("content-type").unwrap_or_default().split(';').next();
    let is_form = media_type
        .is_some_and(|text| text.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"));
    // FastAPI finds no field in a body that is no form.
    let params = Params::parse(if is_form { &request.body } else { b"" });

    let has_header = request.headers.contains_key("authorization");
    let required: &[_] = if has_header { &["grant_type"] } else { &["grant_type", "client_id"] };
    all_given(&params, required)?;
    if params.any_is_repeated() {
        return Err(refused("invalid_request", "A parameter is given more than once"));
    }
    let client = authenticate::client(request, &params, ledger)?.clone();

    let grant_type = GrantType::from(params.get("grant_type").unwrap_or_default());
    let is_known = matches!(
        grant_type,
        GrantType::AuthorizationCode | GrantType::RefreshToken | GrantType::ClientCredentials
    );
    if !is_known {
        return Err(refused("unsupported_grant_type", "This grant_type is not one of this server"));
    }
    if !ledger::may_use(&client, &grant_type) {
        return Err(refused("unauthorized_client", "The client is not registered for this grant"));
    }
    match grant_type {
        GrantType::AuthorizationCode => exchange(&params, &client, ledger, next),
        GrantType::RefreshToken => refresh(&params, &client, ledger, next),
        _ => client_credentials(&params, &client, ledger, next),
    }
}

fn exchange(
    params: &Params,
    client: &ClientInformation,
    ledger: &mut Ledger,
    next: &mut Credentials,
) -> Result<Answer, Answer> {
    all_given(params, &["code"])?;
    let text = params.get("code").unwrap_or_default();
    let invalid = |description| refused("invalid_grant", description);
    let (code, is_fresh) = ledger.code(text).ok_or_else(|| invalid("The code is unknown"))?;
    let asked = code.asked;
    if asked.grant.client_id != client.client_id {
        return Err(invalid("The code was given to another client"));
    }
    if code.is_used {
        ledger.revoke_all_of(text);
        return Err(invalid("The code was used before; what came of it is revoked"));
    }
    if !is_fresh {
        return Err(invalid("The code has expired"));
    }
    match params.get("redirect_uri") {
        None if asked.redirect_is_stated => return Err(invalid("redirect_uri is missing")),
        Some(uri) if uri != asked.redirect_uri => {
            return Err(invalid("redirect_uri is not that of the authorization request"));
        }
        _ => {}
    }
    let verifier =
        params.get("code_verifier").ok_or_else(|| invalid("code_verifier is missing"))?;
    let is_verifier = (43..=128).contains(&verifier.len())
        && verifier.chars().all(|c| c.is_ascii_alphanumeric() || "-._~".contains(c));
    if !is_verifier || URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) != asked.challenge {
        return Err(invalid("code_verifier is not that of the code_challenge"));
    }
    let resources = targets(params, &asked.grant.resources)?;

    ledger.use_code(text);
    let mut grant = Grant { code: Some(text.to_owned()), ..asked.grant };
    if grant.resources.is_empty() {
        // Named now instead: it goes for what is refreshed too.
        grant.resources.clone_from(&resources);
    }
    let refresh_token = ledger::may_use(client, &GrantType::RefreshToken)
        .then(|| ledger.new_refresh_token(grant.clone(), next));
    Ok(issued(Grant { resources, ..grant }, refresh_token.as_deref(), ledger, next))
}

fn refresh(
    params: &Params,
    client: &ClientInformation,
    ledger: &mut Ledger,
    next: &mut Credentials,
) -> Result<Answer, Answer> {
    all_given(params, &["refresh_token"])?;
    let text = params.get("refresh_token").unwrap_or_default();
    let invalid = |description| refused("invalid_grant", description);
    let token =
        ledger.refresh_token(text).ok_or_else(|| invalid("The refresh token is unknown"))?;
    let grant = token.grant;
    if grant.client_id != client.client_id {
        return Err(invalid("The refresh token was given to another client"));
    }
    if token.is_used {
        // One of the two who have it is a thief (RFC 9700 section 4.14.2).
        ledger.revoke_all_of(grant.code.as_deref().unwrap_or_default());
        return Err(invalid("The refresh token was used before; what came of it is revoked"));
    }
    let scope = ledger::scope(params.get("scope"), grant.scope.as_deref())
        .filter(|scope| scope.is_none() || grant.scope.is_some())
        .ok_or_else(|| refused("invalid_scope", "scope is more than was granted"))?;
    let resources = targets(params, &grant.resources)?;

    let refresh_token = if ledger::is_public(client) {
        ledger.use_refresh_token(text);
        ledger.new_refresh_token(grant.clone(), next)
    } else {
        text.to_owned()
    };
    Ok(issued(Grant { scope, resources, ..grant }, Some(&refresh_token), ledger, next))
}

fn client_credentials(
    params: &Params,
    client: &ClientInformation,
    ledger: &mut Ledger,
    next: &mut Credentials,
) -> Result<Answer, Answer> {
    if ledger::is_public(client) {
        let description = "client_credentials needs a client with a secret";
        return Err(refused("unauthorized_client", description));
    }
    let scope = ledger::scope(params.get("scope"), client.metadata.scope.as_deref())
        .ok_or_else(|| refused("invalid_scope", "scope is malformed, or more than registered"))?;
    let grant = Grant {
        client_id: client.client_id.clone(),
        scope,
        resources: targets(params, &[])?,
        org_id: params.get("org_id").map(str::to_owned),
        user_id: params.get("user_id").map(str::to_owned),
        code: None,
    };
    Ok(issued(grant, None, ledger, next))
}

fn targets(params: &Params, may_be: &[String]) -> Result<Vec<String>, Answer> {
    let description = "resource is no absolute URI without a fragment, or not one that was granted";
    ledger::resources(params, may_be).ok_or_else(|| refused("invalid_target", description))
}

/// Every member is there; FastAPI answers null for what is unset.
fn issued(
    grant: Grant,
    refresh_token: Option<&str>,
    ledger: &mut Ledger,
    next: &mut Credentials,
) -> Answer {
    let scope = grant.scope.clone();
    let members = json!({
        "access_token": ledger.new_access_token(grant, next),
        "token_type": "bearer",
        "expires_in": TOKEN_LIFETIME.as_secs(),
        "refresh_token": refresh_token,
        "scope": scope,
    });
    not_stored(Answer::new(200, members))
}

fn all_given(params: &Params, names: &[&str]) -> Result<(), Answer> {
    let missing = names.iter().filter(|name| params.get(name).is_none());
    let problems: Vec<_> = missing
        .map(|name| {
            fastapi::problem("missing", &json!(["body", name]), "Field required", &Value::Null)
        })
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(fastapi::refused(&problems)) }
}

pub(super) fn refused(error: &str, description: &str) -> Answer {
    let status = if error == "invalid_client" { 401 } else { 400 };
    not_stored(Answer::new(status, json!({"error": error, "error_description": description})))
}

/// RFC 6749 section 5.1.
fn not_stored(answer: Answer) -> Answer {
    answer.with_header("cache-control", "no-store".into()).with_header("pragma", "no-cache".into())
}
