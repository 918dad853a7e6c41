//! Everything this crate promises, by behaviour.
#![allow(
    clippy::format_collect,
    clippy::format_push_string,
    clippy::needless_pass_by_value,
    clippy::too_many_lines,
    reason = "a test is read from top to bottom, and its speed does not matter"
)]

mod client;
mod docs;
mod errors;
mod examples;
mod layout;
mod metadata;
mod oauth;
mod response;
mod store;
mod support;
mod testing;
mod transport;
