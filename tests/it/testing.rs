//! The loopback server for tests of programs.

mod authorize;
mod discovery;
mod registration;
mod reply;
mod requests;
mod server;
mod token;
