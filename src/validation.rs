//! Problems with client metadata by field, one shape for both who find them: this crate before it
//! sends, and the server afterwards.
//!
//! The local rules are in `rules`, the reading of FastAPI's 422 in `fastapi`.

pub(crate) mod fastapi;
pub(crate) mod rules;

use std::{borrow::Cow, fmt};

use serde_json::Value;

use crate::{MetadataField, error::ResponseHead, text};

/// How many problems `Display` spells out; all are in the value.
const MAX_SHOWN: usize = 10;

/// Who found the problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// This crate, before anything was sent.
    Local,
    /// The server; it refused the request.
    Server,
}

/// Every problem found with client metadata; no client was registered.
///
/// Local and server problems are read by the same code of a caller.
///
/// # Examples
///
/// ```
/// use poggio::{ClientMetadata, MetadataField, Origin};
///
/// let errors = ClientMetadata::new()
///     .with_redirect_uri("https://app.example/cb#top")
///     .validate()
///     .unwrap_err();
///
/// assert_eq!(errors.origin(), Origin::Local);
/// assert_eq!(errors.len(), 1);
/// let error = errors.on("redirect_uris").next().unwrap();
/// assert_eq!(error.path(), "redirect_uris[0]");
/// assert_eq!(error.field(), Some(MetadataField::RedirectUris));
/// assert_eq!(error.kind(), "url_fragment");
/// assert_eq!(error.value(), Some(&"https://app.example/cb#top".into()));
/// ```
#[derive(Clone, Debug)]
pub struct ValidationErrors {
    errors: Vec<FieldError>,
    head: Option<Box<ResponseHead>>,
}

impl ValidationErrors {
    pub(crate) fn local(errors: Vec<FieldError>) -> Self {
        Self { errors, head: None }
    }

    pub(crate) fn server(errors: Vec<FieldError>, head: ResponseHead) -> Self {
        Self { errors, head: Some(Box::new(head)) }
    }

    /// Returns the problems: local ones in the contract's order of fields, a server's in its own.
    pub fn iter(&self) -> std::slice::Iter<'_, FieldError> {
        self.errors.iter()
    }

    /// Returns how many problems there are; never 0.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.errors.len()
    }

    /// Returns the problems of one field and of what lies in it, by the field's name or by
    /// [`MetadataField`].
    pub fn on<'a>(&'a self, field: impl AsRef<str> + 'a) -> impl Iterator<Item = &'a FieldError> {
        self.errors.iter().filter(move |error| {
            error
                .path
                .strip_prefix(field.as_ref())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['[', '.']))
        })
    }

    /// Returns who found the problems.
    #[must_use]
    pub fn origin(&self) -> Origin {
        if self.head.is_some() { Origin::Server } else { Origin::Local }
    }

    pub(crate) fn head(&self) -> Option<&ResponseHead> {
        self.head.as_deref()
    }
}

impl<'a> IntoIterator for &'a ValidationErrors {
    type Item = &'a FieldError;
    type IntoIter = std::slice::Iter<'a, FieldError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for ValidationErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.head {
            None => f.write_str("the client metadata was not sent")?,
            Some(head) => write!(f, "Poggio refused the client metadata ({})", head.status)?,
        }
        for (i, error) in self.errors.iter().take(MAX_SHOWN).enumerate() {
            write!(f, "{} {error}", if i == 0 { ":" } else { ";" })?;
        }
        match self.errors.len().saturating_sub(MAX_SHOWN) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl std::error::Error for ValidationErrors {}

/// One problem with client metadata.
///
/// `Display` is the path, the message and the value, on one line fit for a terminal.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldError {
    path: String,
    field: Option<MetadataField>,
    kind: Cow<'static, str>,
    message: Cow<'static, str>,
    value: Option<Value>,
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
    /// `response_type_mismatch`, `grant_type_mismatch`, `scope_token` and `string_too_short`.
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
            Some(value) => write!(f, " (value: {})", text::shown(&value.to_string())),
            None => Ok(()),
        }
    }
}
