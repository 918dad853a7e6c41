//! Client metadata, the local rules, and a server's errors by field.

mod client_metadata;
mod local_rules;
mod server_errors;
