//! [`ClientMetadata`] and its builder methods. Hand-written parts of its JSON form are in `json`, and
//! the names of its fields are in `field`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    json,
    terms::{AuthMethod, GrantType, ResponseType},
};

/// The metadata of a client: the values requested in a registration, or the values granted in the
/// response.
///
/// [`Default`] returns Poggio's documented defaults: no redirect URI, `client_secret_post`,
/// `authorization_code`, `code`, and everything else unset.
///
/// It serializes to RFC 7591 JSON. Unset members are omitted, and so are an empty `redirect_uris`, an
/// empty `contacts` and a blank `scope`.
///
/// It deserializes from the same JSON, so you can read it from a file. A missing member gets its
/// default, and `null` is accepted for members that can be unset. Members that have no field here are
/// stored in [`additional`](Self::additional) and sent unchanged.
///
/// Source: RFC 7591 section 2.
///
/// # Examples
///
/// ```
/// use poggio::{ClientMetadata, GrantType, serde_json};
///
/// let metadata = ClientMetadata::new()
///     .with_redirect_uri("http://127.0.0.1:8910/callback")
///     .with_grant_types([GrantType::AuthorizationCode, GrantType::RefreshToken])
///     .with_client_name("Acme Sync");
///
/// assert_eq!(
///     serde_json::to_value(&metadata)?,
///     serde_json::json!({
///         "redirect_uris": ["http://127.0.0.1:8910/callback"],
///         "token_endpoint_auth_method": "client_secret_post",
///         "grant_types": ["authorization_code", "refresh_token"],
///         "response_types": ["code"],
///         "client_name": "Acme Sync",
///     })
/// );
///
/// let read: ClientMetadata = serde_json::from_str(r#"{"client_name": "Acme Sync"}"#)?;
/// assert_eq!(read.grant_types, [GrantType::AuthorizationCode]);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[doc(alias("rfc7591", "client metadata"))]
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, expecting = "an object with the members of client metadata")]
pub struct ClientMetadata {
    /// The URIs to which the authorization server may redirect the user. Default: none.
    ///
    /// They are sent unchanged. A client that uses the `authorization_code` or `implicit` grant needs at
    /// least one. Some servers other than Poggio accept a loopback or custom-scheme URI only
    /// [with](Self::with_additional) the member `application_type` `native`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub redirect_uris: Vec<String>,
    /// How the client authenticates at the token endpoint. Default: `client_secret_post`.
    pub token_endpoint_auth_method: AuthMethod,
    /// The grant types that the client uses. Default: `authorization_code`.
    pub grant_types: Vec<GrantType>,
    /// The response types that the client uses. Default: `code`.
    pub response_types: Vec<ResponseType>,
    /// The name of the client that is shown to users. Default: unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    /// The URL of the client's home page. Default: unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_uri: Option<String>,
    /// The URL of the client's logo. Default: unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo_uri: Option<String>,
    /// The scopes that the client may request, separated by single spaces (RFC 6749 section 3.3).
    /// Default: unset. A blank scope is not sent.
    #[serde(skip_serializing_if = "json::is_blank")]
    pub scope: Option<String>,
    /// Contacts responsible for the client, usually email addresses. Default: none.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "json::null_is_empty")]
    pub contacts: Vec<String>,
    /// The URL of the client's terms of service. Default: unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tos_uri: Option<String>,
    /// The URL of the client's privacy policy. Default: unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_uri: Option<String>,
    /// An identifier of the software, the same for all its installations and versions. Default: unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub software_id: Option<String>,
    /// The version of the software that `software_id` identifies. Default: unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub software_version: Option<String>,
    /// Members without a field in this struct, such as OpenID Connect's `application_type`. They are
    /// sent unchanged. Default: none.
    ///
    /// A member with the name of one of the fields above is not sent, and [`validate`](Self::validate)
    /// reports it.
    #[serde(flatten, serialize_with = "json::additional")]
    pub additional: Map<String, Value>,
}

impl Default for ClientMetadata {
    fn default() -> Self {
        Self {
            redirect_uris: Vec::new(),
            token_endpoint_auth_method: AuthMethod::ClientSecretPost,
            grant_types: vec![GrantType::AuthorizationCode],
            response_types: vec![ResponseType::Code],
            client_name: None,
            client_uri: None,
            logo_uri: None,
            scope: None,
            contacts: Vec::new(),
            tos_uri: None,
            policy_uri: None,
            software_id: None,
            software_version: None,
            additional: Map::new(),
        }
    }
}

