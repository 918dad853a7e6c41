//! The example `register_once` as a separate process, on the store and the server of a fixture.

use std::process::{Command, Stdio};

use crate::{
    support::example::{command, text},
    support::store::Fixture,
};

/// The only root certificate of the process: loading the platform's takes most of its time.
const CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/certificate.pem");

impl Fixture {
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = command("register_once", args);
        command.arg("--base-url").arg(self.server.base_url()).arg("--store").arg(self.path());
        command.env("SSL_CERT_FILE", CERTIFICATE).env_remove("SSL_CERT_DIR");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the example, and returns what it printed.
    #[track_caller]
    pub(crate) fn run(&self, code: i32, args: &[&str]) -> String {
        printed(code, &mut self.command(args))
    }

    /// Runs the example through another program, such as a shell that sets limits first.
    #[track_caller]
    pub(crate) fn run_through(&self, code: i32, launcher: &mut Command) -> String {
        let example = self.command(&[]);
        launcher.arg(example.get_program()).args(example.get_args());
        printed(code, launcher.env("SSL_CERT_FILE", CERTIFICATE))
    }
}

/// Runs a command to its end, and asserts its exit code and that it prints no secret.
#[track_caller]
pub(crate) fn printed(code: i32, command: &mut Command) -> String {
    let output = command.output().unwrap();
    let printed = text(&output.stdout) + &text(&output.stderr);
    assert!(!printed.contains("loopback-secret"), "{printed}");
    assert_eq!(output.status.code(), Some(code), "{printed}");
    printed
}
