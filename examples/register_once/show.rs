//! What is printed. No secret is.

use std::{
    error::Error as _,
    io::{self, Write as _},
};

use poggio::{
    ClientInformation, Error, Outcome, ResponseMeta,
    store::{Retired, RetiredReason, StoredRegistration},
};

use crate::{NOT_REGISTERED, REGISTERED, UNKNOWN};

/// Prints; if nobody reads it, the client is kept all the same.
pub(crate) fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// Shows whether this run registered, and what is kept.
pub(crate) fn client(client: &ClientInformation, kept: &[StoredRegistration]) {
    let how = match client.response().map_or(0, ResponseMeta::attempts) {
        0 => "found: no request was sent".to_owned(),
        1 => "registered: 1 request was sent".to_owned(),
        attempts => format!("registered: {attempts} requests were sent"),
    };
    let kept = kept.iter().rev().find(|kept| kept.client().client_id == client.client_id);
    print(&format!("{how}\n  client_id  {}\n", client.client_id.escape_debug()));
    if let Some(kept) = kept {
        print(&format!("  saved      {}\n", kept.saved_at()));
    }
    for warning in client.warnings() {
        print(&format!("odd in the answer: {warning}\n"));
    }
}

/// Shows all that a store has, the oldest first.
pub(crate) fn list(registrations: &[StoredRegistration]) {
    if registrations.is_empty() {
        print("\nit has no client\n");
    }
    for kept in registrations {
        let origin = if kept.is_imported() { "imported" } else { "registered" };
        let state = match kept.retired() {
            None => "in use".to_owned(),
            Some(Retired { reason, at, .. }) => format!("{} since {at}", word(reason)),
        };
        print(&format!(
            "\n{}\n  endpoint  {}\n  saved     {}, {origin}\n  state     {state}\n",
            kept.client().client_id.escape_debug(),
            kept.endpoint(),
            kept.saved_at(),
        ));
    }
}

fn word(reason: RetiredReason) -> &'static str {
    match reason {
        RetiredReason::Expired => "expired",
        RetiredReason::Rejected => "not accepted",
        RetiredReason::Removed => "removed",
        RetiredReason::Replaced => "replaced",
        RetiredReason::LostRace => "lost_race by another host's",
        _ => "not in use",
    }
}

/// Shows what became of a change.
pub(crate) fn changed(client_id: &str, has_changed: bool, what: &str) -> Result<(), u8> {
    let client_id = client_id.escape_debug();
    if has_changed {
        print(&format!("\n{client_id} is {what}\n"));
        return Ok(());
    }
    print(&format!("\n{client_id} is not in use; nothing was changed\n"));
    Err(NOT_REGISTERED)
}

/// Why nothing was done.
pub(crate) struct Refusal {
    pub(crate) what: &'static str,
    pub(crate) place: String,
    pub(crate) problem: String,
    pub(crate) help: &'static str,
}

impl Refusal {
    pub(crate) fn report(&self) -> u8 {
        eprintln!("error: {}", self.what);
        eprintln!("  --> {}", self.place);
        eprintln!("   | {}", self.problem);
        eprintln!("   = help: {}", self.help);
        NOT_REGISTERED
    }
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
        Outcome::NotRegistered => NOT_REGISTERED,
        Outcome::Unknown => UNKNOWN,
        Outcome::Registered => REGISTERED,
    }
}
