//! [`Exit`]: the exit codes of all subcommands.

use poggio::{
    Outcome,
    oauth::{OAuthError, Recovery},
};

/// Why the command ended. The outcome of a registration takes precedence over what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Done,
    Failed,
    Usage,
    Unknown,
    Registered,
    LogIn,
    Retry,
    Register,
    Confirm,
    Interrupted,
}

/// The table in `--help`. Code 2 is also clap's.
pub(crate) const TABLE: &str = "\
Exit codes:
    0  done
    1  failed: correct what the message names; no client was registered
    2  wrong arguments
    3  a client may have been registered: ask the server's operator before you register again
    4  a client was registered, but not all of it could be read, saved or shown
    5  a login is required: run `poggio login`
    6  try again later
    7  the server no longer accepts the client: register another
    8  a person has to confirm: answer yes, or pass --yes
  130  interrupted, with no registration under way";

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Unknown => 3,
            Self::Registered => 4,
            Self::LogIn => 5,
            Self::Retry => 6,
            Self::Register => 7,
            Self::Confirm => 8,
            Self::Interrupted => 130,
        }
    }

    /// The name in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Unknown => "unknown",
            Self::Registered => "registered",
            Self::LogIn => "log_in",
            Self::Retry => "retry",
            Self::Register => "register",
            Self::Confirm => "confirm",
            Self::Interrupted => "interrupted",
        }
    }

    pub(crate) fn of(error: &OAuthError) -> Self {
        match error.registration().map(poggio::Error::outcome) {
            Some(Outcome::Unknown) => return Self::Unknown,
            Some(Outcome::Registered) => return Self::Registered,
            Some(Outcome::NotRegistered) | None => {}
        }
        match error.recovery() {
            Recovery::RetryAfter(_) => Self::Retry,
            Recovery::LogIn => Self::LogIn,
            Recovery::Register => Self::Register,
            _ => Self::Failed,
        }
    }
}
