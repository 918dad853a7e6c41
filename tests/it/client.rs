//! The client, its contract and its configuration.

mod configuration;
mod contract;
mod generated;
mod spans;
