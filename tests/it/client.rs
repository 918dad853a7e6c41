//! The client, its contract, its configuration and its spans.

mod auth_token;
mod configuration;
mod contract;
mod generated;
mod spans;
