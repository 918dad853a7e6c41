//! How a login ends without a token, and what is said of it.

use std::{error::Error as _, time::Duration};

use poggio::{
    Error, ErrorCode, FileStore,
    oauth::{OAuthError, TokenError},
};

use crate::rescue;

/// Why there is no token.
pub(crate) enum End {
    /// All that the crate tells, a denial and a failed registration included.
    NoToken(OAuthError),
    TimedOut(Duration),
    /// A port that cannot be listened on, and the flag that names another.
    Port {
        port: u16,
        flag: &'static str,
        reason: String,
    },
    /// The server's metadata names no registration endpoint.
    NoRegistration(String),
    Interrupted(Stage),
}

/// How far it has come.
#[derive(Clone, Copy)]
pub(crate) enum Stage {
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

const KEPT: &str = "   = note: the client is kept, and the next run uses it";

impl End {
    /// Prints what happened and what now; returns the exit code.
    pub(crate) fn report(self, store: &FileStore) -> u8 {
        match self {
            Self::NoToken(error) if error.registration().is_some() => {
                error.registration().map_or(NO_TOKEN, |error| rescue::report(error, store))
            }
            Self::NoToken(error) if error.refusal().is_some_and(is_denial) => {
                eprintln!("error: denied; nobody is logged in\n{KEPT}");
                DENIED
            }
            Self::NoToken(error) => {
                // One line, with what to do.
                eprintln!("error: {error}");
                let mut cause = error.source();
                while let Some(error) = cause {
                    eprintln!("   | because: {}", error.to_string().escape_debug());
                    cause = error.source();
                }
                NO_TOKEN
            }
            Self::TimedOut(wait) => {
                eprintln!(
                    "error: nobody came back within {} s; nobody is logged in",
                    wait.as_secs()
                );
                eprintln!("{KEPT}");
                eprintln!(
                    "   = help: run it again; --wait gives more time, and --renew registers \
                     another client, if the page did not know this one"
                );
                TIMED_OUT
            }
            Self::Port { port, flag, reason } => {
                eprintln!("error: a port cannot be used; no client was registered");
                eprintln!("  --> 127.0.0.1:{port}");
                eprintln!("   | {reason}");
                eprintln!("   = help: name a free one with {flag}");
                PORT
            }
            Self::NoRegistration(issuer) => {
                eprintln!("error: the server does not say where clients register");
                eprintln!("  --> {issuer}");
                eprintln!("   = help: name a server that does (registration_endpoint, RFC 8414)");
                NOT_REGISTERED
            }
            Self::Interrupted(stage) => {
                let note = match stage {
                    Stage::Registering => {
                        "   = note: if a registration was under way, a client may have been registered"
                    }
                    Stage::Waiting => KEPT,
                    Stage::Exchanging => {
                        "   = note: the client is kept; a token may have been issued, and is lost"
                    }
                };
                eprintln!("error: interrupted; nobody is logged in\n{note}");
                INTERRUPTED
            }
        }
    }
}

impl From<OAuthError> for End {
    fn from(error: OAuthError) -> Self {
        Self::NoToken(error)
    }
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        Self::NoToken(error.into())
    }
}

fn is_denial(refused: &TokenError) -> bool {
    refused.code() == Some(&ErrorCode::ACCESS_DENIED)
}
