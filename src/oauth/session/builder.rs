//! [`SessionBuilder`]: the settings of a session, and their checks.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use iri_string::types::UriAbsoluteStr;

use super::{
    context::{Context, Memory},
    document::{Key, Parameters},
    handle::Session,
};
use crate::{
    client::Client,
    error::{ConfigError, Error},
    metadata::{ClientMetadata, GrantType},
    oauth::{
        error::{OAuthError, OAuthErrorKind},
        server::AuthorizationServer,
    },
    store::RegistrationStore,
    url::DEFAULT_BASE_URL,
};

/// The redirect URI that is registered by default. Its port is that of the first login.
const REDIRECT_URI: &str = "http://127.0.0.1/callback";
const REFRESH_MARGIN: Duration = Duration::from_secs(60);
/// Longer names of siblings do not fit into the names of files and keyring entries.
const MAX_NAME_LEN: usize = 160;

/// Builds a [`Session`].
///
/// # Examples
///
/// A service without users, which needs a token for each of its organizations:
///
/// ```
/// use std::sync::Arc;
/// use poggio::{
///     Client, ClientMetadata, FileStore,
///     oauth::{AccessToken, AuthorizationServer, OAuthError, Session},
/// };
///
/// # async fn run(poggio: Client, server: AuthorizationServer) -> Result<AccessToken, OAuthError> {
/// let session = Session::builder(&poggio, Arc::new(FileStore::for_app("acme-export")?))
///     .metadata(ClientMetadata::client_credentials().with_client_name("nightly export"))
///     .server(server)
///     .token_param("org_id", "org-1")
///     .build()?;
/// session.access_token().await
/// # }
/// ```
#[must_use = "a builder does nothing until `build` is called"]
pub struct SessionBuilder {
    poggio: Client,
    store: Arc<dyn RegistrationStore>,
    token_store: Option<Arc<dyn RegistrationStore>>,
    metadata: ClientMetadata,
    server: Option<AuthorizationServer>,
    scopes: Option<Vec<String>>,
    resource: Option<String>,
    account: Option<String>,
    params: Vec<(String, String)>,
    refresh_margin: Duration,
}

impl Session {
    /// Returns a builder for a session whose registration is in `store`, and whose tokens are in
    /// [siblings](RegistrationStore::sibling) of it.
    pub fn builder(poggio: &Client, store: Arc<dyn RegistrationStore>) -> SessionBuilder {
        let metadata = ClientMetadata::new()
            .with_redirect_uri(REDIRECT_URI)
            .with_grant_types([GrantType::AuthorizationCode, GrantType::RefreshToken]);
        SessionBuilder {
            poggio: poggio.clone(),
            store,
            token_store: None,
            metadata,
            server: None,
            scopes: None,
            resource: None,
            account: None,
            params: Vec::new(),
            refresh_margin: REFRESH_MARGIN,
        }
    }
}

