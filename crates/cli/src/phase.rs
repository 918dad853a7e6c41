//! [`Phase`]: how far the command has got, for the message after Ctrl-C.

use std::cell::Cell;

use poggio::Outcome;

use crate::{exit::Exit, failure::Failure};

/// How far the command has got.
#[derive(Default)]
pub(crate) struct Phase(Cell<Step>);

#[derive(Clone, Copy, Default)]
enum Step {
    #[default]
    Idle,
    Registering,
    LoggingIn,
}

impl Phase {
    /// From now on, a registration may be sent.
    pub(crate) fn start_registering(&self) {
        self.0.set(Step::Registering);
    }

    /// From now on, the client exists and the user logs in.
    pub(crate) fn start_login(&self) {
        self.0.set(Step::LoggingIn);
    }

    pub(crate) fn end(&self) {
        self.0.set(Step::Idle);
    }

    /// Returns the failure after Ctrl-C.
    pub(crate) fn interrupted(&self) -> Failure {
        match self.0.get() {
            Step::Idle => Failure::new(Exit::Interrupted, "interrupted")
                .outcome(Outcome::NotRegistered)
                .help("run it again"),
            Step::LoggingIn => Failure::new(Exit::Interrupted, "the login was interrupted")
                .note("the client is saved, and the next login uses it")
                .help("run `poggio login` again"),
            Step::Registering => Failure::new(Exit::Unknown, "the registration was interrupted")
                .why("the request may have been sent")
                .outcome(Outcome::Unknown)
                .help(
                    "ask the server's operator before you register again, which may create a \
                     second client",
                ),
        }
    }
}