impl ClientMetadata {
    /// Returns metadata for a client whose users log in at Poggio: the documented defaults. Add at
    /// least one redirect URI.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns metadata for a client without users: the `client_credentials` grant and no response
    /// types.
    ///
    /// The list of response types is sent empty. Without it, the server would use the default `code`,
    /// which requires the `authorization_code` grant (RFC 7591 section 2.1).
    ///
    /// # Examples
    ///
    /// ```
    /// use poggio::ClientMetadata;
    ///
    /// let metadata = ClientMetadata::client_credentials().with_client_name("nightly export");
    /// assert!(metadata.response_types.is_empty());
    /// assert!(metadata.validate().is_ok());
    /// ```
    #[doc(alias("client credentials", "service account", "machine to machine", "m2m"))]
    #[must_use]
    pub fn client_credentials() -> Self {
        Self {
            grant_types: vec![GrantType::ClientCredentials],
            response_types: Vec::new(),
            ..Self::default()
        }
    }

    /// Adds one redirect URI.
    #[must_use]
    pub fn with_redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uris.push(uri.into());
        self
    }

    /// Sets how the client authenticates at the token endpoint.
    #[must_use]
    pub fn with_token_endpoint_auth_method(mut self, method: impl Into<AuthMethod>) -> Self {
        self.token_endpoint_auth_method = method.into();
        self
    }

    /// Replaces the grant types.
    #[must_use]
    pub fn with_grant_types<T: Into<GrantType>>(
        mut self,
        types: impl IntoIterator<Item = T>,
    ) -> Self {
        self.grant_types = types.into_iter().map(Into::into).collect();
        self
    }

    /// Replaces the response types.
    #[must_use]
    pub fn with_response_types<T: Into<ResponseType>>(
        mut self,
        types: impl IntoIterator<Item = T>,
    ) -> Self {
        self.response_types = types.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the name that is shown to users.
    #[must_use]
    pub fn with_client_name(mut self, name: impl Into<String>) -> Self {
        self.client_name = Some(name.into());
        self
    }

    /// Sets the URL of the home page.
    #[must_use]
    pub fn with_client_uri(mut self, uri: impl Into<String>) -> Self {
        self.client_uri = Some(uri.into());
        self
    }

    /// Sets the URL of the logo.
    #[must_use]
    pub fn with_logo_uri(mut self, uri: impl Into<String>) -> Self {
        self.logo_uri = Some(uri.into());
        self
    }

    /// Sets the scopes, separated by single spaces.
    #[must_use]
    pub fn with_scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// Replaces the contacts.
    #[must_use]
    pub fn with_contacts<T: Into<String>>(mut self, contacts: impl IntoIterator<Item = T>) -> Self {
        self.contacts = contacts.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the URL of the terms of service.
    #[must_use]
    pub fn with_tos_uri(mut self, uri: impl Into<String>) -> Self {
        self.tos_uri = Some(uri.into());
        self
    }

    /// Sets the URL of the privacy policy.
    #[must_use]
    pub fn with_policy_uri(mut self, uri: impl Into<String>) -> Self {
        self.policy_uri = Some(uri.into());
        self
    }

    /// Sets the identifier of the software.
    #[must_use]
    pub fn with_software_id(mut self, id: impl Into<String>) -> Self {
        self.software_id = Some(id.into());
        self
    }

    /// Sets the version of the software.
    #[must_use]
    pub fn with_software_version(mut self, version: impl Into<String>) -> Self {
        self.software_version = Some(version.into());
        self
    }

    /// Sets a member that has no field in this struct.
    ///
    /// # Examples
    ///
    /// ```
    /// use poggio::{ClientMetadata, serde_json};
    ///
    /// let metadata = ClientMetadata::new()
    ///     .with_redirect_uri("http://127.0.0.1:8910/callback")
    ///     .with_additional("application_type", "native");
    ///
    /// assert_eq!(serde_json::to_value(&metadata)?["application_type"], "native");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[doc(alias("application_type", "native"))]
    #[must_use]
    pub fn with_additional(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.additional.insert(name.into(), value.into());
        self
    }
}
