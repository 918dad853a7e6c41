//! The parameters of a query or a form.

/// Parameters by name. An empty value counts as missing (RFC 6749 section 3.1).
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    pub(super) fn parse(encoded: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(encoded).into_owned();
        Self(pairs.filter(|(_, value)| !value.is_empty()).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Returns an owned value.
    pub(super) fn take(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }
}
