//! Client metadata (RFC 7591 section 2): [`ClientMetadata`], its fields and enumerations, and the rules
//! that are checked locally.
//!
//! The decoding of a server's 422 response is in `response`, and `ValidationErrors` is in `error`.

mod client_metadata;
mod field;
mod field_error;
mod json;
pub(crate) mod rules;
mod shown;
mod terms;
mod values;

pub use client_metadata::ClientMetadata;
pub use field::MetadataField;
pub use field_error::FieldError;
pub use terms::{AuthMethod, GrantType, ResponseType};
