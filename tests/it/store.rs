//! Stores and `register_once`.

mod check_store;
mod damaged_document;
mod errors;
mod file_store;
mod flat_size;
#[cfg_attr(not(unix), allow(dead_code, reason = "most of its users need Unix"))]
mod process;
mod register_once;
mod shared_store;
mod sibling;
mod tenants;
