//! Requirements of a test on the machine: installed programs, permissions. A test that lacks something is
//! skipped with a message on standard error, or fails if `POGGIO_REQUIRE=all` is set. Other test crates
//! and a bench include this file too.

use std::{
    env,
    io::{self, Write},
    process::Command,
};

/// Returns whether a program is in `PATH`; otherwise acts as [`require`].
pub(crate) fn require_program(program: &str, remedy: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let file = format!("{program}{}", env::consts::EXE_SUFFIX);
    let is_installed = env::split_paths(&path).any(|folder| folder.join(&file).is_file());
    require(is_installed, &format!("{program} is not installed"), remedy)
}

/// Returns whether strace is installed and may trace a process; otherwise acts as [`require`].
pub(crate) fn require_strace() -> bool {
    let can_trace = || Command::new("strace").args(["-qq", "true"]).output().unwrap().status;
    require_program("strace", "apt-get install strace")
        && require(can_trace().success(), "strace is not permitted", "allow ptrace")
}

/// Returns `is_met`.
///
/// If it is false, writes what is missing and the remedy to standard error, where the test harness
/// does not capture it.
///
/// # Panics
///
/// If `is_met` is false and `POGGIO_REQUIRE=all` is set.
pub(crate) fn require(is_met: bool, missing: &str, remedy: &str) -> bool {
    if !is_met {
        let is_required = env::var_os("POGGIO_REQUIRE").is_some_and(|value| value == "all");
        assert!(!is_required, "{missing} ({remedy}), and POGGIO_REQUIRE=all forbids skipping");
        // One write, because tests that run at the same time write there too.
        let message = format!("skipped: {missing} ({remedy})\n");
        let _ = io::stderr().write_all(message.as_bytes());
    }
    is_met
}
