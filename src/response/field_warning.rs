//! What came but could not be read.

use std::{borrow::Cow, fmt};

/// A part of a success answer that could not be read; its raw value, if it is a member's, is in
/// [`ClientInformation::additional`](crate::ClientInformation::additional).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldWarning {
    path: String,
    message: Cow<'static, str>,
}

impl FieldWarning {
    pub(crate) fn new(path: impl Into<String>, message: impl Into<Cow<'static, str>>) -> Self {
        Self { path: path.into(), message: message.into() }
    }

    /// Returns the member's name, with the position in a list as in `contacts[1]`; `body` where
    /// it is about the answer as a whole.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns what was wrong with it; never its value.
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
