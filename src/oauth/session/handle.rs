//! [`Session`]: the token that is kept, and the request for the next one. Logins, requests to the API
//! and logout have their own files.

use std::{fmt, sync::Arc};

use futures_util::FutureExt;

use super::{context::Context, obtain::obtain};
use crate::oauth::{access_token::AccessToken, error::OAuthError};

/// A registered client, its authorization server, and the tokens of one account, kept in a store.
///
/// A session returns a valid access token whenever it is asked. It refreshes the token once,
/// whichever task, process or host asks first, and saves it before it returns it. Cloning is cheap,
/// and clones share the token in memory.
///
/// [`access_token`](Self::access_token) never opens a browser. If only a person can help, it fails
/// with [`OAuthErrorKind::LoginRequired`](crate::oauth::OAuthErrorKind::LoginRequired), and
/// [`login`](Self::login) is the way out.
///
/// With the grant type `client_credentials` and without `authorization_code` in its metadata, a
/// session has no user: it registers a client and requests tokens for it.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use poggio::{
///     Client, FileStore,
///     oauth::{AuthorizationServer, LoginOptions, OAuthError, Recovery, Session},
///     reqwest::{Method, Request},
/// };
///
/// # async fn run(poggio: Client, server: AuthorizationServer) -> Result<(), OAuthError> {
/// let store = Arc::new(FileStore::for_app("acme-sync")?);
/// let mcp_server = "https://mcp.poggio.io/mcp";
/// let session = Session::builder(&poggio, store).server(server).resource(mcp_server).build()?;
///
/// match session.access_token().await {
///     Err(error) if error.recovery() == Recovery::LogIn => {
///         session.login(LoginOptions::new()).await?;
///     }
///     result => drop(result?),
/// }
/// let url = mcp_server.parse().expect("it is a URL");
/// let response = session.execute(Request::new(Method::GET, url)).await?;
/// # let _ = response;
/// # Ok(())
/// # }
/// ```
#[doc(alias("token manager", "client credentials", "refresh token"))]
#[derive(Clone)]
pub struct Session {
    pub(super) context: Arc<Context>,
}

impl Session {
    /// Returns an access token that is valid now: the kept one, a refreshed one, or for a client
    /// without users a new one.
    ///
    /// A token is replaced before it expires: by the
    /// [`refresh_margin`](super::SessionBuilder::refresh_margin), at most half its lifetime. Until
    /// it expires, it is returned to all callers but the one that replaces it, and also if the
    /// replacement fails.
    ///
    /// A kept token is returned without access to the store. If you drop the future, the request is
    /// completed and saved.
    ///
    /// # Errors
    ///
    /// Returns [`OAuthErrorKind::LoginRequired`](crate::oauth::OAuthErrorKind::LoginRequired) if no user has
    /// logged in, or if the login has ended. Other errors leave the login as it is;
    /// [`OAuthError::recovery`] says what to do.
    ///
    /// # Examples
    ///
    /// See [`AccessToken`].
    #[doc(alias("refresh", "client credentials"))]
    pub async fn access_token(&self) -> Result<AccessToken, OAuthError> {
        let context = &self.context;
        let valid = context.cached().filter(|cached| cached.is_valid());
        if let Some(cached) = &valid
            && (cached.is_fresh() || context.is_in_flight())
        {
            return Ok(cached.token.clone());
        }
        match self.obtain(None).await {
            Err(error) => match context.cached().filter(|cached| cached.is_valid()) {
                Some(cached) => {
                    tracing::warn!(%error, "the token was not replaced; it is still valid");
                    Ok(cached.token.clone())
                }
                None => Err(error),
            },
            result => result,
        }
    }

    /// Returns an access token other than `refused`, which a resource did not accept: the kept one, or
    /// a refreshed one. If several callers pass the same token, it is refreshed once.
    ///
    /// [`execute`](Self::execute) does this for its requests. Call it after a 401 response if you send
    /// requests with another HTTP client.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`access_token`](Self::access_token).
    ///
    /// # Examples
    ///
    /// ```
    /// use poggio::oauth::{OAuthError, Session};
    ///
    /// # async fn send(_: &str) -> u16 { 200 }
    /// /// Sends a request, and again if the status is 401.
    /// async fn call(session: &Session) -> Result<u16, OAuthError> {
    ///     let token = session.access_token().await?;
    ///     match send(token.expose()).await {
    ///         401 => Ok(send(session.replace(&token).await?.expose()).await),
    ///         status => Ok(status),
    ///     }
    /// }
    /// ```
    pub async fn replace(&self, refused: &AccessToken) -> Result<AccessToken, OAuthError> {
        match self.context.cached() {
            Some(cached) if cached.token.expose() != refused.expose() && cached.is_fresh() => {
                Ok(cached.token.clone())
            }
            _ => {
                let token = self.obtain(Some(refused.clone())).await?;
                if token.expose() != refused.expose() {
                    return Ok(token);
                }
                // The request that was under way had begun before the token was refused.
                self.obtain(Some(refused.clone())).await
            }
        }
    }

    async fn obtain(&self, refused: Option<AccessToken>) -> Result<AccessToken, OAuthError> {
        self.context.flight(|context| obtain(context, refused).boxed()).await
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("token_endpoint", &self.context.server.token_endpoint)
            .field("tokens", &self.context.tokens.name())
            .finish_non_exhaustive()
    }
}
