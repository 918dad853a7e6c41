//! [`FieldWarning`]: a part of a response that could not be read.

use std::{borrow::Cow, fmt};

use crate::{
    metadata::MetadataField,
    redact::{Redactor, sanitize},
};

/// The paths that are not metadata.
const OTHER_NAMES: [&str; 5] =
    ["body", "client_id", "client_secret", "client_id_issued_at", "client_secret_expires_at"];

/// A part of a success response that could not be read.
///
/// The raw value of a member is in
/// [`ClientInformation::additional`](crate::ClientInformation::additional).
///
/// # Examples
///
/// ```
/// use poggio::ClientInformation;
///
/// let client = ClientInformation::from_json(r#"{"client_id": "7", "client_name": 7}"#)?;
/// let warning = &client.warnings()[0];
/// assert_eq!(warning.to_string(), "client_name: expected a string, found a number");
/// # Ok::<(), poggio::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldWarning {
    path: String,
    message: Cow<'static, str>,
}

impl FieldWarning {
    pub(crate) fn new(path: impl Into<String>, message: impl Into<Cow<'static, str>>) -> Self {
        Self { path: sanitize(&path.into()), message: message.into() }
    }

    /// Masks the credentials in the path, unless it is the name of a documented member.
    pub(super) fn redact(&mut self, redactor: &Redactor) {
        let name = self.path.split('[').next().unwrap_or_default();
        if MetadataField::from_name(name).is_none() && !OTHER_NAMES.contains(&name) {
            self.path = redactor.redact(&self.path);
        }
    }

    /// Returns the name of the member, with the index of an array element, such as `contacts[1]`.
    /// Returns `body` if the warning is about the response as a whole. It is on one line of at most 300
    /// characters, and credentials in it are masked.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns what is wrong with it. It never contains the value.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for FieldWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}
