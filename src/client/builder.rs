//! The configuration of a client.

use std::{fmt, sync::Arc, time::Duration};

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use super::{
    handle::{Client, Shared},
    http_client,
};
use crate::{
    error::{ConfigError, Error},
    secret::{self, BearerToken},
    transport::Transport,
    url,
};

/// Configures a [`Client`]; made by [`Client::builder`].
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
/// #   .http_client(reqwest::Client::new())
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

/// A value, and what it was set by: the method, or the environment variable.
pub(super) struct Setting<T> {
    pub(super) by: &'static str,
    pub(super) value: T,
}

const BASE_URL: &str = "base_url";
const AUTH_TOKEN: &str = "auth_token";

impl ClientBuilder {
    pub(super) fn new() -> Self {
        Self {
            base_url: Setting { by: BASE_URL, value: url::DEFAULT_BASE.to_owned() },
            auth_token: None,
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

    /// Sets where the API is: the part before `/v1/oauth/register`. Default:
    /// `https://api.poggio.io`.
    ///
    /// It may have a port, a path, an IPv6 address, and a slash at the end. `http` is for this
    /// machine alone: `localhost`, 127.0.0.0/8 and `[::1]`; no proxy is used for it, unless a
    /// client given to [`http_client`](Self::http_client) has one.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Setting { by: BASE_URL, value: url.into() };
        self
    }

    /// Sets the URL to register at, in place of the one below the base URL: one that was
    /// discovered, such as that of a later version of the API. Default: the base URL with
    /// `/v1/oauth/register`.
    pub fn registration_endpoint(mut self, url: impl Into<String>) -> Self {
        self.registration_endpoint = Some(url.into());
        self
    }

    /// Sets the token that authorizes registrations (RFC 6750), without the word `Bearer`.
    /// Default: none, which Poggio documents as sufficient.
    pub fn auth_token(mut self, token: impl Into<String>) -> Self {
        self.auth_token = Some(Setting { by: AUTH_TOKEN, value: secret::wiped(token.into()) });
        self
    }

    /// Sets the bound of a whole call, retries and the waits between them included. Default:
    /// 30 seconds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the bound of each attempt to connect, TLS included. Default: 10 seconds. Without
    /// effect on a client given to [`http_client`](Self::http_client).
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets how often a request is sent again at most, where it is certain that the server did
    /// not act on it. Default: 2. With 0 nothing is sent again.
    pub fn max_retries(mut self, retries: u32) -> Self {
        self.max_retries = retries;
        self
    }

    /// Sets how much of an answer's body is read, in bytes. Default: 262,144. What is larger is
    /// [`Error::Unreadable`] if it is a success answer, else it is read up to there. The head has the
    /// HTTP library's cap: 100 headers, some 400 KiB.
    pub fn max_response_bytes(mut self, bytes: usize) -> Self {
        self.max_response_bytes = bytes;
        self
    }

    /// Puts the application's name and version before this crate's in `User-Agent`, as in
    /// `acme/1.2 poggio/0.1.0 (linux; x86_64)`. Both are tokens: letters, digits and
    /// ``!#$%&'*+-.^_`|~`` (RFC 9110 section 10.1.5).
    pub fn app_info(mut self, name: impl Into<String>, version: impl Into<String>) -> Self {
        self.app_info = Some((name.into(), version.into()));
        self
    }

    /// Sets whether metadata is checked before it is sent. Default: true. Turn it off to let the
    /// server alone decide.
    pub fn local_validation(mut self, on: bool) -> Self {
        self.local_validation = on;
        self
    }

    /// Sets how long before its end a kept secret counts as expired for
    /// [`register_once`](Client::register_once). Default: 60 seconds.
    pub fn renewal_margin(mut self, margin: Duration) -> Self {
        self.renewal_margin = margin;
        self
    }

    /// Sets the HTTP client to send with, in place of one of this crate's own making: for a proxy,
    /// a certificate authority of one's own, shared connections.
    ///
    /// Build it with `redirect(reqwest::redirect::Policy::none())`: a redirect that it follows to
    /// another URL is an error. It cannot send the registration a second time in any case. Its own
    /// timeouts and proxies apply beside this builder's settings.
    pub fn http_client(mut self, client: reqwest::Client) -> Self {
        self.http_client = Some(client);
        self
    }

    /// Builds the client; sends nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] that names the setting and what is wrong with it.
    pub fn build(self) -> Result<Client, Error> {
        let base_url = url::base(&self.base_url.value)
            .map_err(|problem| ConfigError::new(self.base_url.by, problem))?;
        let token = self.auth_token.as_ref().map(|token| {
            let parsed = BearerToken::parse(token.value.expose_secret());
            parsed.map_err(|problem| ConfigError::new(token.by, problem))
        });
        let token = token.transpose()?;
        self.check_limits()?;
        let endpoint = self.endpoint(&base_url)?;
        let is_https = endpoint.scheme() == "https";
        let transport = Transport {
            endpoint,
            authorization: token.as_ref().and_then(BearerToken::header),
            user_agent: http_client::user_agent(self.app_info.as_ref())?,
            timeout: self.timeout,
            max_retries: self.max_retries,
            max_response_bytes: self.max_response_bytes,
        };
        // Last: the one setting that costs time to check.
        let http = match &self.http_client {
            Some(client) => client.clone(),
            None => http_client::client(is_https, self.connect_timeout)?,
        };
        let shared = Shared {
            base_url,
            token,
            transport: Arc::new(transport),
            local_validation: self.local_validation,
            renewal_margin: self.renewal_margin,
        };
        Ok(Client { http, shared: Arc::new(shared) })
    }

    fn endpoint(&self, base_url: &str) -> Result<Url, ConfigError> {
        if let Some(url) = &self.registration_endpoint {
            return url::endpoint(url)
                .map_err(|problem| ConfigError::new("registration_endpoint", problem));
        }
        Url::parse(&format!("{base_url}{}", url::REGISTRATION_PATH))
            .map_err(|error| ConfigError::new(self.base_url.by, error.to_string()))
    }

    fn check_limits(&self) -> Result<(), ConfigError> {
        let limits = [
            ("timeout", self.timeout.is_zero()),
            ("connect_timeout", self.connect_timeout.is_zero()),
            ("max_response_bytes", self.max_response_bytes == 0),
        ];
        match limits.iter().find(|(_, is_zero)| *is_zero) {
            Some((setting, _)) => {
                Err(ConfigError::new(*setting, "is 0; it has to leave room for an answer"))
            }
            None => Ok(()),
        }
    }
}

impl Client {
    /// Returns a client for `https://api.poggio.io` without a token.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] where TLS cannot be set up: the platform's certificates cannot be read,
    /// or this crate was built without a TLS feature.
    pub fn new() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// Returns a builder with the defaults.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            // Not yet checked: it may hold a password.
            .field("base_url", &url::base(&self.base_url.value))
            .field(
                "registration_endpoint",
                &self.registration_endpoint.as_deref().map(url::endpoint),
            )
            .field("auth_token", &self.auth_token.as_ref().map(|_| "[redacted]"))
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
