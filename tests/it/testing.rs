//! The loopback server for tests of programs.

mod oauth;
mod server;
