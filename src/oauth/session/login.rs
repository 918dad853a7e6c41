//! Logins: the redirect URI and the client of a login, the wait for its callback, and the exchange of
//! the code.

use std::{future, sync::Arc, time::Duration};

use futures_util::{
    FutureExt,
    future::{Either, select},
};
use serde_json::Value;
use tokio::time::timeout;
use tracing::Instrument;

use super::{
    browser,
    context::Context,
    diagnosis::is_client_unknown,
    document::Entry,
    handle::Session,
    options::LoginOptions,
    protocol::{Step, Task},
    run::{call, finish, run},
};
use crate::{
    oauth::{
        access_token::AccessToken,
        authorization::Authorization,
        callback_listener::CallbackListener,
        error::{OAuthError, OAuthErrorKind},
    },
    response::ClientInformation,
    store::now,
    url,
};

impl Session {
    /// Logs a user in with the browser, and returns the token after it is saved.
    ///
    /// Registers a client if the store has none. Listens on a loopback redirect URI, opens the
    /// browser, waits for the callback, exchanges the code, and replaces the account's tokens. If
    /// you drop the future, the listener closes; a code that has arrived is exchanged and saved.
    ///
    /// # Errors
    ///
    /// Returns [`OAuthErrorKind::TimedOut`] if no callback arrived. If the authorization endpoint says that
    /// it does not know the client, the client is marked as rejected, and the error says that the
    /// next login registers another. [`OAuthErrorKind::Refused`] if the user denied access.
    /// [`OAuthErrorKind::Registration`] if no client could be registered, or a store failed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use poggio::oauth::{LoginOptions, OAuthError, Session};
    ///
    /// async fn log_in(session: &Session) -> Result<(), OAuthError> {
    ///     let options = LoginOptions::new()
    ///         .timeout(Duration::from_secs(120))
    ///         .on_url(|url| eprintln!("if no browser opens, open {url}"));
    ///     let token = session.login(options).await?;
    ///     println!("granted: {:?}", token.scopes());
    ///     Ok(())
    /// }
    /// ```
    #[doc(alias("authorize", "sign in", "pkce", "authorization code"))]
    pub async fn login(&self, options: LoginOptions) -> Result<AccessToken, OAuthError> {
        let span = tracing::info_span!("poggio.login", tokens = self.context.tokens.name());
        self.log_in(options).instrument(span).await
    }

    /// Returns the authorization of a login whose callback the program receives itself, such as a
    /// web backend. Registers a client if the store has none.
    ///
    /// The redirect URI is the first one of the metadata.
    ///
    /// # Errors
    ///
    /// Returns [`OAuthErrorKind::Client`] if the metadata has no redirect URI, and
    /// [`OAuthErrorKind::Registration`] if no client could be registered.
    ///
    /// # Examples
    ///
    /// See [`restore_login`](Self::restore_login).
    #[doc(alias("authorization_url", "web backend"))]
    pub async fn begin_login(&self) -> Result<Authorization, OAuthError> {
        let context = &*self.context;
        let Some(redirect_uri) = context.metadata.redirect_uris.first() else {
            return Err(OAuthError::new(OAuthErrorKind::Client, "redirect_uris: there is none"));
        };
        let client = context.register(&context.metadata).await?;
        self.authorization(&client, redirect_uri, &LoginOptions::new())
    }

    /// Returns the authorization of a login that another process began, from the JSON of
    /// [`Authorization::expose_json`].
    ///
    /// # Errors
    ///
    /// Returns [`OAuthErrorKind::Callback`] if the JSON is not that of an authorization for the registered
    /// client and this server. [`OAuthErrorKind::Registration`] if the store cannot be read.
    ///
    /// # Examples
    ///
    /// ```
    /// use poggio::{oauth::{OAuthError, Session}, serde_json::Value};
    ///
    /// # fn save(_: Value) {}
    /// # fn load() -> Value { Value::Null }
    /// /// Returns the URL to which the backend redirects the browser.
    /// async fn begin(session: &Session) -> Result<String, OAuthError> {
    ///     let authorization = session.begin_login().await?;
    ///     save(authorization.expose_json());
    ///     Ok(authorization.url().to_string())
    /// }
    ///
    /// /// Handles the request to the redirect URI.
    /// async fn finish(session: &Session, callback_url: &str) -> Result<(), OAuthError> {
    ///     let authorization = session.restore_login(&load()).await?;
    ///     session.finish_login(authorization, callback_url).await?;
    ///     Ok(())
    /// }
    /// ```
    pub async fn restore_login(&self, json: &Value) -> Result<Authorization, OAuthError> {
        let context = &*self.context;
        let invalid = || {
            let problem = "the saved login is not one of this client and server";
            OAuthError::new(OAuthErrorKind::Callback, problem)
        };
        let client = context.find_client().await?.ok_or_else(invalid)?;
        let redirect_uri = Authorization::redirect_uri_of(json).ok_or_else(invalid)?;
        let oauth = client.oauth2_client(&context.server, Some(&redirect_uri))?;
        Authorization::from_json(json, &oauth, &context.server).ok_or_else(invalid)
    }

