//! The example programs, run as a user runs them, and the README.

// On other systems, `PATH` does not keep a login from opening a browser.
#[cfg(target_os = "linux")]
mod login;
mod programs;
mod readme;
mod register;
