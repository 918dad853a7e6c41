//! A service in a process of its own.

use std::{
    env,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
};

use crate::require::require;

/// Returns a path in the folder with the installed services.
///
/// # Panics
///
/// If the tests were not started by `run.sh`.
pub(crate) fn installed(path: &str) -> PathBuf {
    let folder = env::var_os("INTEROP_SERVICES").expect("run these tests with run.sh");
    PathBuf::from(folder).join(path)
}

/// Returns the command of a Python program in the folder, or `None` if its package is not installed.
pub(crate) fn python(package: &str, program: &str) -> Option<Command> {
    let python = installed("venv/bin/python");
    let find =
        format!("import importlib.util, sys; sys.exit(not importlib.util.find_spec({package:?}))");
    let found = Command::new(&python).arg("-c").arg(find).status();
    let is_installed = found.is_ok_and(|status| status.success());
    let is_met = require(is_installed, &format!("{package} is not installed"), "see run.sh");
    let mut command = Command::new(python);
    command.arg(installed(program));
    is_met.then_some(command)
}

/// Returns the command of a Node.js program in the folder, or `None` if its package is not installed.
pub(crate) fn node(package: &str, program: &str) -> Option<Command> {
    let is_installed = installed("node_modules").join(package).is_dir();
    let is_met = require(is_installed, &format!("{package} is not installed"), "see run.sh");
    let mut command = Command::new("node");
    command.arg(installed(program));
    is_met.then_some(command)
}

/// A running service, which ends when this is dropped.
pub(crate) struct Service {
    process: Child,
    /// Its URL on loopback.
    pub(crate) url: String,
}

impl Service {
    /// Starts a service that prints its port as the digits after `before_port` in a line.
    pub(crate) fn start(command: &mut Command, before_port: &str) -> Self {
        let mut process =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("is it installed?");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| {
            let line = line.unwrap();
            let (_, rest) = line.split_once(before_port)?;
            let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
            (!port.is_empty() && port != "0").then_some(port)
        });
        // Read on, so that the service can write more.
        thread::spawn(move || lines.for_each(drop));
        let url = format!("http://127.0.0.1:{}", port.expect("the service ended"));
        Self { process, url }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
