//! Prints results and errors, without secrets.

use std::{
    error::Error as _,
    io::{self, Write as _},
};

use poggio::{
    ClientInformation, Error, Outcome, ResponseMeta,
    oauth::oauth2::{TokenResponse, basic::BasicTokenResponse},
};

/// Prints a text. A closed output is ignored, so that the login continues.
pub(crate) fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// Shows the client, and whether this run registered it.
pub(crate) fn client(client: &ClientInformation) {
    let how = match client.response().map_or(0, ResponseMeta::attempts) {
        0 => "found: no registration was sent".to_owned(),
        1 => "registered: 1 request was sent".to_owned(),
        attempts => format!("registered: {attempts} requests were sent"),
    };
    print(&format!(
        "\n{how}\n  client_id  {}\n",
        client.client_id.escape_debug().take(300).collect::<String>()
    ));
    for warning in client.warnings() {
        print(&format!("warning: {warning}\n"));
    }
}

/// Shows the properties of a token, but not the token.
pub(crate) fn token(how: &str, token: &BasicTokenResponse, requested: &[String]) {
    let lifetime = match token.expires_in() {
        Some(lifetime) => format!("{} s", lifetime.as_secs()),
        None => "unknown".to_owned(),
    };
    let scope = match token.scopes() {
        Some(scopes) => {
            let scopes = scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ");
            if scopes.is_empty() { "none was granted".to_owned() } else { scopes }
        }
        // Without `scope`, the server granted the requested scopes (RFC 6749 section 5.1).
        None if requested.is_empty() => "unknown".to_owned(),
        None => format!("{} (as requested)", requested.join(" ")),
    };
    let refresh = match token.refresh_token() {
        Some(_) => "with a refresh token",
        None => "no refresh token",
    };
    print(&format!(
        "\n{how}\n  token      {}, not shown\n  lifetime   {lifetime}\n  scope      {}\n  \
         refresh    {refresh}\n",
        token.token_type().as_ref().escape_debug(),
        scope.escape_debug(),
    ));
}

/// Shows how to send a request with the token.
pub(crate) fn how_to_call(url: &str) {
    print(&format!(
        "\nsend the token, token.access_token().secret(), as this request does:\n  \
         curl -H \"Authorization: Bearer $TOKEN\" {url}\n"
    ));
}

/// Prints an error and its causes; returns the exit code.
pub(crate) fn report(error: &Error) -> u8 {
    // The message has the outcome and says what to do.
    eprintln!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("   | because: {}", error.to_string().escape_debug());
        cause = error.source();
    }
    match error.outcome() {
        Outcome::NotRegistered => 1,
        Outcome::Unknown => 3,
        Outcome::Registered => 4,
    }
}
