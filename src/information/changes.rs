//! What a server granted otherwise than asked.

use std::fmt;

use super::ClientInformation;
use crate::{ClientMetadata, MetadataField};

/// What became of a requested value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// It was left out, and nothing came in its place.
    Dropped,
    /// Something else came in its place.
    Replaced,
    /// Something came that was not asked for.
    Added,
}

/// A field of the metadata that was granted otherwise than asked.
///
/// `Display` says it in a line fit for a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    field: MetadataField,
    requested: Vec<String>,
    granted: Vec<String>,
}

impl Change {
    /// Returns the field.
    #[must_use]
    pub fn field(&self) -> MetadataField {
        self.field
    }

    /// Returns what became of what was asked.
    #[must_use]
    pub fn kind(&self) -> ChangeKind {
        match (self.dropped().next(), self.added().next()) {
            (Some(_), Some(_)) => ChangeKind::Replaced,
            (Some(_), None) => ChangeKind::Dropped,
            (None, _) => ChangeKind::Added,
        }
    }

    /// Returns what was asked for: a list's entries, a scope's tokens, else one value or none.
    #[must_use]
    pub fn requested(&self) -> &[String] {
        &self.requested
    }

    /// Returns what was granted, in the same form.
    #[must_use]
    pub fn granted(&self) -> &[String] {
        &self.granted
    }

    /// Returns what was asked for and not granted.
    pub fn dropped(&self) -> impl Iterator<Item = &str> {
        without(&self.requested, &self.granted)
    }

    /// Returns what was granted and not asked for.
    pub fn added(&self) -> impl Iterator<Item = &str> {
        without(&self.granted, &self.requested)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: asked for {}, ", self.field, listed(&self.requested))?;
        write!(f, "was given {}", listed(&self.granted))
    }
}

pub(super) fn between(requested: &ClientMetadata, granted: &ClientInformation) -> Vec<Change> {
    let changed = MetadataField::ALL.iter().filter_map(|&field| {
        let asked = texts(field, requested);
        let given = match field {
            MetadataField::TokenEndpointAuthMethod if granted.auth_method().is_none() => Vec::new(),
            _ => texts(field, &granted.metadata),
        };
        let change = Change { field, requested: asked, granted: given };
        let differs = change.dropped().next().is_some() || change.added().next().is_some();
        differs.then_some(change)
    });
    changed.collect()
}

fn texts(field: MetadataField, metadata: &ClientMetadata) -> Vec<String> {
    let values = field.values(metadata).into_iter();
    values.filter(|value| !value.is_empty()).map(str::to_owned).collect()
}

fn without<'a>(all: &'a [String], known: &'a [String]) -> impl Iterator<Item = &'a str> {
    all.iter().filter(|value| !known.contains(value)).map(String::as_str)
}

fn listed(values: &[String]) -> String {
    if values.is_empty() {
        return "nothing".to_owned();
    }
    let quoted: Vec<_> = values.iter().map(|value| format!("{value:?}")).collect();
    quoted.join(", ")
}
