//! Responses and their decoding.
//!
//! A success decodes to a [`ClientInformation`], a 422 to a `ValidationErrorBody`, and any other response
//! to a `Refusal`. If a success cannot be decoded, `recovery` extracts the credentials from it. How a
//! response becomes an error is in `client`.

mod additional;
mod binding;
pub(crate) mod challenge;
mod changes;
mod client_information;
pub(crate) mod decode;
mod error_code;
mod field_warning;
mod member;
mod meta;
mod received;
pub(crate) mod recovery;
pub(crate) mod refusal;
mod register_reason;
mod validation_body;

pub use additional::AdditionalMembers;
pub(crate) use binding::{Binding, ServerId, check_server};
pub use changes::{Change, ChangeKind};
pub use client_information::{ClientInformation, SecretExpiry};
pub(crate) use decode::DecodeError;
pub use error_code::ErrorCode;
pub use field_warning::FieldWarning;
pub use meta::ResponseMeta;
pub(crate) use received::{BYTE_ORDER_MARK, Response, Truncated};
pub(crate) use recovery::RecoveredCredentials;
pub(crate) use refusal::Refusal;
pub use register_reason::RegisterReason;
pub(crate) use validation_body::ValidationErrorBody;
