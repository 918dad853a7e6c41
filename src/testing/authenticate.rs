//! Who asks at the token endpoint: a client is held to the one method it is registered with
//! (RFC 6749 section 2.3).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use wiremock::Request;

use super::{fastapi::Answer, ledger::Ledger, params::Params, token::refused};
use crate::{AuthMethod, ClientInformation, ClientSecret};

/// The client of a token request that has an `Authorization` header or a `client_id`.
pub(super) fn client<'a>(
    request: &Request,
    params: &Params,
    ledger: &'a Ledger,
) -> Result<&'a ClientInformation, Answer> {
    match request.headers.get("authorization") {
        Some(header) => by_header(header.to_str().unwrap_or_default(), params, ledger),
        None => by_body(params, ledger),
    }
}

fn by_body<'a>(params: &Params, ledger: &'a Ledger) -> Result<&'a ClientInformation, Answer> {
    let id = params.get("client_id").unwrap_or_default();
    let client = ledger.client(id).ok_or_else(|| not_authenticated("The client is unknown"))?;
    let secret = params.get("client_secret");
    match (&client.metadata.token_endpoint_auth_method, secret) {
        (AuthMethod::None, None) => Ok(client),
        (AuthMethod::None, Some(_)) => {
            Err(not_authenticated("The client is registered with none: it has no secret to send"))
        }
        (AuthMethod::ClientSecretPost, Some(secret)) => with_secret(client, secret, ledger),
        (AuthMethod::ClientSecretPost, None) => Err(not_authenticated(
            "client_secret is missing: the client is registered with \
                 client_secret_post",
        )),
        (AuthMethod::ClientSecretBasic, _) => Err(not_authenticated(
            "The client is registered with client_secret_basic: its secret goes into a header",
        )),
        _ => {
            Err(not_authenticated("The client is registered with a method that is not known here"))
        }
    }
}

fn by_header<'a>(
    header: &str,
    params: &Params,
    ledger: &'a Ledger,
) -> Result<&'a ClientInformation, Answer> {
    let challenge = |answer: Answer| match answer.status {
        401 => answer.with_header("www-authenticate", r#"Basic realm="poggio""#.into()),
        _ => answer,
    };
    let not_authenticated = |description| challenge(not_authenticated(description));
    let (id, secret) = basic(header)
        .ok_or_else(|| not_authenticated("The Authorization header is not HTTP Basic"))?;
    if params.get("client_secret").is_some() {
        return Err(refused("invalid_request", "The client authenticates in two ways at once"));
    }
    if params.get("client_id").is_some_and(|other| other != id) {
        return Err(refused("invalid_request", "client_id differs from the Authorization header"));
    }
    let client = ledger.client(&id).ok_or_else(|| not_authenticated("The client is unknown"))?;
    if client.metadata.token_endpoint_auth_method != AuthMethod::ClientSecretBasic {
        return Err(not_authenticated("The client is not registered with client_secret_basic"));
    }
    with_secret(client, &secret, ledger).map_err(challenge)
}

/// The id and secret of HTTP Basic, each encoded as in a form (RFC 6749 section 2.3.1).
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, credentials) = header.split_once(' ')?;
    let bytes = STANDARD.decode(credentials.trim()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decoded = |text: &str| {
        // What a form would take for its own syntax is text here.
        let text = text.replace('&', "%26").replace('=', "%3D");
        form_urlencoded::parse(text.as_bytes()).next().map(|(text, _)| text.into_owned())
    };
    let is_basic = scheme.eq_ignore_ascii_case("basic");
    is_basic.then_some((decoded(id)?, decoded(secret).unwrap_or_default()))
}

fn with_secret<'a>(
    client: &'a ClientInformation,
    secret: &str,
    ledger: &Ledger,
) -> Result<&'a ClientInformation, Answer> {
    if client.client_secret.as_ref().map(ClientSecret::expose) != Some(secret) {
        return Err(not_authenticated("The client secret is wrong"));
    }
    if ledger.secret_has_expired(client) {
        return Err(not_authenticated("The client secret has expired"));
    }
    Ok(client)
}

fn not_authenticated(description: &str) -> Answer {
    refused("invalid_client", description)
}
