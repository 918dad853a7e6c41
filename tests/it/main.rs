//! Everything this crate promises, by behaviour.
#![allow(
    clippy::format_collect,
    clippy::format_push_string,
    clippy::needless_pass_by_value,
    clippy::too_many_lines,
    reason = "a test is read from top to bottom, and its speed is no matter"
)]

mod answers;
mod browser;
mod callback_listener;
mod changes;
mod check_store;
mod configuration;
mod contract;
mod costs;
mod damage;
mod examples;
mod file_store;
mod file_store_removed;
mod generated;
mod login;
mod loopback;
mod loopback_oauth;
mod memory;
mod metadata;
mod oauth_login;
#[cfg(feature = "rustls")]
mod oauth_poggio;
mod oauth_tokens;
mod oauth_whole;
mod once;
mod once_disk;
mod once_example;
mod once_hosts;
#[cfg(unix)]
mod once_killed;
mod once_processes;
mod once_unreadable;
mod reading;
mod readme;
#[cfg(feature = "rustls")]
mod reliability;
mod s3;
mod secrets;
mod sending;
mod shared_store;
mod spans;
mod store_damage;
mod store_errors;
mod support;
#[cfg(feature = "rustls")]
mod tls;
mod validation;
mod wire;
