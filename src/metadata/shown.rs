//! `Debug` of [`ClientMetadata`], whose values may come from a server or a file.

use std::fmt;

use super::{client_metadata::ClientMetadata, field::MetadataField};
use crate::redact::{DebugFn, Redactor, Shown};

/// The number of values of a field, and of additional members, that `Debug` prints.
const MAX_VALUES: usize = 20;

impl ClientMetadata {
    /// Returns the metadata for `Debug`: each value redacted, the fields without a value omitted.
    pub(crate) fn shown<'a>(&'a self, redactor: &'a Redactor) -> impl fmt::Debug + 'a {
        DebugFn(move |f: &mut fmt::Formatter<'_>| {
            let mut fields = f.debug_struct("ClientMetadata");
            for field in MetadataField::ALL {
                let values = self.values(*field);
                if !values.is_empty() {
                    fields.field(field.as_str(), &list(&values, redactor));
                }
            }
            if !self.additional.is_empty() {
                let members: Vec<_> = self
                    .additional
                    .iter()
                    .map(|(name, value)| format!("{name:?}: {value}"))
                    .collect();
                let members: Vec<_> = members.iter().map(String::as_str).collect();
                fields.field("additional", &list(&members, redactor));
            }
            fields.finish()
        })
    }
}

fn list<'a>(values: &'a [&str], redactor: &'a Redactor) -> impl fmt::Debug + 'a {
    DebugFn(move |f: &mut fmt::Formatter<'_>| {
        let mut list = f.debug_list();
        list.entries(values.iter().take(MAX_VALUES).map(|value| Shown(value, redactor)));
        if values.len() > MAX_VALUES { list.finish_non_exhaustive() } else { list.finish() }
    })
}

impl fmt::Debug for ClientMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown(&Redactor::default()).fmt(f)
    }
}
