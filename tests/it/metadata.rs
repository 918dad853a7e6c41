//! Client metadata and the local rules.

mod client_metadata;
mod validation;
