//! A process that registers once, on the store and the server of a fixture.

use std::process::Command;

use crate::support::{
    process::{register_once_command, run_by},
    store::Fixture,
};

impl Fixture {
    pub(crate) fn command(&self) -> Command {
        register_once_command(&self.server.base_url(), Some(self.path()))
    }

    /// Runs the process, and returns what it printed.
    #[track_caller]
    pub(crate) fn run(&self, code: i32) -> String {
        printed(code, &mut self.command())
    }

    /// Runs the process through another program, such as a shell that sets limits first.
    #[track_caller]
    pub(crate) fn run_through(&self, code: i32, launcher: &mut Command) -> String {
        run_by(launcher, &self.command());
        printed(code, launcher)
    }
}

/// Runs a command to its end, and asserts its exit code and that it prints no secret.
#[track_caller]
pub(crate) fn printed(code: i32, command: &mut Command) -> String {
    let output = command.output().unwrap();
    let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(!printed.contains("loopback-secret"), "{printed}");
    assert_eq!(output.status.code(), Some(code), "{printed}");
    printed
}
