//! [`ClientInformation`]. Its decoding is in `decode`, and the comparison with the request in `changes`.

use std::{fmt, sync::Arc};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::{
    additional::AdditionalMembers, binding::Binding, field_warning::FieldWarning,
    meta::ResponseMeta, register_reason::RegisterReason,
};
use crate::{
    metadata::{AuthMethod, ClientMetadata, MetadataField},
    redact::{DebugFn, Redactor, Shown},
    secret::{BearerToken, ClientSecret},
};

/// The number of parts of a response that are reported one by one.
const MAX_WARNINGS: usize = 100;

/// A registered client: its credentials and its registered metadata.
///
/// Save it, because the server shows the secret only once. To serialize it, call
/// [`expose_json`](Self::expose_json).
///
/// Responses are read leniently: only a `client_id` is required. Members that could not be read are
/// reported by [`warnings`](Self::warnings), and metadata that was not granted as requested is reported
/// by [`changes_from`](Self::changes_from). A member that is `null` or `""` is read as missing.
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
/// `Debug` prints neither credentials nor values of additional members, and shortens the rest.
#[doc(alias("credentials", "client_secret"))]
#[derive(Clone)]
#[non_exhaustive]
pub struct ClientInformation {
    /// The identifier of the client at the authorization and token endpoints. Never empty.
    pub client_id: String,
    /// The secret of the client, or `None` if the response contains none, as for a public client.
    pub client_secret: Option<ClientSecret>,
    /// When the client was registered, in whole seconds, or `None` if the response does not say.
    pub client_id_issued_at: Option<DateTime<Utc>>,
    /// When the secret expires.
    pub client_secret_expires_at: SecretExpiry,
    /// The registered metadata, which may differ from the requested metadata.
    ///
    /// Members that are missing in the response are unset or empty here, except that
    /// `token_endpoint_auth_method` is the documented default.
    pub metadata: ClientMetadata,
    /// The members that have no field, and the raw values of members that could not be read.
    pub additional: AdditionalMembers,
    pub(crate) warnings: Vec<FieldWarning>,
    pub(crate) auth_method_stated: bool,
    /// The requested authentication method, which applies if the response states none. `None` if the
    /// request is not known.
    pub(crate) requested_auth_method: Option<AuthMethod>,
    pub(crate) response: Option<ResponseMeta>,
    pub(crate) register_reason: Option<RegisterReason>,
    /// Where the client belongs. `None` if it was read from JSON.
    pub(crate) binding: Option<Arc<Binding>>,
    /// The bearer token of the request, to mask it if the server returned it in another member.
    pub(crate) sent_token: Option<BearerToken>,
}

impl fmt::Debug for ClientInformation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let redactor = self.redactor();
        f.debug_struct("ClientInformation")
            .field("client_id", &Shown(&self.client_id, &redactor))
            .field("client_secret", &self.client_secret)
            .field("client_id_issued_at", &self.client_id_issued_at)
            .field("client_secret_expires_at", &self.client_secret_expires_at)
            .field("metadata", &self.metadata.shown(&redactor))
            .field("additional", &self.additional.shown(&redactor))
            .field("warnings", &self.warnings)
            .field("response", &self.response.as_ref().map(|response| response.shown(&redactor)))
            .finish_non_exhaustive()
    }
}

/// When a client secret expires: `client_secret_expires_at`.
///
/// Source: RFC 7591 section 3.2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SecretExpiry {
    /// The secret does not expire. The response contains 0.
    Never,
    /// The secret expires at this time.
    At(DateTime<Utc>),
    /// The response does not say, or there is no secret.
    Unspecified,
}

impl ClientInformation {
    /// Returns the parts of the response that could not be read. Empty if everything could be read.
    #[must_use]
    pub fn warnings(&self) -> &[FieldWarning] {
        &self.warnings
    }

    /// Returns the status, the request id and the number of attempts of the response that registered
    /// this client, or `None` if the client comes from a store or from [`from_json`](Self::from_json).
    #[must_use]
    pub fn response(&self) -> Option<&ResponseMeta> {
        self.response.as_ref()
    }

    /// Returns why [`register_once`](crate::Client::register_once) registered this client, or `None`
    /// if it comes from a store, or from another call.
    #[must_use]
    pub fn register_reason(&self) -> Option<RegisterReason> {
        self.register_reason
    }

    /// Creates a client of which only the id is known.
    pub(crate) fn with_id(client_id: String) -> Self {
        Self {
            client_id,
            client_secret: None,
            client_id_issued_at: None,
            client_secret_expires_at: SecretExpiry::Unspecified,
            metadata: ClientMetadata {
                grant_types: Vec::new(),
                response_types: Vec::new(),
                ..ClientMetadata::default()
            },
            additional: AdditionalMembers::default(),
            warnings: Vec::new(),
            auth_method_stated: false,
            requested_auth_method: None,
            response: None,
            register_reason: None,
            binding: None,
            sent_token: None,
        }
    }

    /// Returns the client id for messages and logs.
    pub(crate) fn shown_id(&self) -> impl fmt::Debug + '_ {
        DebugFn(|f: &mut fmt::Formatter<'_>| {
            fmt::Debug::fmt(&Shown(&self.client_id, &self.redactor()), f)
        })
    }

    /// Returns a redactor for the credentials of this client and of its registration request.
    pub(super) fn redactor(&self) -> Redactor {
        let secret = self.client_secret.as_ref().map(ClientSecret::expose);
        let token = self.sent_token.as_ref().map(BearerToken::expose);
        self.additional.redactor(secret.into_iter().chain(token))
    }

    /// Masks credentials in the warnings, and drops all but the first 100.
    pub(crate) fn redact_warnings(&mut self) {
        if self.warnings.is_empty() {
            return;
        }
        let redactor = self.redactor();
        let more = self.warnings.len().saturating_sub(MAX_WARNINGS);
        self.warnings.truncate(MAX_WARNINGS);
        self.warnings.iter_mut().for_each(|warning| warning.redact(&redactor));
        if more > 0 {
            let message = format!("{more} more parts could not be read");
            self.warnings.push(FieldWarning::new("body", message));
        }
    }

    /// Returns the authentication method, or `None` if the response does not contain one and the field
    /// holds the default.
    pub(crate) fn auth_method(&self) -> Option<&AuthMethod> {
        let method = &self.metadata.token_endpoint_auth_method;
        let is_default = *method == ClientMetadata::default().token_endpoint_auth_method;
        (self.auth_method_stated || !is_default).then_some(method)
    }

    /// Returns the client as RFC 7591 JSON, **with its secret in plain text**. Save it so that no
    /// other user can read it.
    ///
    /// To read it back, call [`from_json`](Self::from_json).
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
        // Members that were missing in the response stay missing, so that reading it back gives the
        // same value.
        json.retain(|_, value| value.as_array().is_none_or(|list| !list.is_empty()));
        if self.auth_method().is_none() {
            json.remove(MetadataField::TokenEndpointAuthMethod.as_str());
        }
        json.extend(self.additional.iter().map(|(name, value)| (name.to_owned(), value.clone())));
        json.into()
    }
}
