//! The errors of rejected registrations, and the messages of all errors side by side.

mod display;
#[cfg(unix)]
mod messages;
