//! The differences between the requested and the granted metadata.

use std::fmt;

use super::client_information::ClientInformation;
use crate::{
    metadata::{ClientMetadata, MetadataField},
    redact::{Redactor, sanitize_message},
};

/// The number of values of a field that are shown.
const MAX_VALUES: usize = 10;

/// How the granted values of a field differ from the requested ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// The server dropped values and added none.
    Dropped,
    /// The server dropped values and added others.
    Replaced,
    /// The server added values and dropped none.
    Added,
}

/// A field of the metadata whose granted values differ from the requested ones.
///
/// `Display` and `Debug` print the difference on one line, shortened, with control characters escaped
/// and credentials masked.
///
/// # Examples
///
/// ```
/// use poggio::{ChangeKind, ClientInformation, ClientMetadata};
///
/// let client = ClientInformation::from_json(
///     r#"{"client_id": "7", "grant_types": ["authorization_code"], "response_types": ["code"],
///         "token_endpoint_auth_method": "client_secret_post", "scope": "read"}"#,
/// )?;
/// let changes = client.changes_from(&ClientMetadata::new().with_scope("read write"));
/// assert_eq!(changes[0].kind(), ChangeKind::Dropped);
/// assert_eq!(changes[0].dropped().collect::<Vec<_>>(), ["write"]);
/// # Ok::<(), poggio::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Change {
    field: MetadataField,
    requested: Vec<String>,
    granted: Vec<String>,
    /// The difference for people, redacted.
    shown: String,
}

impl Change {
    /// Returns the field that differs.
    #[must_use]
    pub fn field(&self) -> MetadataField {
        self.field
    }

    /// Returns how the granted values differ.
    #[must_use]
    pub fn kind(&self) -> ChangeKind {
        match (self.dropped().next(), self.added().next()) {
            (Some(_), Some(_)) => ChangeKind::Replaced,
            (Some(_), None) => ChangeKind::Dropped,
            (None, _) => ChangeKind::Added,
        }
    }

    /// Returns the requested values: the elements of an array, the tokens of a scope, or at most one
    /// value for any other field.
    #[must_use]
    pub fn requested(&self) -> &[String] {
        &self.requested
    }

    /// Returns the granted values, in the same form as the requested ones.
    #[must_use]
    pub fn granted(&self) -> &[String] {
        &self.granted
    }

    fn describe(&self, redactor: &Redactor) -> String {
        let requested = quoted(&self.requested, redactor);
        let granted = quoted(&self.granted, redactor);
        sanitize_message(&format!("{}: requested {requested}, granted {granted}", self.field))
    }

    /// Returns the values that were requested and not granted.
    pub fn dropped(&self) -> impl Iterator<Item = &str> {
        difference(&self.requested, &self.granted)
    }

    /// Returns the values that were granted and not requested.
    pub fn added(&self) -> impl Iterator<Item = &str> {
        difference(&self.granted, &self.requested)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Change").field(&self.shown).finish()
    }
}

impl ClientInformation {
    /// Returns the fields whose granted values differ from the requested ones, in the order of
    /// [`MetadataField::ALL`]. Returns nothing if everything was granted as requested.
    ///
    /// The order of array elements and scope tokens is ignored. A field that is missing in the response
    /// counts as dropped. [`additional`](ClientMetadata::additional) members are not compared.
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
    ///     r#"token_endpoint_auth_method: requested "client_secret_post", granted "client_secret_basic""#,
    /// ]);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn changes_from(&self, requested: &ClientMetadata) -> Vec<Change> {
        let mut changes: Vec<_> = MetadataField::ALL
            .iter()
            .filter_map(|&field| {
                let granted = match field {
                    MetadataField::TokenEndpointAuthMethod if self.auth_method().is_none() => {
                        Vec::new()
                    }
                    _ => values(field, &self.metadata),
                };
                let requested = values(field, requested);
                let change = Change { field, requested, granted, shown: String::new() };
                let differs = change.dropped().next().is_some() || change.added().next().is_some();
                differs.then_some(change)
            })
            .collect();
        if !changes.is_empty() {
            let redactor = self.redactor();
            for change in &mut changes {
                change.shown = change.describe(&redactor);
            }
        }
        changes
    }
}

/// Returns the values of a field that are not empty.
fn values(field: MetadataField, metadata: &ClientMetadata) -> Vec<String> {
    let values = metadata.values(field).into_iter();
    values.filter(|value| !value.is_empty()).map(str::to_owned).collect()
}

fn difference<'a>(values: &'a [String], others: &'a [String]) -> impl Iterator<Item = &'a str> {
    values.iter().filter(|value| !others.contains(value)).map(String::as_str)
}

fn quoted(values: &[String], redactor: &Redactor) -> String {
    let shown = values.iter().take(MAX_VALUES);
    let mut quoted: Vec<_> = shown.map(|value| redactor.quote(value)).collect();
    match values.len().saturating_sub(MAX_VALUES) {
        0 if values.is_empty() => quoted.push("nothing".to_owned()),
        0 => {}
        more => quoted.push(format!("and {more} more")),
    }
    quoted.join(", ")
}
