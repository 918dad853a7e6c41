//! One problem with client metadata, found by this crate or by the server.

use std::{borrow::Cow, fmt};

use serde_json::Value;

use super::field::MetadataField;
use crate::redact::sanitize;

/// One problem with client metadata.
///
/// `Display` is the path, the message and the value, on one line fit for a terminal.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldError {
    pub(crate) path: String,
    pub(crate) field: Option<MetadataField>,
    pub(crate) kind: Cow<'static, str>,
    pub(crate) message: Cow<'static, str>,
    pub(crate) value: Option<Value>,
}

impl FieldError {
    /// Returns the way to the problem, like `redirect_uris[0]`; without the `body` that a server
    /// puts before it.
    ///
    /// Where the problem is not in a member of the metadata, it names the part of the request:
    /// `body`, `body[1]` (a position in text that is not JSON), `header.authorization`,
    /// `query.org_id`, or `request` where the server did not say.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the member that the path begins with, or `None` where it is none of the
    /// contract's.
    #[must_use]
    pub fn field(&self) -> Option<MetadataField> {
        self.field
    }

    /// Returns what was wrong and what to do, in a sentence; a server's text is cleaned and cut
    /// to 300 characters.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the kind of the problem in a word, for programs: a server's as it came, such as
    /// `missing`, `list_type` or `literal_error`, and `unspecified` where it gave none.
    ///
    /// Local kinds are `missing`, `url_parsing`, `url_scheme`, `url_fragment`, `url_port`,
    /// `response_type_mismatch`, `grant_type_mismatch`, `scope_token`, `string_too_short` and
    /// `duplicate_member`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Returns what was sent, or would have been sent, at the path; `None` where nothing was.
    #[must_use]
    pub fn value(&self) -> Option<&Value> {
        self.value.as_ref()
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)?;
        match &self.value {
            Some(value) => write!(f, " (value: {})", sanitize(&value.to_string())),
            None => Ok(()),
        }
    }
}
