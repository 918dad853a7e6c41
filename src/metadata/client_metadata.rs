//! The metadata of a client as a value. Its JSON form, where the derived one does not do, is in `json`;
//! its fields by name are in `field`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    json,
    terms::{AuthMethod, GrantType, ResponseType},
};

/// The metadata of a client: what is asked for in a registration, and what was granted in its
/// answer.
///
/// [`Default`] is Poggio's documented defaults: no redirect URI, `client_secret_post`,
/// `authorization_code`, `code`, all else unset. As JSON it has RFC 7591's form: what is unset is
/// left out, never null, and so are an empty list of redirect URIs or contacts and a blank scope.
///
/// It can be read from a file. A null member counts as unset if unset is possible. A member that
/// Poggio does not document goes to [`additional`](Self::additional) and is sent as it is.
///
/// Source: RFC 7591 section 2.
///
/// # Examples
///
/// ```
/// use poggio::{ClientMetadata, GrantType};
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, expecting = "an object with the members of client metadata")]
pub struct ClientMetadata {
    /// Where the authorization server may send the user back to. Default: none.
    ///
    /// Sent exactly as given. A client of the code or implicit grant needs at least one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub redirect_uris: Vec<String>,
    /// How the client authenticates at the token endpoint. Default: `client_secret_post`.
    pub token_endpoint_auth_method: AuthMethod,
    /// The grant types the client will use. Default: `authorization_code`.
    pub grant_types: Vec<GrantType>,
    /// The response types the client will use. Default: `code`.
    pub response_types: Vec<ResponseType>,
    /// The client's name as users will read it. Default: unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    /// URL of the client's home page. Default: unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_uri: Option<String>,
    /// URL of the client's logo. Default: unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo_uri: Option<String>,
    /// The scopes the client may ask for, separated by single spaces (RFC 6749 section 3.3).
    /// Default: unset. A blank scope is left out of the request.
    #[serde(skip_serializing_if = "json::is_blank")]
    pub scope: Option<String>,
    /// Whom to reach about the client, usually e-mail addresses. Default: none.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "json::null_is_empty")]
    pub contacts: Vec<String>,
    /// URL of the client's terms of service. Default: unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tos_uri: Option<String>,
    /// URL of the client's privacy policy. Default: unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_uri: Option<String>,
    /// Names the software, the same in all its installations and versions. Default: unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub software_id: Option<String>,
    /// The version of the software that `software_id` names. Default: unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub software_version: Option<String>,
    /// Members beyond the thirteen, sent as given, such as OpenID Connect's `application_type`.
    /// Default: none.
    ///
    /// A name that one of the fields above has is not sent, and [`validate`](Self::validate) reports
    /// it.
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
    /// Returns the documented defaults, the start for a client that sends users to Poggio to log
    /// in. Add at least one redirect URI.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the start for a client without users: the `client_credentials` grant and no
    /// response type.
    ///
    /// Without the empty list of response types a server would fill in `code`, which does not go
    /// with that grant (RFC 7591 section 2.1).
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
    #[must_use]
    pub fn client_credentials() -> Self {
        Self {
            grant_types: vec![GrantType::ClientCredentials],
            response_types: Vec::new(),
            ..Self::default()
        }
    }

    /// Adds one redirect URI to those already there.
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

    /// Sets the grant types, in place of those already there.
    #[must_use]
    pub fn with_grant_types<T: Into<GrantType>>(
        mut self,
        types: impl IntoIterator<Item = T>,
    ) -> Self {
        self.grant_types = types.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the response types, in place of those already there.
    #[must_use]
    pub fn with_response_types<T: Into<ResponseType>>(
        mut self,
        types: impl IntoIterator<Item = T>,
    ) -> Self {
        self.response_types = types.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the name that users will read.
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

    /// Sets the contacts, in place of those already there.
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

    /// Adds a member that is not one of the thirteen, in place of one of the same name.
    ///
    /// # Examples
    ///
    /// ```
    /// use poggio::ClientMetadata;
    ///
    /// let metadata = ClientMetadata::new()
    ///     .with_redirect_uri("http://127.0.0.1:8910/callback")
    ///     .with_additional("application_type", "native");
    ///
    /// assert_eq!(serde_json::to_value(&metadata)?["application_type"], "native");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[must_use]
    pub fn with_additional(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.additional.insert(name.into(), value.into());
        self
    }
}
