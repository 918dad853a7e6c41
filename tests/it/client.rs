//! The client, its contract, its configuration and its spans.

mod configuration;
mod contract;
mod generated;
mod spans;
