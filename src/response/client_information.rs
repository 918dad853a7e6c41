//! A registered client as a value. Its decoding is in `decode`, the comparison with the request in
//! `changes`.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::{additional::AdditionalMembers, field_warning::FieldWarning, meta::ResponseMeta};
use crate::{
    metadata::{AuthMethod, ClientMetadata, MetadataField},
    secret::ClientSecret,
};

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
    pub(crate) response: Option<ResponseMeta>,
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
    /// Returns what came but could not be read, in the order it was found; empty where the answer
    /// kept to the contract.
    #[must_use]
    pub fn warnings(&self) -> &[FieldWarning] {
        &self.warnings
    }

    /// Returns what is known of the response that registered this client, or `None` if it was not
    /// registered by this call: it comes from a store or from
    /// [`from_json`](Self::from_json).
    #[must_use]
    pub fn response(&self) -> Option<&ResponseMeta> {
        self.response.as_ref()
    }

    /// Whether the answer says what was granted, and not the credentials alone.
    pub(crate) fn has_metadata(&self) -> bool {
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
}
