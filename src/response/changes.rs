//! What a server granted otherwise than asked.

use std::fmt;

use super::client_information::ClientInformation;
use crate::metadata::{ClientMetadata, MetadataField};

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

impl ClientInformation {
    /// Returns what the server granted otherwise than asked, one [`Change`] a field, in the
    /// contract's order; empty where all was granted.
    ///
    /// The order of a list and of scopes does not matter. What the answer does not state counts
    /// as dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use poggio::{ClientMetadata, testing::{Reply, Server}};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), poggio::Error> {
    /// # let server = Server::start().await;
    /// # server.script([Reply::registered().with_member("token_endpoint_auth_method", "client_secret_basic")]);
    /// # let poggio = server.client();
    /// let metadata = ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback");
    /// let client = poggio.register(&metadata).await?;
    ///
    /// let changes: Vec<_> = client.changes_from(&metadata).iter().map(|c| c.to_string()).collect();
    /// assert_eq!(changes, [
    ///     r#"token_endpoint_auth_method: asked for "client_secret_post", was given "client_secret_basic""#,
    /// ]);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn changes_from(&self, requested: &ClientMetadata) -> Vec<Change> {
        between(requested, self)
    }
}

fn between(requested: &ClientMetadata, granted: &ClientInformation) -> Vec<Change> {
    let changed = MetadataField::ALL.iter().filter_map(|&field| {
        let asked = values(field, requested);
        let given = match field {
            MetadataField::TokenEndpointAuthMethod if granted.auth_method().is_none() => Vec::new(),
            _ => values(field, &granted.metadata),
        };
        let change = Change { field, requested: asked, granted: given };
        let differs = change.dropped().next().is_some() || change.added().next().is_some();
        differs.then_some(change)
    });
    changed.collect()
}

fn values(field: MetadataField, metadata: &ClientMetadata) -> Vec<String> {
    let values = metadata.values(field).into_iter();
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
