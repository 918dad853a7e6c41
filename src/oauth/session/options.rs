//! [`LoginOptions`]: how a login reaches the user and receives the callback.

use std::{fmt, pin::Pin, time::Duration};

use crate::response::challenge;

/// How long a login waits for the callback by default.
const TIMEOUT: Duration = Duration::from_secs(300);

type Callback = Pin<Box<dyn Future<Output = String> + Send>>;
type OnUrl = Box<dyn FnOnce(&str) + Send>;

/// How [`Session::login`](super::Session::login) reaches the user and receives the callback.
///
/// # Examples
///
/// A program without a browser, such as one in an SSH session, prints the URL. The user pastes the
/// URL to which the browser was redirected:
///
/// ```
/// use poggio::oauth::{LoginOptions, OAuthError, Session};
///
/// # async fn read_line() -> String { String::new() }
/// # async fn log_in(session: &Session) -> Result<(), OAuthError> {
/// let options = LoginOptions::new()
///     .browser(false)
///     .on_url(|url| println!("Open {url} and paste the URL that it leads to:"))
///     .pasted(read_line());
/// session.login(options).await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "options do nothing until they are passed to `login`"]
pub struct LoginOptions {
    pub(super) browser: bool,
    pub(super) timeout: Duration,
    pub(super) redirect_uri: Option<String>,
    pub(super) scopes: Option<Vec<String>>,
    /// Requested in addition, with those of the current token.
    pub(super) more_scopes: Vec<String>,
    pub(super) params: Vec<(String, String)>,
    pub(super) pasted: Option<Callback>,
    pub(super) on_url: Option<OnUrl>,
    pub(super) renew_client: bool,
}

impl LoginOptions {
    /// Returns the default options: open the user's browser, and wait 5 minutes.
    pub fn new() -> Self {
        Self {
            browser: true,
            timeout: TIMEOUT,
            redirect_uri: None,
            scopes: None,
            more_scopes: Vec::new(),
            params: Vec::new(),
            pasted: None,
            on_url: None,
            renew_client: false,
        }
    }

    /// Sets whether to open the user's browser. Default: true. The environment of the browser does
    /// not contain `POGGIO_AUTH_TOKEN`.
    pub fn browser(mut self, open: bool) -> Self {
        self.browser = open;
        self
    }

    /// Sets how long to wait for the callback. Default: 5 minutes.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the redirect URI on which to listen, such as `http://127.0.0.1:8910/callback`. It must be
    /// one of the session's metadata, apart from the port.
    ///
    /// Default: the first loopback URI of the metadata, with the registered port if it is free, or
    /// else with any port (RFC 8252 section 7.3).
    pub fn redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uri = Some(uri.into());
        self
    }

    /// Sets the scopes to request. Default: the scopes of the session.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// Adds scopes to those of the session and of its current token, such as those of
    /// [`OAuthError::required_scopes`].
    ///
    /// [`OAuthError::required_scopes`]: crate::oauth::OAuthError::required_scopes
    pub fn add_scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.more_scopes.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// Adds the scopes that a resource requires, from the `WWW-Authenticate` header of its 401 or 403
    /// response (RFC 6750 section 3), like [`add_scopes`](Self::add_scopes). Use it if you send
    /// requests with another HTTP client, because [`Session::execute`](super::Session::execute)
    /// returns the scopes in its error.
    ///
    /// ```
    /// use poggio::oauth::LoginOptions;
    ///
    /// let challenge = r#"Bearer error="insufficient_scope", scope="files:read files:write""#;
    /// let options = LoginOptions::new().challenge(challenge);
    /// ```
    pub fn challenge(self, www_authenticate: &str) -> Self {
        let headers = challenge::headers(www_authenticate);
        self.add_scopes(challenge::scopes(&headers))
    }

    /// Adds a parameter to the authorization request, such as `prompt=consent`.
    pub fn param(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.params.push((name.into(), value.into()));
        self
    }

    /// Accepts a callback URL that the program obtains elsewhere, for a browser on another machine.
    /// The first callback counts: this one, or one that arrives at the listener.
    pub fn pasted(mut self, callback_url: impl Future<Output = String> + Send + 'static) -> Self {
        self.pasted = Some(Box::pin(callback_url));
        self
    }

    /// Sets a function that gets the URL to open, before the browser is opened. The URL contains the
    /// state: keep it out of logs.
    pub fn on_url(mut self, on_url: impl FnOnce(&str) + Send + 'static) -> Self {
        self.on_url = Some(Box::new(on_url));
        self
    }

    /// Marks the registered client as rejected and registers another one. Default: false. Use it if
    /// the login page says that the client is unknown.
    pub fn renew_client(mut self, renew: bool) -> Self {
        self.renew_client = renew;
        self
    }
}

impl Default for LoginOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for LoginOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginOptions")
            .field("browser", &self.browser)
            .field("timeout", &self.timeout)
            .field("redirect_uri", &self.redirect_uri)
            .field("scopes", &self.scopes)
            .field("more_scopes", &self.more_scopes)
            .field("renew_client", &self.renew_client)
            .finish_non_exhaustive()
    }
}
