//! [`ClientBuilder`]: the configuration of a client.

use std::{fmt, sync::Arc, time::Duration};

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use super::{
    handle::{Client, Shared},
    http_client,
};
use crate::{
    error::{ConfigError, Error},
    response::Binding,
    secret::{self, BearerToken},
    transport::Transport,
    url,
};

/// Configures a [`Client`]. [`Client::builder`] returns one with the defaults.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use poggio::Client;
///
/// # fn main() -> Result<(), poggio::Error> {
/// let poggio = Client::builder()
///     .base_url("https://poggio.acme.example/api/")
///     .auth_token("an-api-token")
///     .app_info("acme", "1.2")
///     .timeout(Duration::from_secs(10))
/// #   .http_client(poggio::reqwest::Client::new())
///     .build()?;
///
/// assert!(!format!("{poggio:?}").contains("an-api-token"));
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct ClientBuilder {
    pub(super) base_url: Setting<String>,
    pub(super) auth_token: Option<Setting<SecretString>>,
    auth_token_origin: Option<String>,
    registration_endpoint: Option<String>,
    app_info: Option<(String, String)>,
    timeout: Duration,
    connect_timeout: Duration,
    max_retries: u32,
    max_response_bytes: usize,
    local_validation: bool,
    renewal_margin: Duration,
    http_client: Option<reqwest::Client>,
}

/// A value and its name for errors: a method of the builder or an environment variable.
pub(super) struct Setting<T> {
    pub(super) name: &'static str,
    pub(super) value: T,
}

const BASE_URL: &str = "base_url";
const AUTH_TOKEN: &str = "auth_token";

impl ClientBuilder {
    pub(super) fn new() -> Self {
        Self {
            base_url: Setting { name: BASE_URL, value: url::DEFAULT_BASE_URL.to_owned() },
            auth_token: None,
            auth_token_origin: None,
            registration_endpoint: None,
            app_info: None,
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            max_retries: 2,
            max_response_bytes: 256 * 1024,
            local_validation: true,
            renewal_margin: Duration::from_secs(60),
            http_client: None,
        }
    }

