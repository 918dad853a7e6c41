//! How a login ends without a token, and what is said of it.

use std::{error::Error as _, io, time::Duration};

use poggio::{Error, FileStore, oauth::OAuthError};

use crate::{page::is_denial, rescue};

/// Why there is no token.
pub(crate) enum End {
    /// All that the crate tells, a denial and a failed registration included.
    NoToken(OAuthError),
    TimedOut(Duration),
    PortInUse {
        port: u16,
        flag: &'static str,
    },
    /// No listener, or no longer.
    Listening(io::Error),
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
const PORT_IN_USE: u8 = 7;
const NO_TOKEN: u8 = 8;
const INTERRUPTED: u8 = 130;

const KEPT: &str = "   = note: the client is kept, and the next run uses it";

impl End {
    /// Prints what happened and what now; returns the exit code.
    pub(crate) fn report(self, store: &FileStore) -> u8 {
        match self {
            Self::NoToken(OAuthError::Registration(error)) => rescue::report(error, store),
            Self::NoToken(OAuthError::Refused(refused)) if is_denial(&refused) => {
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
            Self::PortInUse { port, flag } => {
                eprintln!("error: a port is in use; no client was registered");
                eprintln!("  --> 127.0.0.1:{port}");
                eprintln!("   = help: name a free one with {flag}");
                PORT_IN_USE
            }
            Self::Listening(error) => {
                eprintln!("error: the browser cannot come back: no port can be listened on");
                eprintln!("   | {error}");
                NO_TOKEN
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

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Listening(error)
    }
}
