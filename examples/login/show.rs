//! What is printed. No secret is.

use std::{
    error::Error as _,
    io::{self, Write as _},
};

use poggio::{
    ClientInformation, Error, Outcome, ResponseMeta,
    oauth::oauth2::{TokenResponse, basic::BasicTokenResponse},
};

/// Prints; if nobody reads it, the user can log in all the same.
pub(crate) fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// Shows whether this run registered.
pub(crate) fn client(client: &ClientInformation) {
    let how = match client.response().map_or(0, ResponseMeta::attempts) {
        0 => "found: no registration was sent".to_owned(),
        1 => "registered: 1 request was sent".to_owned(),
        attempts => format!("registered: {attempts} requests were sent"),
    };
    print(&format!("\n{how}\n  client_id  {}\n", client.client_id.escape_debug()));
    for warning in client.warnings() {
        print(&format!("odd in the answer: {warning}\n"));
    }
}

/// Shows what a token is good for, and not the token.
pub(crate) fn token(how: &str, token: &BasicTokenResponse, asked: &[String]) {
    let lifetime = match token.expires_in() {
        Some(lifetime) => format!("{} s", lifetime.as_secs()),
        None => "not stated".to_owned(),
    };
    let scope = match token.scopes() {
        Some(scopes) => scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" "),
        // RFC 6749 section 5.1.
        None if asked.is_empty() => "not stated".to_owned(),
        None => format!("{} (as asked)", asked.join(" ")),
    };
    let refresh = match token.refresh_token() {
        Some(_) => "a refresh token came with it",
        None => "no refresh token came with it",
    };
    print(&format!(
        "\n{how}\n  token      {}, not shown\n  lifetime   {lifetime}\n  scope      {}\n  \
         refresh    {refresh}\n",
        token.token_type().as_ref().escape_debug(),
        scope.escape_debug(),
    ));
}

/// Says how a request carries the token.
pub(crate) fn how_to_call(url: &str) {
    print(&format!(
        "\na program sends it along as this does, with token.access_token().secret():\n  \
         curl -H \"Authorization: Bearer $TOKEN\" {url}\n"
    ));
}

/// Prints what happened, why and what now; returns the exit code.
pub(crate) fn report(error: &Error) -> u8 {
    // One line, with the outcome and what to do.
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