    /// Sets the base URL of the API, to which `/v1/oauth/register` is appended. Default:
    /// `https://api.poggio.io`.
    ///
    /// The URL may contain a port and a path. It must use `https`, except for the loopback hosts
    /// `localhost`, 127.0.0.0/8 and `[::1]`. Requests over `http` use no proxy, unless you set one in
    /// your own [`http_client`](Self::http_client).
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Setting { name: BASE_URL, value: url.into() };
        self
    }

    /// Sets the URL of the registration endpoint, such as one that was discovered. Default: the base
    /// URL followed by `/v1/oauth/register`.
    ///
    /// If its origin (scheme, host and port) is not that of the base URL, it does not receive the token
    /// of [`auth_token`](Self::auth_token), because a discovered URL can lead to any server.
    /// [`auth_token_origin`](Self::auth_token_origin) changes this.
    pub fn registration_endpoint(mut self, url: impl Into<String>) -> Self {
        self.registration_endpoint = Some(url.into());
        self
    }

    /// Sets the bearer token that authorizes registrations (RFC 6750), without the word `Bearer`.
    /// Default: none, because Poggio does not require a token.
    ///
    /// The token is sent to the origin of the base URL only: not to a
    /// [`registration_endpoint`](Self::registration_endpoint) elsewhere, and not to another server by a
    /// redirect. The same is true for a token from the environment.
    #[doc(alias("initial access token", "api key", "bearer"))]
    pub fn auth_token(mut self, token: impl Into<String>) -> Self {
        self.auth_token =
            Some(Setting { name: AUTH_TOKEN, value: secret::into_secret(token.into()) });
        self
    }

    /// Sets the only origin that receives the token, such as `https://mcp.poggio.io`. Default: the origin
    /// of the base URL.
    ///
    /// Set it to the origin of a [`registration_endpoint`](Self::registration_endpoint) that you trust
    /// with the token. A path in this URL is ignored.
    ///
    /// # Examples
    ///
    /// ```
    /// use poggio::Client;
    ///
    /// # fn main() -> Result<(), poggio::Error> {
    /// let poggio = Client::builder()
    ///     .auth_token("an-api-token")
    ///     .registration_endpoint("https://mcp.poggio.io/register")
    ///     .auth_token_origin("https://mcp.poggio.io")
    /// #   .http_client(poggio::reqwest::Client::new())
    ///     .build()?;
    /// # let _ = poggio;
    /// # Ok(())
    /// # }
    /// ```
    pub fn auth_token_origin(mut self, origin: impl Into<String>) -> Self {
        self.auth_token_origin = Some(origin.into());
        self
    }

    /// Sets the timeout of a whole call, including retries and the waits between them. Default: 30
    /// seconds. A value too large for [`Instant`](std::time::Instant) means no timeout.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the timeout for establishing a connection, including TLS. Default: 10 seconds. It does not
    /// apply to a client set by [`http_client`](Self::http_client).
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets how many times a request is retried at most. Default: 2. A request is retried only if it is
    /// certain that the server did not act on it.
    #[doc(alias("retry", "backoff"))]
    pub fn max_retries(mut self, retries: u32) -> Self {
        self.max_retries = retries;
        self
    }

    /// Sets how many bytes of a response body are read at most. Default: 262,144.
    ///
    /// A larger success response is [`Error::Unreadable`]. Any other larger response is truncated.
    /// Response headers are limited by the HTTP client to 100 headers and about 400 KiB.
    pub fn max_response_bytes(mut self, bytes: usize) -> Self {
        self.max_response_bytes = bytes;
        self
    }

    /// Adds the name and version of your application to the `User-Agent` header, as in
    /// `acme/1.2 poggio/0.1.0 (linux; x86_64)`. Default: none.
    ///
    /// Both may contain letters, digits and ``!#$%&'*+-.^_`|~`` (RFC 9110 section 10.1.5).
    pub fn app_info(mut self, name: impl Into<String>, version: impl Into<String>) -> Self {
        self.app_info = Some((name.into(), version.into()));
        self
    }

    /// Sets whether metadata is validated before it is sent. Default: true. If false, only the server
    /// validates it.
    pub fn local_validation(mut self, on: bool) -> Self {
        self.local_validation = on;
        self
    }

    /// Sets how long before its expiry a stored secret counts as expired for
    /// [`register_once`](Client::register_once). Default: 60 seconds. At most half the lifetime that
    /// the secret had when it was saved.
    pub fn renewal_margin(mut self, margin: Duration) -> Self {
        self.renewal_margin = margin;
        self
    }

    /// Sets the HTTP client, for example to use a proxy, a private certificate authority or shared
    /// connections. Default: a client built by this crate.
    ///
    /// Build it with [`redirect(Policy::none())`](reqwest::ClientBuilder::redirect), because a response
    /// from another URL is an error. A registration is never sent twice, even if the client follows
    /// redirects. The client's own timeouts and proxies apply in addition to the settings of this
    /// builder.
    #[doc(alias("proxy", "certificate authority"))]
    pub fn http_client(mut self, client: reqwest::Client) -> Self {
        self.http_client = Some(client);
        self
    }

    /// Builds the client. Sends no request.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Config`] if a setting is invalid. The error names the setting.
    pub fn build(self) -> Result<Client, Error> {
        let base_url = url::parse_base_url(&self.base_url.value)
            .map_err(|problem| ConfigError::new(self.base_url.name, problem))?;
        let token = self.auth_token.as_ref().map(|token| {
            let parsed = BearerToken::parse(token.value.expose_secret());
            parsed.map_err(|problem| ConfigError::new(token.name, problem))
        });
        let token = token.transpose()?;
        self.check_limits()?;
        let endpoint = self.endpoint(&base_url)?;
        let is_https = endpoint.scheme() == "https";
        let receives_token = self.token_url(&base_url)?.origin() == endpoint.origin();
        if token.is_some() && !receives_token {
            tracing::warn!(
                host = url::host_and_port(&endpoint),
                "the registration endpoint does not receive the token, because its origin is another \
                 than that of the base URL; auth_token_origin changes this"
            );
        }
        let transport = Transport {
            host: url::host_and_port(&endpoint).into(),
            endpoint,
            authorization: token.as_ref().filter(|_| receives_token).and_then(BearerToken::header),
            user_agent: http_client::user_agent(self.app_info.as_ref())?,
            timeout: self.timeout,
            max_retries: self.max_retries,
            max_response_bytes: self.max_response_bytes,
        };
        // Last, because loading certificates takes time.
        let http = match &self.http_client {
            Some(client) => client.clone(),
            None => http_client::build(is_https, self.connect_timeout)?,
        };
        let shared = Shared {
            base_url,
            token,
            #[cfg(feature = "oauth2")]
            has_own_endpoint: self.registration_endpoint.is_some(),
            transport: Arc::new(transport),
            local_validation: self.local_validation,
            renewal_margin: self.renewal_margin,
        };
        let endpoint = shared.transport.endpoint.as_str().to_owned();
        let binding = Arc::new(Binding { endpoint, server: None });
        Ok(Client { http, shared: Arc::new(shared), binding })
    }

    fn endpoint(&self, base_url: &str) -> Result<Url, ConfigError> {
        if let Some(url) = &self.registration_endpoint {
            return url::parse_endpoint(url)
                .map_err(|problem| ConfigError::new("registration_endpoint", problem));
        }
        Url::parse(&format!("{base_url}{}", url::REGISTRATION_PATH))
            .map_err(|error| ConfigError::new(self.base_url.name, error.to_string()))
    }

    /// Returns a URL of the only origin that receives the token.
    fn token_url(&self, base_url: &str) -> Result<Url, ConfigError> {
        let (setting, text) = match &self.auth_token_origin {
            Some(origin) => ("auth_token_origin", origin.as_str()),
            None => (self.base_url.name, base_url),
        };
        url::parse_endpoint(text).map_err(|problem| ConfigError::new(setting, problem))
    }

    fn check_limits(&self) -> Result<(), ConfigError> {
        let limits = [
            ("timeout", self.timeout.is_zero()),
            ("connect_timeout", self.connect_timeout.is_zero()),
            ("max_response_bytes", self.max_response_bytes == 0),
        ];
        match limits.iter().find(|(_, is_zero)| *is_zero) {
            Some((setting, _)) => Err(ConfigError::new(*setting, "must be greater than 0")),
            None => Ok(()),
        }
    }
}

impl Client {
    /// Returns a client for `https://api.poggio.io` without a token.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Config`] if TLS cannot be set up, because the platform's certificates cannot be
    /// read or this crate was built without a TLS feature.
    pub fn new() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// Returns a builder with the default settings.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            // Not yet checked, so it may contain a password.
            .field("base_url", &url::parse_base_url(&self.base_url.value))
            .field(
                "registration_endpoint",
                &self.registration_endpoint.as_deref().map(url::parse_endpoint),
            )
            .field("auth_token", &self.auth_token.as_ref().map(|_| "[redacted]"))
            .field("auth_token_origin", &self.auth_token_origin.as_deref().map(url::parse_endpoint))
            .field("app_info", &self.app_info)
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("max_retries", &self.max_retries)
            .field("max_response_bytes", &self.max_response_bytes)
            .field("local_validation", &self.local_validation)
            .field("renewal_margin", &self.renewal_margin)
            .finish_non_exhaustive()
    }
}
