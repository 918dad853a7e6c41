//! [`Failure`]: what a command prints if it fails, and its exit code. Every error becomes one: what
//! happened, where, why, and what to do.

use std::{error::Error as _, io};

use poggio::{Error, FieldError, Origin, Outcome, ValidationErrors, oauth::OAuthError};
use serde_json::{Value, json};

use crate::{exit::Exit, metadata, shown::plain};

/// The options select the server, the store and the account.
pub(crate) const LOG_IN: &str = "run `poggio login` with the same options";

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) what: String,
    pub(crate) details: Vec<Detail>,
    pub(crate) notes: Vec<String>,
    pub(crate) outcome: Option<Outcome>,
    /// In seconds, for JSON. The message says it, too.
    pub(crate) retry_after: Option<u64>,
    pub(crate) help: String,
}

/// A place, and what is wrong there.
#[derive(Debug, Default)]
pub(crate) struct Detail {
    pub(crate) place: Option<String>,
    pub(crate) why: Vec<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self {
            exit,
            what: what.into(),
            details: Vec::new(),
            notes: Vec::new(),
            outcome: None,
            retry_after: None,
            help: String::new(),
        }
    }

    /// A failure before anything was sent.
    pub(crate) fn io(what: &str, error: &io::Error) -> Self {
        Self::new(Exit::Failed, what)
            .why(error.to_string())
            .outcome(Outcome::NotRegistered)
            .help("correct this, then try again")
    }

    /// Adds a place. Causes that follow belong to it, and those before it that have no place.
    pub(crate) fn place(mut self, place: impl Into<String>) -> Self {
        let place = Some(place.into());
        match self.details.last_mut() {
            Some(detail) if detail.place.is_none() => detail.place = place,
            _ => self.details.push(Detail { place, why: Vec::new() }),
        }
        self
    }

    pub(crate) fn why(mut self, why: impl Into<String>) -> Self {
        if self.details.is_empty() {
            self.details.push(Detail::default());
        }
        if let Some(detail) = self.details.last_mut() {
            detail.why.push(why.into());
        }
        self
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    pub(crate) fn outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = Some(outcome);
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    pub(crate) fn to_json(&self) -> Value {
        let details: Vec<_> = self
            .details
            .iter()
            .map(|detail| json!({ "where": detail.place, "why": detail.why }))
            .collect();
        json!({ "error": {
            "kind": self.exit.name(),
            "exit_code": self.exit.code(),
            "what": self.what,
            "details": details,
            "notes": self.notes,
            "outcome": self.outcome.map(outcome_name),
            "retry_after": self.retry_after,
            "help": self.help,
        }})
    }
}

fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::NotRegistered => "not_registered",
        Outcome::Unknown => "unknown",
        Outcome::Registered => "registered",
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        OAuthError::from(error).into()
    }
}

impl From<OAuthError> for Failure {
    fn from(error: OAuthError) -> Self {
        let exit = Exit::of(&error);
        let help = match error.help() {
            "log in" => LOG_IN.to_owned(),
            help => in_terms_of_command(help),
        };
        let mut failure = match error.registration() {
            Some(Error::Validation(errors)) => invalid_metadata(exit, errors),
            Some(Error::Config(error)) => Self::new(exit, "a setting is invalid")
                .place(match error.setting() {
                    "resource" => "--resource".to_owned(),
                    setting => in_terms_of_command(setting),
                })
                .why(in_terms_of_command(error.problem())),
            Some(registration) => Self::new(exit, in_terms_of_command(&message(registration))),
            None => {
                // The message ends with the help.
                let text = error.to_string();
                let text = text.strip_suffix(error.help()).unwrap_or(&text);
                let mut lines = text.trim_end_matches(['\n', ' ', ';']).lines();
                let failure =
                    Self::new(exit, in_terms_of_command(lines.next().unwrap_or_default()));
                lines.fold(failure, |failure, line| failure.why(line.trim_start()))
            }
        };
        let mut cause = error.source();
        while let Some(error) = cause {
            failure = failure.why(format!("because: {}", plain(&error.to_string())));
            cause = error.source();
        }
        if let Some(registration) = error.registration() {
            if let Some(id) = registration.request_id() {
                failure = failure.note(format!("the server calls the request {}", plain(id)));
            }
            failure = failure.outcome(registration.outcome());
        }
        failure.retry_after = error.retry_after().map(|wait| wait.as_secs().max(1));
        failure.help(help)
    }
}

/// Returns the message of the payload, without outcome and help, which have lines of their own.
fn message(error: &Error) -> String {
    match error {
        Error::Api(error) => error.to_string(),
        Error::Transport(error) => error.to_string(),
        Error::Unreadable(error) => error.to_string(),
        Error::Store(error) => error.to_string(),
        other => other.to_string(),
    }
}

fn invalid_metadata(exit: Exit, errors: &ValidationErrors) -> Failure {
    let what = match errors.origin() {
        Origin::Local => "the client metadata is invalid and was not sent",
        Origin::Server => "the server rejected the client metadata",
    };
    errors.iter().fold(Failure::new(exit, what), add_field)
}

fn add_field(failure: Failure, error: &FieldError) -> Failure {
    let place = match error.field() {
        Some(field) => {
            let (flag, path) = (metadata::flag(field), error.path());
            if flag.trim_start_matches('-').replace('-', "_") == path {
                flag
            } else {
                format!("{flag} ({})", plain(path))
            }
        }
        None => plain(error.path()),
    };
    let failure = failure.place(place);
    let failure = match error.value() {
        Some(value) => failure.why(plain(&value.to_string())),
        None => failure,
    };
    failure.why(plain(error.message()))
}

/// Replaces names of the library by those of the command.
fn in_terms_of_command(text: &str) -> String {
    const NAMES: [(&str, &str); 22] = [
        (
            "call again then, or call RegistrationStoreExt::clear_unknown to register now",
            "try again then, or run `poggio clients clear-unknown` first",
        ),
        (
            "mark the client with RegistrationStoreExt::mark_rejected",
            "run `poggio clients mark-rejected ID`",
        ),
        (
            "remove these with RegistrationStoreExt::remove",
            "remove these with `poggio clients remove ID`",
        ),
        ("RegistrationStoreExt::import", "the credentials"),
        ("Session::import_client", "`poggio clients import FILE`"),
        (
            "save the client_id and client_secret in this error",
            "import them with `poggio clients import FILE`",
        ),
        ("save the part in this error and ask", "ask"),
        (
            "configure the endpoints with AuthorizationServer::new if they are right",
            "ask its operator",
        ),
        (", or set the endpoints with AuthorizationServer::new", ""),
        (", and use register_once to register only once", ""),
        ("set a token with auth_token", "set a token with POGGIO_AUTH_TOKEN"),
        ("open it with KeyringStore (feature keyring)", "use another store with --store"),
        ("pass a path to FileStore::new", "pass a path to --store"),
        (
            "if the file system has no modes, use FileStore::allow_insecure_permissions, otherwise run:",
            "run, on a file system with modes:",
        ),
        (
            "correct the permissions as described, then call again",
            "correct this, then run it again",
        ),
        (
            "is not a regular file; use another path, or remove it",
            "is not a regular file; use another path",
        ),
        ("then call again", "then run it again"),
        (
            "stop the other program or use port 0",
            "stop the other program, or choose another --port",
        ),
        ("then log in", "then run `poggio login` with the same options"),
        ("FileStore::new", "--store"),
        ("FileStore::for_app", "the default store"),
        ("base_url", "--base-url"),
    ];
    NAMES.iter().fold(text.to_owned(), |text, (name, own)| text.replace(name, own))
}
