//! [`AdditionalMembers`]: members of a response that have no field.

use std::fmt;

use serde_json::{Map, Value};

use crate::{
    redact::{DebugFn, Redactor, Shown},
    secret::ClientSecret,
};

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
pub struct AdditionalMembers {
    members: Map<String, Value>,
    /// Whether a name contains the client secret.
    has_secret_name: bool,
}

impl AdditionalMembers {
    pub(super) fn new(members: Map<String, Value>, secret: Option<&ClientSecret>) -> Self {
        let secret = secret.map(ClientSecret::expose).filter(|secret| secret.len() >= 8);
        let contains = |name: &String| {
            secret.is_some_and(|secret| {
                let mut parts = name.as_bytes().windows(secret.len());
                parts.any(|part| part.eq_ignore_ascii_case(secret.as_bytes()))
            })
        };
        let has_secret_name = members.keys().any(contains);
        Self { members, has_secret_name }
    }

    /// Returns the value of the member with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }

    /// Returns an iterator over all names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.members.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Returns the number of members.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Returns `true` if there are no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

impl AdditionalMembers {
    /// Returns a redactor for the credentials that these members contain.
    pub(super) fn redactor<'a>(&self, others: impl IntoIterator<Item = &'a str>) -> Redactor {
        Redactor::new(others).with_body(&serde_json::to_vec(&self.members).unwrap_or_default())
    }

    /// Returns these members with their names redacted, for `Debug`.
    pub(super) fn shown<'a>(&'a self, redactor: &'a Redactor) -> impl fmt::Debug + 'a {
        DebugFn(move |f: &mut fmt::Formatter<'_>| {
            let names = self.members.keys().take(MAX_NAMES).map(|name| Shown(name, redactor));
            let mut map = f.debug_map();
            map.entries(names.map(|name| (name, "[redacted]")));
            if self.len() > MAX_NAMES { map.finish_non_exhaustive() } else { map.finish() }
        })
    }
}

impl fmt::Debug for AdditionalMembers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the client secret, only a plain name is certain not to contain it.
        let is_plain = |name: &str| {
            let is_word = name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'));
            let is_hex = name.len() >= 16 && name.bytes().all(|b| b.is_ascii_hexdigit());
            is_word && !is_hex && !self.has_secret_name
        };
        let redactor = self.redactor([]);
        let mut map = f.debug_map();
        for name in self.members.keys().take(MAX_NAMES) {
            let name = if is_plain(name) { name } else { "[redacted]" };
            map.entry(&Shown(name, &redactor), &"[redacted]");
        }
        if self.len() > MAX_NAMES { map.finish_non_exhaustive() } else { map.finish() }
    }
}
