//! The authorization endpoint: who may be sent where with a code (RFC 6749 section 4.1, RFC 7636,
//! RFC 8707, RFC 9207).
//!
//! An error goes to the program only where it is certain that it is the program's own address;
//! else it is shown, and nobody is sent anywhere.

use fluent_uri::Uri;
use wiremock::{Request, ResponseTemplate};

use super::{
    ledger::{self, Asked, Grant},
    page::{self, Question},
    params::{Params, with_params},
    state::State,
};
use crate::{ClientInformation, GrantType, ResponseType, url};

pub(super) const PATH: &str = "/app/oauth/authorize";

pub(super) fn answer(request: &Request, state: &mut State) -> ResponseTemplate {
    match request.method.as_str() {
        "GET" => ask(&Params::parse(request.url.query().unwrap_or_default().as_bytes()), state),
        "POST" => decide(&Params::parse(&request.body), state),
        _ => page::problem(405, "This page is opened, or answered with its buttons.")
            .append_header("allow", "GET, POST"),
    }
}

fn ask(params: &Params, state: &mut State) -> ResponseTemplate {
    let (client, redirect_uri) = match addressee(params, state) {
        Ok(addressee) => addressee,
        Err(problem) => return page::problem(400, problem),
    };
    let (client, redirect_uri) = (client.clone(), redirect_uri.to_owned());
    match asked(params, &client, &redirect_uri) {
        Ok(asked) => {
            let ticket = state.ledger.show(asked.clone());
            page::question(&Question { ticket: &ticket, client: &client, asked: &asked })
        }
        Err((error, description)) => {
            let error = [("error", error), ("error_description", description)];
            send(302, &redirect_uri, &error, params.get("state"), &state.base_url)
        }
    }
}

/// The client and its address, or what is wrong with either.
fn addressee<'a>(
    params: &'a Params,
    state: &'a State,
) -> Result<(&'a ClientInformation, &'a str), &'static str> {
    if params.is_repeated("client_id") || params.is_repeated("redirect_uri") {
        return Err("The request names the program, or the address to send you to, twice.");
    }
    let id = params.get("client_id").ok_or("The request does not name a program (client_id).")?;
    let client =
        state.ledger.client(id).ok_or("The program (client_id) is not registered here.")?;
    let registered = &client.metadata.redirect_uris;
    let same = |a, b| url::without_port(a) == url::without_port(b);
    let uri = match (params.get("redirect_uri"), registered.as_slice()) {
        // The port of a loopback address is free (RFC 8252 section 7.3).
        (Some(asked), _) if registered.iter().any(|own| same(own, asked)) => asked,
        (Some(_), _) => {
            return Err("The address to send you to (redirect_uri) is not one that the program \
                 registered.");
        }
        (None, [only]) => only,
        (None, _) => {
            return Err("The request does not say where to send you (redirect_uri), and the \
                 program did not register exactly one address.");
        }
    };
    match Uri::parse(uri) {
        Ok(parsed) if !parsed.has_fragment() => Ok((client, uri)),
        _ => Err("The address to send you to (redirect_uri) is not an absolute URI without a \
             fragment."),
    }
}

/// The request as it may be allowed, or an error and its description.
fn asked(
    params: &Params,
    client: &ClientInformation,
    redirect_uri: &str,
) -> Result<Asked, (&'static str, &'static str)> {
    if params.any_is_repeated() {
        return Err(("invalid_request", "A parameter is given more than once"));
    }
    match params.get("response_type") {
        Some("code") => {}
        Some(_) => return Err(("unsupported_response_type", "response_type can only be code")),
        None => return Err(("invalid_request", "response_type is missing")),
    }
    let response_types = &client.metadata.response_types;
    let has_code = response_types.is_empty() || response_types.contains(&ResponseType::Code);
    if !has_code || !ledger::may_use(client, &GrantType::AuthorizationCode) {
        return Err(("unauthorized_client", "The client is not registered for codes"));
    }
    let Some(challenge) = params.get("code_challenge") else {
        return Err(("invalid_request", "code_challenge is missing: PKCE is required"));
    };
    if params.get("code_challenge_method") != Some("S256") {
        let description = "code_challenge_method must be S256; left out, it is plain";
        return Err(("invalid_request", description));
    }
    let is_base64url = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if challenge.len() != 43 || !challenge.chars().all(is_base64url) {
        let description = "code_challenge must be 43 characters: a SHA-256 in base64url";
        return Err(("invalid_request", description));
    }
    let scope = ledger::scope(params.get("scope"), client.metadata.scope.as_deref())
        .ok_or(("invalid_scope", "scope is malformed, or more than the client registered"))?;
    let resources = ledger::resources(params, &[])
        .ok_or(("invalid_target", "resource must be an absolute URI without a fragment"))?;
    Ok(Asked {
        grant: Grant { client_id: client.client_id.clone(), scope, resources, ..Grant::default() },
        redirect_uri: redirect_uri.to_owned(),
        redirect_is_stated: params.get("redirect_uri").is_some(),
        state: params.get("state").map(str::to_owned),
        challenge: challenge.to_owned(),
    })
}

fn decide(params: &Params, state: &mut State) -> ResponseTemplate {
    let Some(decision @ (page::ALLOW | page::DENY)) = params.get("decision") else {
        return page::problem(400, "Nothing was decided: neither Allow nor Deny was pressed.");
    };
    let asked = params.get("ticket").and_then(|ticket| state.ledger.answered(ticket));
    let Some(asked) = asked else {
        return page::problem(
            400,
            "This question was answered already, or too long ago, or was never asked.",
        );
    };
    let (redirect_uri, to_state) = (asked.redirect_uri.clone(), asked.state.clone());
    let code;
    let answer = if decision == page::ALLOW {
        code = state.ledger.new_code(asked, &mut state.credentials);
        [("code", code.as_str())].to_vec()
    } else {
        [("error", "access_denied"), ("error_description", "Denied by the user")].to_vec()
    };
    // A browser asks with GET after a 303.
    send(303, &redirect_uri, &answer, to_state.as_deref(), &state.base_url)
}

fn send(
    status: u16,
    redirect_uri: &str,
    answer: &[(&str, &str)],
    state: Option<&str>,
    issuer: &str,
) -> ResponseTemplate {
    let mut params = answer.to_vec();
    params.extend(state.map(|state| ("state", state)));
    params.push(("iss", issuer));
    ResponseTemplate::new(status)
        .append_header("location", with_params(redirect_uri, &params))
        .append_header("cache-control", "no-store")
        .append_header("referrer-policy", "no-referrer")
}
