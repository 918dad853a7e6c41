//! [`LoginError`]: why a login has no token, with its message and exit code.

use std::{error::Error as _, time::Duration};

use poggio::{
    Error, ErrorCode, FileStore,
    oauth::{OAuthError, TokenError},
};

use crate::rescue;

/// Why a login has no token.
pub(crate) enum LoginError {
    /// Any error of the crate, such as a denial or a failed registration.
    OAuth(OAuthError),
    TimedOut(Duration),
    /// A port that cannot be bound, and the flag that sets another.
    Port {
        port: u16,
        flag: &'static str,
        reason: String,
    },
    /// The server's metadata names no registration endpoint.
    NoRegistration(String),
    Interrupted(Phase),
}

/// How far the login has got.
#[derive(Clone, Copy)]
pub(crate) enum Phase {
    Registering,
    Waiting,
    Exchanging,
}

const NOT_REGISTERED: u8 = 1;
const DENIED: u8 = 5;
const TIMED_OUT: u8 = 6;
const PORT: u8 = 7;
const NO_TOKEN: u8 = 8;
const INTERRUPTED: u8 = 130;

const CLIENT_SAVED: &str = "   = note: the client is saved, and the next run uses it";

impl LoginError {
    /// Prints the error and what to do; returns the exit code.
    pub(crate) fn report(self, store: &FileStore) -> u8 {
        match self {
            Self::OAuth(error) if error.registration().is_some() => {
                error.registration().map_or(NO_TOKEN, |error| rescue::report(error, store))
            }
            Self::OAuth(error) if error.refusal().is_some_and(is_denial) => {
                eprintln!("error: the user denied access\n{CLIENT_SAVED}");
                DENIED
            }
            Self::OAuth(error) => {
                // The message says what to do.
                eprintln!("error: {error}");
                let mut cause = error.source();
                while let Some(error) = cause {
                    eprintln!("   | because: {}", error.to_string().escape_debug());
                    cause = error.source();
                }
                NO_TOKEN
            }
            Self::TimedOut(wait) => {
                eprintln!("error: the callback did not arrive within {} s", wait.as_secs());
                eprintln!("{CLIENT_SAVED}");
                eprintln!(
                    "   = help: run it again with a longer --wait, or with --renew if the page did \
                     not accept the client"
                );
                TIMED_OUT
            }
            Self::Port { port, flag, reason } => {
                eprintln!("error: a port cannot be bound; no client was registered");
                eprintln!("  --> 127.0.0.1:{port}");
                eprintln!("   | {reason}");
                eprintln!("   = help: set a free port with {flag}");
                PORT
            }
            Self::NoRegistration(issuer) => {
                eprintln!("error: the server's metadata has no registration endpoint");
                eprintln!("  --> {issuer}");
                eprintln!(
                    "   = help: use a server whose metadata has registration_endpoint (RFC 8414)"
                );
                NOT_REGISTERED
            }
            Self::Interrupted(phase) => {
                let note = match phase {
                    Phase::Registering => {
                        "   = note: if a registration was in progress, a client may have been registered"
                    }
                    Phase::Waiting => CLIENT_SAVED,
                    Phase::Exchanging => {
                        "   = note: the client is saved, but if a token was issued, it is lost"
                    }
                };
                eprintln!("error: the login was interrupted\n{note}");
                INTERRUPTED
            }
        }
    }
}

impl From<OAuthError> for LoginError {
    fn from(error: OAuthError) -> Self {
        Self::OAuth(error)
    }
}

impl From<Error> for LoginError {
    fn from(error: Error) -> Self {
        Self::OAuth(error.into())
    }
}

fn is_denial(error: &TokenError) -> bool {
    error.code() == Some(&ErrorCode::ACCESS_DENIED)
}
