//! Client information: a registered client, as the server's success answer tells it.
//!
//! Reading an answer is in `read`, saving what a broken one held in `salvage`, comparing with what
//! was asked in `changes`.

mod additional;
mod changes;
pub(crate) mod read;
pub(crate) mod salvage;
mod warning;

pub use additional::AdditionalMembers;
pub use changes::{Change, ChangeKind};
pub use warning::FieldWarning;

use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use serde_json::{Map, Value};

use crate::{AuthMethod, ClientMetadata, ClientSecret, Error, MetadataField, UnreadableResponse};

/// A registered client: its credentials, and its metadata as the server keeps it.
///
/// Keep it: neither Poggio nor this crate can bring back a secret that is lost.
///
/// Whatever was odd about the answer, short of a missing `client_id`, is in
/// [`warnings`](Self::warnings); whatever differs from what was asked is in
/// [`changes_from`](Self::changes_from). `null`, `""` and a member that is missing are all read as
/// absent.
///
/// Source: RFC 7591 section 3.2.1.
///
/// # Examples
///
/// ```
/// use poggio::{ClientMetadata, SecretExpiry, testing::Server};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), poggio::Error> {
/// let server = Server::start().await;
/// let metadata = ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback");
///
/// let client = server.client().register(&metadata).await?;
///
/// assert_eq!(client.client_id, "loopback-client-1");
/// assert_eq!(client.client_secret_expires_at, SecretExpiry::Never);
/// assert!(client.client_secret.is_some());
/// assert!(client.changes_from(&metadata).is_empty());
/// assert!(client.warnings().is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientInformation {
    /// Identifies the client at the authorization and token endpoints; never empty.
    pub client_id: String,
    /// The client's secret, or `None` for a public client.
    pub client_secret: Option<ClientSecret>,
    /// When the client was registered, to the second; `None` where the answer does not say.
    pub client_id_issued_at: Option<DateTime<Utc>>,
    /// When the secret ceases to work.
    pub client_secret_expires_at: SecretExpiry,
    /// The metadata as registered, which may differ from what was asked.
    ///
    /// What the answer does not state is unset or empty here; where it does not state
    /// `token_endpoint_auth_method`, that is the documented default.
    pub metadata: ClientMetadata,
    /// The members that the contract does not name, and the raw value of each that it does name
    /// but that could not be read.
    pub additional: AdditionalMembers,
    pub(crate) warnings: Vec<FieldWarning>,
    pub(crate) auth_method_stated: bool,
    pub(crate) status: Option<StatusCode>,
    pub(crate) request_id: Option<String>,
    pub(crate) attempts: u32,
}

/// When a client secret ceases to work: `client_secret_expires_at`.
///
/// Source: RFC 7591 section 3.2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SecretExpiry {
    /// It does not expire: the answer says 0.
    Never,
    /// It ceases to work then.
    At(DateTime<Utc>),
    /// The answer does not say, or there is no secret.
    Unspecified,
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
        changes::between(requested, self)
    }

    /// Returns what came but could not be read, in the order it was found; empty where the answer
    /// kept to the contract.
    #[must_use]
    pub fn warnings(&self) -> &[FieldWarning] {
        &self.warnings
    }

    /// Returns the status of the answer, 200 or 201 as a rule; `None` where this was not read from
    /// an answer.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.status
    }

    /// Returns the server's name for the request, to quote to its support; `None` where it gave
    /// none.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// Returns how many requests it took: 1 where nothing was sent again, 0 where this was not
    /// read from an answer.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Whether the answer says what was granted, and not the credentials alone.
    pub(crate) fn states_metadata(&self) -> bool {
        !self.metadata.redirect_uris.is_empty() || !self.metadata.grant_types.is_empty()
    }

    /// The authentication method, unless it is only the default for an answer that states none.
    pub(crate) fn auth_method(&self) -> Option<&AuthMethod> {
        let method = &self.metadata.token_endpoint_auth_method;
        let is_default = *method == ClientMetadata::default().token_endpoint_auth_method;
        (self.auth_method_stated || !is_default).then_some(method)
    }

    /// Returns the client as RFC 7591 JSON, **with its secret in the clear**, to be put where
    /// only its owner can read it.
    ///
    /// [`from_json`](Self::from_json) reads it back.
    ///
    /// # Examples
    ///
    /// ```
    /// use poggio::ClientInformation;
    ///
    /// let client = ClientInformation::from_json(r#"{"client_id": "7", "client_secret": "s3cr3t"}"#)?;
    /// let json = client.expose_json();
    /// assert_eq!(json["client_secret"], "s3cr3t");
    /// # Ok::<(), poggio::Error>(())
    /// ```
    #[must_use]
    pub fn expose_json(&self) -> Value {
        let mut json = Map::new();
        json.insert("client_id".into(), self.client_id.clone().into());
        if let Some(secret) = &self.client_secret {
            json.insert("client_secret".into(), secret.expose().into());
        }
        if let Some(at) = self.client_id_issued_at {
            json.insert("client_id_issued_at".into(), at.timestamp().into());
        }
        match self.client_secret_expires_at {
            SecretExpiry::Never => json.insert("client_secret_expires_at".into(), 0.into()),
            SecretExpiry::At(at) => {
                json.insert("client_secret_expires_at".into(), at.timestamp().into())
            }
            SecretExpiry::Unspecified => None,
        };
        if let Ok(Value::Object(metadata)) = serde_json::to_value(&self.metadata) {
            json.extend(metadata);
        }
        // What the answer did not state is not made up here.
        json.retain(|_, value| value.as_array().is_none_or(|list| !list.is_empty()));
        if self.auth_method().is_none() {
            json.remove(MetadataField::TokenEndpointAuthMethod.as_str());
        }
        json.extend(self.additional.iter().map(|(name, value)| (name.to_owned(), value.clone())));
        json.into()
    }

    /// Reads a client from RFC 7591 JSON that was kept, as leniently as an answer is read.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`] where it is not a JSON object with a `client_id`.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        read::lenient(text.as_bytes()).map_err(|reason| {
            let salvaged = salvage::credentials(text.as_bytes());
            Error::Unreadable(UnreadableResponse::new(None, reason, salvaged))
        })
    }
}
