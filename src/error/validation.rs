//! The validation errors of client metadata, found by this crate or by the server. A single error is in
//! `metadata`.

use std::fmt;

use crate::{
    ClientMetadata,
    metadata::{FieldError, rules},
    response::ResponseMeta,
};

/// `Display` and `Debug` print at most this many errors.
const MAX_SHOWN: usize = 10;

/// Where [`ValidationErrors`] come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// This crate found the errors before it sent a request.
    Local,
    /// The server rejected the request.
    Server,
}

/// All errors found in client metadata, by this crate or by the server. No client was registered.
///
/// There is always at least one error.
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
#[derive(Clone)]
pub struct ValidationErrors {
    errors: Vec<FieldError>,
    response: Option<Box<ResponseMeta>>,
}

impl ValidationErrors {
    pub(crate) fn local(errors: Vec<FieldError>) -> Self {
        Self { errors, response: None }
    }

    pub(crate) fn server(errors: Vec<FieldError>, response: ResponseMeta) -> Self {
        Self { errors, response: Some(Box::new(response)) }
    }

    /// Returns an iterator over the errors: local ones in the order of [`MetadataField::ALL`], others in
    /// the order of the server.
    ///
    /// [`MetadataField::ALL`]: crate::MetadataField::ALL
    pub fn iter(&self) -> std::slice::Iter<'_, FieldError> {
        self.errors.iter()
    }

    /// Returns the number of errors, which is at least 1.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.errors.len()
    }

    /// Returns the errors of one field and its elements. Accepts the name of a field or a
    /// [`MetadataField`](crate::MetadataField).
    pub fn on<'a>(&'a self, field: impl AsRef<str> + 'a) -> impl Iterator<Item = &'a FieldError> {
        self.errors.iter().filter(move |error| {
            error
                .path()
                .strip_prefix(field.as_ref())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['[', '.']))
        })
    }

    /// Returns whether this crate or the server found the errors.
    #[must_use]
    pub fn origin(&self) -> Origin {
        if self.response.is_some() { Origin::Server } else { Origin::Local }
    }

    pub(crate) fn response(&self) -> Option<&ResponseMeta> {
        self.response.as_deref()
    }
}

impl<'a> IntoIterator for &'a ValidationErrors {
    type Item = &'a FieldError;
    type IntoIter = std::slice::Iter<'a, FieldError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Debug for ValidationErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValidationErrors")
            .field("len", &self.len())
            .field("errors", &self.errors.get(..MAX_SHOWN).unwrap_or(&self.errors))
            .field("response", &self.response)
            .finish()
    }
}

impl fmt::Display for ValidationErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.response {
            None => f.write_str("the client metadata is invalid and was not sent")?,
            Some(response) => {
                let (host, status) = (response.host(), response.status());
                write!(f, "{host} rejected the client metadata ({status})")?;
            }
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

impl ClientMetadata {
    /// Checks the metadata against the rules of the RFCs and reports all violations together.
    ///
    /// [`Client::register`](crate::Client::register) calls this before it sends the request, unless
    /// [`local_validation`](crate::ClientBuilder::local_validation) is off.
    ///
    /// # Errors
    ///
    /// Returns [`ValidationErrors`] of [`Origin::Local`] with every violation.
    ///
    /// # Examples
    ///
    /// ```
    /// use poggio::ClientMetadata;
    ///
    /// let errors = ClientMetadata::new()
    ///     .with_redirect_uri("http://app.example/callback")
    ///     .with_contacts([""])
    ///     .validate()
    ///     .unwrap_err();
    ///
    /// let paths: Vec<_> = errors.iter().map(|error| error.path()).collect();
    /// assert_eq!(paths, ["redirect_uris[0]", "contacts[0]"]);
    /// ```
    pub fn validate(&self) -> Result<(), ValidationErrors> {
        let errors = rules::check(self);
        if errors.is_empty() { Ok(()) } else { Err(ValidationErrors::local(errors)) }
    }
}