    /// Exchanges the code of a callback, and returns the token after it is saved.
    ///
    /// `callback_url` is the URL to which the server redirected the browser, or only its query.
    ///
    /// # Errors
    ///
    /// Returns [`OAuthErrorKind::Callback`] if the callback does not belong to this authorization,
    /// [`OAuthErrorKind::Refused`] if the user denied access or the server refused the code, and
    /// [`OAuthErrorKind::Registration`] if the token could not be saved. The session then holds it,
    /// and its next call saves it.
    ///
    /// # Examples
    ///
    /// See [`restore_login`](Self::restore_login).
    #[doc(alias("exchange_code", "callback"))]
    pub async fn finish_login(
        &self,
        authorization: Authorization,
        callback_url: &str,
    ) -> Result<AccessToken, OAuthError> {
        // A task completes the exchange if the caller is dropped, because a code is valid once.
        let (context, callback_url) = (Arc::clone(&self.context), callback_url.to_owned());
        let exchange = async move { exchange(&context, &authorization, &callback_url).await };
        let task = tokio::spawn(exchange.in_current_span());
        task.await.unwrap_or_else(|_| Err(OAuthError::interrupted()))
    }

    async fn log_in(&self, mut options: LoginOptions) -> Result<AccessToken, OAuthError> {
        let context = &*self.context;
        let registered = context.find_client().await?;
        if let Some(client) = registered.as_ref().filter(|_| options.renew_client) {
            context.reject_client(&client.client_id).await?;
        }
        let (index, listener) =
            listen(context, options.redirect_uri.as_deref(), registered).await?;
        let redirect_uri = listener.redirect_uri().to_owned();
        let mut metadata = context.metadata.clone();
        if let Some(uri) = metadata.redirect_uris.get_mut(index) {
            uri.clone_from(&redirect_uri);
        }
        let client = context.register(&metadata).await?;
        let authorization = self.authorization(&client, &redirect_uri, &options)?;

        show(authorization.url().as_str(), &mut options).await?;
        let pasted = async {
            match options.pasted {
                Some(pasted) => pasted.await,
                None => future::pending().await,
            }
        };
        let wait = async {
            match select(Box::pin(listener.wait(&authorization)), Box::pin(pasted)).await {
                Either::Left((callback, _)) => callback,
                Either::Right((callback, _)) => Ok(callback),
            }
        };
        match timeout(options.timeout, wait).await {
            Ok(callback) => self.finish_login(authorization, &callback?).await,
            Err(_) => Err(self.diagnose(&client, &redirect_uri, options.timeout).await?),
        }
    }

    fn authorization(
        &self,
        client: &ClientInformation,
        redirect_uri: &str,
        options: &LoginOptions,
    ) -> Result<Authorization, OAuthError> {
        let context = &*self.context;
        let oauth = client.oauth2_client(&context.server, Some(redirect_uri))?;
        let scopes = options.scopes.as_ref().unwrap_or(&context.scopes).clone();
        let scopes = context.add_scopes(scopes, &options.more_scopes);
        let mut authorization = Authorization::new(&oauth, &context.server, scopes);
        let resource = context.key.resource.as_deref().map(|resource| ("resource", resource));
        let params = options.params.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in params.chain(resource) {
            authorization = authorization.with_param(name, value);
        }
        Ok(authorization)
    }

