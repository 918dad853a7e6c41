//! One validation error of client metadata, found by this crate or by the server.

use std::{borrow::Cow, fmt};

use serde_json::Value;

use super::field::MetadataField;
use crate::redact::sanitize;

/// One validation error of client metadata.
///
/// `Display` prints the path, the message and the value on one line, without control characters.
///
/// # Examples
///
/// ```
/// use poggio::ClientMetadata;
///
/// let errors = ClientMetadata::new().validate().unwrap_err();
/// let error = errors.iter().next().unwrap();
/// assert_eq!((error.path(), error.kind()), ("redirect_uris", "missing"));
/// assert!(error.message().ends_with("; add one, or use another grant"));
/// ```
#[derive(Clone, PartialEq)]
pub struct FieldError {
    pub(crate) path: String,
    pub(crate) field: Option<MetadataField>,
    pub(crate) kind: Cow<'static, str>,
    pub(crate) message: Cow<'static, str>,
    pub(crate) value: Option<Value>,
}

impl FieldError {
    /// Returns the path of the invalid value in the metadata, such as `redirect_uris[0]`.
    ///
    /// If the error is not about the metadata, the path names a part of the request: `body`, `body[1]`
    /// (a position in text that is not JSON), `header.authorization`, `query.org_id`, or `request` if
    /// the server named no part.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the member that the path begins with, or `None` if that is not a documented member.
    #[must_use]
    pub fn field(&self) -> Option<MetadataField> {
        self.field
    }

    /// Returns the error message. Local messages also say how to correct the value. A server's message
    /// is redacted and truncated to 300 characters.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the kind of the error, for use by programs.
    ///
    /// Local kinds are `missing`, `url_parsing`, `url_scheme`, `url_fragment`, `url_port`,
    /// `response_type_mismatch`, `grant_type_mismatch`, `scope_token`, `string_too_short` and
    /// `duplicate_member`. A server's kind is passed through, such as `list_type` or `literal_error`, or
    /// is `unspecified` if the server sent none.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Returns the value at this path in the request, or `None` if there is none.
    #[must_use]
    pub fn value(&self) -> Option<&Value> {
        self.value.as_ref()
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", sanitize(&self.path), self.message)?;
        match &self.value {
            Some(value) => write!(f, " (value: {})", sanitize(&value.to_string())),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value.as_ref().map(|value| sanitize(&value.to_string()));
        f.debug_struct("FieldError")
            .field("path", &sanitize(&self.path))
            .field("field", &self.field)
            .field("kind", &self.kind)
            .field("message", &self.message)
            .field("value", &value)
            .finish()
    }
}
