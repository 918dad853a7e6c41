//! The authorization endpoint (RFC 6749 section 4.1, RFC 7636, RFC 9207): a page with two buttons,
//! and the redirect to the client. If the client or its redirect URI is unknown, there is no redirect.

use wiremock::Request;

use super::{
    params::Params,
    reply::Reply,
    state::{self, CODE, Grant, State},
};
use crate::{
    metadata::GrantType, redact::sanitize, response::ClientInformation, url::without_port,
};

pub(super) const PATH: &str = "/app/oauth/authorize";

/// Shows the page for a GET request, and takes the decision of a POST request.
pub(super) fn respond(request: &Request, state: &mut State) -> Reply {
    let params = Params::parse(request.url.query().unwrap_or_default().as_bytes());
    let decision = Params::parse(&request.body).take("decision");
    let client = params.get("client_id").and_then(|id| state.clients.get(id));
    let Some(client) = client else {
        return Reply::text(400, "The client_id is not registered at this server.");
    };
    let Some(redirect_uri) = redirect_uri(&params, client) else {
        return Reply::text(400, "The redirect_uri is not registered for this client.");
    };
    let result = match (authorize(&params, client, &redirect_uri), decision.as_deref()) {
        (Ok(grant), Some("allow")) => Ok(state.issue(CODE, grant)),
        (Ok(_), Some(_)) => Err(("access_denied", "Denied by the user")),
        (Ok(grant), None) => return page(client, &grant),
        (Err(error), _) => Err(error),
    };

    let mut query = form_urlencoded::Serializer::new(String::new());
    match result {
        Ok(code) => query.append_pair("code", &code),
        Err((error, description)) => {
            query.append_pair("error", error).append_pair("error_description", description)
        }
    };
    query.extend_pairs(params.get("state").map(|state| ("state", state)));
    let query = query.append_pair("iss", &state.base_url).finish();
    let separator = if redirect_uri.contains('?') { '&' } else { '?' };
    Reply::status(303).with_header("location", format!("{redirect_uri}{separator}{query}"))
}

/// Returns the requested redirect URI if it is registered, by default the only registered one. The
/// port of a loopback URI may be any (RFC 8252 section 7.3).
fn redirect_uri(params: &Params, client: &ClientInformation) -> Option<String> {
    let registered = &client.metadata.redirect_uris;
    let only = registered.first().filter(|_| registered.len() == 1);
    let uri = params.take("redirect_uri").or_else(|| only.cloned())?;
    let mut registered = registered.iter().map(|own| without_port(own));
    let is_registered = registered.any(|own| own == without_port(&uri));
    (is_registered && !uri.contains('#')).then_some(uri)
}

/// Returns what the user may grant, or an error and its description.
fn authorize(
    params: &Params,
    client: &ClientInformation,
    redirect_uri: &str,
) -> Result<Grant, (&'static str, &'static str)> {
    if params.get("response_type") != Some("code") {
        return Err(("unsupported_response_type", "response_type must be code"));
    }
    if !state::allows(client, &GrantType::AuthorizationCode) {
        return Err(("unauthorized_client", "The client is not registered for this grant"));
    }
    let (Some(code_challenge), Some("S256")) =
        (params.take("code_challenge"), params.get("code_challenge_method"))
    else {
        return Err(("invalid_request", "PKCE with S256 is required"));
    };
    let scope = state::scope(params, client.metadata.scope.as_deref())
        .map_err(|()| ("invalid_scope", "The scope is not registered for this client"))?;
    Ok(Grant {
        client_id: client.client_id.clone(),
        scope,
        resource: params.take("resource"),
        redirect_uri: redirect_uri.to_owned(),
        code_challenge,
        ..Grant::default()
    })
}

/// Asks the user. The form has no `action`, so the browser sends it to the same URL.
fn page(client: &ClientInformation, grant: &Grant) -> Reply {
    let name = escape(client.metadata.client_name.as_ref().unwrap_or(&client.client_id));
    let scope = escape(grant.scope.as_deref().unwrap_or("none"));
    let redirect_uri = escape(&grant.redirect_uri);
    let html = format!(
        r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Allow {name}?</title>
<h1>Allow “<bdi>{name}</bdi>” to access your account?</h1>
<p>Scope: {scope}</p>
<p>Redirect URI: {redirect_uri}</p>
<p>This is a test server. It has no real accounts.</p>
<form method="post">
<button name="decision" value="allow">Allow</button>
<button name="decision" value="deny">Deny</button>
</form>
</html>
"#
    );
    Reply::html(200, html)
        .with_header("content-security-policy", "default-src 'none'; frame-ancestors 'none'")
}

fn escape(text: impl AsRef<str>) -> String {
    sanitize(text.as_ref())
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
