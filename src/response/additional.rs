//! [`AdditionalMembers`]: members of a response that have no field.

use std::fmt;

use serde_json::{Map, Value};

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

impl fmt::Debug for AdditionalMembers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let redacted = self.0.keys().map(|name| (name, "[redacted]"));
        f.debug_map().entries(redacted).finish()
    }
}
