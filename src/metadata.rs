//! Client metadata: what a client says about itself when it registers (RFC 7591 section 2).
//!
//! [`ClientMetadata`], its fields and enumerations, and the local rules. How a server's 422 is read is
//! in `response`; the error that both end in is in `error`.

mod client_metadata;
mod field;
mod field_error;
mod json;
pub(crate) mod rules;
mod terms;
mod values;

pub use client_metadata::ClientMetadata;
pub use field::MetadataField;
pub use field_error::FieldError;
pub use terms::{AuthMethod, GrantType, ResponseType};