    /// Returns the error of a login without a callback. Asks the authorization endpoint whether it
    /// knows the client, and marks an unknown one as rejected.
    async fn diagnose(
        &self,
        client: &ClientInformation,
        redirect_uri: &str,
        waited: Duration,
    ) -> Result<OAuthError, OAuthError> {
        let probe = self.authorization(client, redirect_uri, &LoginOptions::new())?;
        let seconds = waited.as_secs();
        if !is_client_unknown(self.context.poggio.http(), probe.url()).await {
            return Ok(OAuthError::new(
                OAuthErrorKind::TimedOut,
                format!("no callback arrived within {seconds} s"),
            ));
        }
        let problem = if client.response().is_none() {
            self.context.reject_client(&client.client_id).await?;
            "the server does not know the client; the next login registers another"
        } else {
            "the server does not know the client, although it was registered for this login"
        };
        Ok(OAuthError::new(OAuthErrorKind::TimedOut, problem))
    }
}

/// Binds a redirect URI of the metadata; returns its index and the listener.
async fn listen(
    context: &Context,
    requested: Option<&str>,
    registered: Option<ClientInformation>,
) -> Result<(usize, CallbackListener), OAuthError> {
    let uris = &context.metadata.redirect_uris;
    let is_same = |a: &str, b: &str| url::without_port(a) == url::without_port(b);
    let is_loopback = |uri: &str| url::without_port(uri).starts_with("http://");
    let found = uris.iter().position(|uri| match requested {
        Some(requested) => is_same(uri, requested),
        None => is_loopback(uri),
    });
    let Some((index, uri)) = found.and_then(|index| Some((index, uris.get(index)?))) else {
        let problem = match requested {
            Some(_) => "the redirect URI of the login is not in the metadata; add it there",
            None => "the metadata has no loopback redirect URI; add http://127.0.0.1/callback",
        };
        return Err(OAuthError::new(OAuthErrorKind::Client, format!("redirect_uris: {problem}")));
    };
    let listener = if let Some(requested) = requested {
        CallbackListener::bind(requested).await?
    } else {
        let registered = registered.as_ref().map(|client| &client.metadata.redirect_uris);
        let registered = registered.and_then(|uris| uris.iter().find(|own| is_same(own, uri)));
        CallbackListener::bind_or_any_port(registered.unwrap_or(uri)).await?
    };
    Ok((index, listener))
}

/// Gives the URL to the program, and to the browser.
async fn show(url: &str, options: &mut LoginOptions) -> Result<(), OAuthError> {
    let on_url = options.on_url.take();
    let has_other_way = on_url.is_some();
    if let Some(on_url) = on_url {
        on_url(url);
    }
    if !options.browser {
        return Ok(());
    }
    match browser::open(url.to_owned()).await {
        Err(error) if has_other_way => {
            tracing::warn!(%error, "no browser could be opened");
            Ok(())
        }
        Err(error) => Err(OAuthError::new(
            OAuthErrorKind::Listener,
            format!("no browser could be opened ({error}); show the URL with LoginOptions::on_url"),
        )),
        Ok(()) => Ok(()),
    }
}

async fn exchange(
    context: &Context,
    authorization: &Authorization,
    callback_url: &str,
) -> Result<AccessToken, OAuthError> {
    let mut request = authorization.exchange_code(callback_url)?;
    for (name, value) in context.token_params() {
        request = request.add_extra_param(name, value);
    }
    // The right to request comes first, so that a token which another caller requests now does not
    // replace this one.
    let logouts = context.logouts();
    let client_id = authorization.client_id();
    let result = run(context, call(context, Task::LogIn), Step::Lock, logouts, |_| {
        let request = async {
            let response = request.request_async(&context.poggio).await?;
            let scopes = authorization.scopes();
            Ok(Entry::new(context.key.clone(), client_id, &response, &scopes, None, now()))
        };
        request.boxed()
    });
    match result.await {
        Ok(result) => {
            context.note_token(client_id).await;
            finish(context, result, logouts)
        }
        Err(error) if error.is_invalid_client() && context.replace_client(client_id).await? => {
            Err(OAuthError::login_required(
                "the server no longer accepts the client; the next login registers another",
            ))
        }
        Err(error) => Err(error),
    }
}
