//! Prints results and errors, without secrets.

use std::{
    error::Error as _,
    io::{self, Write as _},
};

use poggio::{
    ClientInformation, Error, Outcome, ResponseMeta,
    store::{Retired, RetiredReason, StoredRegistration},
};

use crate::{NOT_REGISTERED, REGISTERED, UNKNOWN};

/// Prints a text. A closed output is ignored, because the client is in the store.
pub(crate) fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// Shows the client, and whether this run registered it.
pub(crate) fn client(client: &ClientInformation, registrations: &[StoredRegistration]) {
    let how = match client.response().map_or(0, ResponseMeta::attempts) {
        0 => "found: no request was sent".to_owned(),
        1 => "registered: 1 request was sent".to_owned(),
        attempts => format!("registered: {attempts} requests were sent"),
    };
    let stored =
        registrations.iter().rev().find(|stored| stored.client().client_id == client.client_id);
    print(&format!(
        "{how}\n  client_id  {}\n",
        client.client_id.escape_debug().take(300).collect::<String>()
    ));
    if let Some(stored) = stored {
        print(&format!("  saved      {}\n", stored.saved_at()));
    }
    for warning in client.warnings() {
        print(&format!("warning: {warning}\n"));
    }
}

/// Shows every registration in a store, oldest first.
pub(crate) fn list(registrations: &[StoredRegistration]) {
    if registrations.is_empty() {
        print("\nthe store has no clients\n");
    }
    for stored in registrations {
        let origin = if stored.is_imported() { "imported" } else { "registered" };
        let state = match stored.retired() {
            None => "in use".to_owned(),
            Some(Retired { reason, at, .. }) => format!("{} since {at}", describe(reason)),
        };
        print(&format!(
            "\n{}\n  endpoint  {}\n  saved     {}, {origin}\n  state     {state}\n",
            stored.client().client_id.escape_debug().take(300).collect::<String>(),
            stored.endpoint(),
            stored.saved_at(),
        ));
    }
}

fn describe(reason: RetiredReason) -> &'static str {
    match reason {
        RetiredReason::Expired => "expired",
        RetiredReason::Rejected => "rejected",
        RetiredReason::Removed => "removed",
        RetiredReason::Replaced => "replaced",
        RetiredReason::LostRace => "not used: another host registered first",
        _ => "not in use",
    }
}

/// Shows the result of a change to the store.
pub(crate) fn changed(client_id: &str, has_changed: bool, what: &str) -> Result<(), u8> {
    let client_id = client_id.escape_debug();
    if has_changed {
        print(&format!("\n{client_id} is {what}\n"));
        return Ok(());
    }
    print(&format!("\n{client_id} is not in use; nothing was changed\n"));
    Err(NOT_REGISTERED)
}

/// An error before any registration.
pub(crate) struct Failure {
    pub(crate) what: &'static str,
    pub(crate) location: String,
    pub(crate) problem: String,
    pub(crate) help: &'static str,
}

impl Failure {
    pub(crate) fn report(&self) -> u8 {
        eprintln!("error: {}", self.what);
        eprintln!("  --> {}", self.location);
        eprintln!("   | {}", self.problem);
        eprintln!("   = help: {}", self.help);
        NOT_REGISTERED
    }
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
        Outcome::NotRegistered => NOT_REGISTERED,
        Outcome::Unknown => UNKNOWN,
        Outcome::Registered => REGISTERED,
    }
}
