//! The client, its contract, its configuration and its spans.

mod auth_token;
mod configuration;
mod contract;
#[cfg(feature = "codegen")]
mod generated;
pub(crate) mod spans;
