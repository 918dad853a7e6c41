//! Everything this crate promises, by behaviour.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::too_many_lines)]

mod answers;
mod changes;
mod configuration;
mod contract;
mod examples;
mod generated;
mod loopback;
mod metadata;
mod reading;
mod readme;
mod secrets;
mod sending;
mod spans;
mod support;
mod validation;