impl SessionBuilder {
    /// Sets the metadata of the registration. Default: a loopback redirect URI, and the grant types
    /// `authorization_code` and `refresh_token`.
    ///
    /// The port of a loopback redirect URI need not be set: it is that of the first
    /// [`login`](Session::login).
    pub fn metadata(mut self, metadata: ClientMetadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// Sets the authorization server. Default: [`AuthorizationServer::poggio`] if the base URL of
    /// the client is Poggio's; any other base URL requires a server.
    ///
    /// A server that was [discovered](Client::discover) elsewhere registers the client at its own
    /// registration endpoint.
    pub fn server(mut self, server: AuthorizationServer) -> Self {
        self.server = Some(server);
        self
    }

    /// Sets the scopes to request. Default: those of [`AuthorizationServer::default_scopes`]; if there
    /// are none, the server chooses.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the resource that tokens are for, such as the URL of an MCP server (RFC 8707). Default:
    /// the [`resource`](AuthorizationServer::resource) for which the server was discovered, if any. It
    /// must be an absolute URI without a fragment.
    #[doc(alias("rfc8707", "audience"))]
    pub fn resource(mut self, url: impl Into<String>) -> Self {
        self.resource = Some(url.into());
        self
    }

    /// Sets the account whose tokens these are, such as a user ID of your application. Each account
    /// has its own token document. Default: one account with a fixed name.
    pub fn account(mut self, name: impl Into<String>) -> Self {
        self.account = Some(name.into());
        self
    }

    /// Sets the store of this account's tokens. Default: a sibling of the registration's store.
    /// Required for a store without siblings. It must not be the store of the registration.
    pub fn token_store(mut self, store: Arc<dyn RegistrationStore>) -> Self {
        self.token_store = Some(store);
        self
    }

    /// Adds a parameter to every token request, such as Poggio's `org_id` and `user_id`.
    #[doc(alias("org_id", "user_id"))]
    pub fn token_param(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.params.push((name.into(), value.into()));
        self
    }

    /// Sets how long before its expiry a token is replaced. Default: 60 seconds; at most half the
    /// token's lifetime. Up to a fifth is subtracted at random, so that many processes do not
    /// refresh at the same moment.
    pub fn refresh_margin(mut self, margin: Duration) -> Self {
        self.refresh_margin = margin;
        self
    }

    /// Returns the session with these settings. Nothing is sent, read or written.
    ///
    /// # Errors
    ///
    /// Returns [`OAuthErrorKind::Endpoint`] if there is no authorization server, or if one of its URLs
    /// cannot be used, and [`OAuthErrorKind::Client`] if the account name is empty or too long, or
    /// if the store has no siblings and there is no token store. Returns [`Error::Config`], converted,
    /// if the resource is not an absolute URI without a fragment.
    pub fn build(self) -> Result<Session, OAuthError> {
        self.check_resource()?;
        let server = self.find_server()?;
        let (_, token_endpoint) = server.endpoints()?;
        let (poggio, registers) = self.poggio.at_server(&server)?;
        let poggio = poggio.for_server(&server)?;
        let tokens = self.open_tokens()?;
        let scopes = self.scopes.unwrap_or_else(|| server.default_scopes());
        let has_user = self.metadata.grant_types.contains(&GrantType::AuthorizationCode);
        let key = Key {
            server: token_endpoint.origin().ascii_serialization(),
            resource: self.resource.or_else(|| server.resource.clone()),
            client_credentials: (!has_user).then(|| Parameters::new(&scopes, &self.params)),
        };
        let context = Context {
            poggio,
            registers,
            store: self.store,
            tokens,
            metadata: self.metadata,
            server,
            scopes,
            params: self.params,
            refresh_margin: self.refresh_margin,
            key,
            memory: Memory::default(),
        };
        Ok(Session { context: Arc::new(context) })
    }

    /// Checks the resource before a client is registered for it.
    fn check_resource(&self) -> Result<(), Error> {
        let is_valid = |resource: &String| UriAbsoluteStr::new(resource).is_ok();
        if self.resource.as_ref().is_none_or(is_valid) {
            return Ok(());
        }
        let problem = "not an absolute URI without a fragment (RFC 8707 section 2); start with the \
            scheme, and percent-encode spaces and non-ASCII characters";
        Err(ConfigError::new("resource", problem).into())
    }

    fn find_server(&self) -> Result<AuthorizationServer, OAuthError> {
        match &self.server {
            Some(server) => Ok(server.clone()),
            None if self.poggio.base_url() == DEFAULT_BASE_URL => Ok(AuthorizationServer::poggio()),
            None => Err(OAuthError::new(
                OAuthErrorKind::Endpoint,
                format!(
                    "the client has the base URL {}, whose authorization server is not known; set \
                     it with SessionBuilder::server",
                    self.poggio.base_url()
                ),
            )),
        }
    }

    fn open_tokens(&self) -> Result<Arc<dyn RegistrationStore>, OAuthError> {
        let problem = |problem: &str| OAuthError::new(OAuthErrorKind::Client, problem);
        if let Some(store) = &self.token_store {
            return Ok(Arc::clone(store));
        }
        let name = sibling_name(self.account.as_deref())
            .ok_or_else(|| problem("account: the name is empty or too long"))?;
        self.store.sibling(&name).ok_or_else(|| {
            problem("token_store: the store has no siblings, so it must be set for each account")
        })
    }
}

impl Parameters {
    fn new(scopes: &[String], params: &[(String, String)]) -> Self {
        let mut scopes = scopes.to_vec();
        scopes.sort();
        scopes.dedup();
        Self { scopes, params: params.iter().cloned().collect::<BTreeMap<_, _>>() }
    }
}

/// Returns the name of the document of an account. Other characters than lowercase letters and digits
/// are replaced by their bytes in hexadecimal, so that two accounts never share a document, not even
/// on a file system that ignores case.
fn sibling_name(account: Option<&str>) -> Option<String> {
    let Some(account) = account else { return Some("tokens".to_owned()) };
    let encoded = account.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ => format!("_{byte:02x}"),
    });
    let name = format!("tokens-{}", encoded.collect::<String>());
    (!account.is_empty() && name.len() <= MAX_NAME_LEN).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::sibling_name;

    #[test]
    fn sibling_name_is_unique_and_safe() {
        assert_eq!(sibling_name(None).unwrap(), "tokens");
        assert_eq!(sibling_name(Some("user-1")).unwrap(), "tokens-user_2d1");
        assert_eq!(sibling_name(Some("User_1")).unwrap(), "tokens-_55ser_5f1");
        assert_eq!(sibling_name(Some("../ü")).unwrap(), "tokens-_2e_2e_2f_c3_bc");
        assert_eq!(sibling_name(Some("")), None);
        assert_eq!(sibling_name(Some(&"a".repeat(154))), None);
        assert_eq!(sibling_name(Some(&"a".repeat(153))).unwrap().len(), 160);
    }
}
