//! [`AdditionalMembers`]: members of a response that have no field.

use std::fmt;

use serde_json::{Map, Value};

use crate::redact::{DebugFn, Redactor, Shown};

/// The number of names that `Debug` prints.
const MAX_NAMES: usize = 50;

/// Members of a response that have no field in
/// [`ClientInformation`](crate::ClientInformation), with their raw values.
///
/// A value may be a credential, such as a `registration_access_token`, so `Debug` prints only the names.
///
/// # Examples
///
/// ```
/// use poggio::ClientInformation;
///
/// let client = ClientInformation::from_json(r#"{"client_id": "7", "tenant": "acme"}"#)?;
/// assert_eq!(client.additional.get("tenant"), Some(&"acme".into()));
/// # Ok::<(), poggio::Error>(())
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct AdditionalMembers(pub(crate) Map<String, Value>);

impl AdditionalMembers {
    /// Returns the value of the member with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Returns an iterator over all names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Returns the number of members.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns `true` if there are no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl AdditionalMembers {
    /// Returns a redactor for the credentials that these members contain.
    pub(super) fn redactor<'a>(&self, others: impl IntoIterator<Item = &'a str>) -> Redactor {
        Redactor::new(others).with_body(&serde_json::to_vec(&self.0).unwrap_or_default())
    }

    /// Returns these members with their names redacted, for `Debug`.
    pub(super) fn shown<'a>(&'a self, redactor: &'a Redactor) -> impl fmt::Debug + 'a {
        DebugFn(move |f: &mut fmt::Formatter<'_>| {
            let names = self.0.keys().take(MAX_NAMES).map(|name| Shown(name, redactor));
            let mut map = f.debug_map();
            map.entries(names.map(|name| (name, "[redacted]")));
            if self.len() > MAX_NAMES { map.finish_non_exhaustive() } else { map.finish() }
        })
    }
}

impl fmt::Debug for AdditionalMembers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown(&self.redactor([])).fmt(f)
    }
}
