//! Requests to an API or a resource with the session's access token (RFC 6750).

use reqwest::{
    Request, Response, StatusCode, Url,
    header::{AUTHORIZATION, USER_AGENT},
};

use super::{handle::Session, obtain::erase_refused};
use crate::{
    error::TransportError,
    oauth::{
        access_token::AccessToken,
        error::{OAuthError, OAuthErrorKind},
    },
    response::challenge,
    transport::failure_of,
    url,
};

impl Session {
    /// Sends a request with the session's access token, and returns the response, whatever its
    /// status.
    ///
    /// If the response is 401, the token is refreshed once for all callers, and the request is sent
    /// once more, unless its body is a stream. Nothing else is retried, redirects are not followed,
    /// and the only deadline is the request's own.
    ///
    /// If the token cannot be replaced, the response is the 401, and
    /// [`access_token`](Self::access_token) says why. If the server refuses the refresh token too, or
    /// if there is none and the resource calls the token invalid (RFC 6750 section 3.1), a login is
    /// required.
    ///
    /// The request must be for the origin of the session's
    /// [`resource`](super::SessionBuilder::resource) or of the client's base URL: the token is never
    /// sent to another.
    ///
    /// # Errors
    ///
    /// Returns [`OAuthErrorKind::Endpoint`] if the request is for another origin; nothing was sent.
    /// [`OAuthErrorKind::InsufficientScope`] if the resource requires more scopes (RFC 6750 section
    /// 3.1), with [`OAuthError::required_scopes`]. [`OAuthErrorKind::Transport`] if no response
    /// arrived, and the errors of [`access_token`](Self::access_token).
    ///
    /// # Examples
    ///
    /// ```
    /// use poggio::{oauth::{LoginOptions, OAuthError, OAuthErrorKind, Session}, reqwest::Request};
    ///
    /// /// Sends a request, and again after a login with the scopes that it requires.
    /// async fn send(session: &Session, request: Request) -> Result<u16, OAuthError> {
    ///     let again = request.try_clone();
    ///     let response = match (session.execute(request).await, again) {
    ///         (Err(error), Some(again)) if error.kind() == OAuthErrorKind::InsufficientScope => {
    ///             let scopes = error.required_scopes().to_vec();
    ///             session.login(LoginOptions::new().add_scopes(scopes)).await?;
    ///             session.execute(again).await?
    ///         }
    ///         (result, _) => result?,
    ///     };
    ///     Ok(response.status().as_u16())
    /// }
    /// ```
    #[doc(alias("bearer", "middleware", "send"))]
    pub async fn execute(&self, request: Request) -> Result<Response, OAuthError> {
        self.check_origin(request.url())?;
        let again = request.try_clone();
        let token = self.access_token().await?;
        let response = self.send(request, &token).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return check_scope(response);
        }
        let next = match self.replace(&token).await {
            Ok(next) => next,
            Err(error) => {
                tracing::warn!(%error, "the token was refused with 401 and not replaced");
                let is_invalid =
                    challenge_param(&response, "error").as_deref() == Some("invalid_token");
                if is_invalid && error.kind() == OAuthErrorKind::LoginRequired {
                    erase_refused(&self.context, &token).await;
                }
                return Ok(response);
            }
        };
        match again.filter(|_| next.expose() != token.expose()) {
            Some(request) => check_scope(self.send(request, &next).await?),
            None => Ok(response),
        }
    }

    fn check_origin(&self, url: &Url) -> Result<(), OAuthError> {
        let context = &*self.context;
        let resource = context.key.resource.as_deref();
        let allowed = [Some(context.poggio.base_url()), resource].into_iter().flatten();
        let mut origins = allowed.filter_map(|url| Url::parse(url).ok()).map(|url| url.origin());
        if origins.any(|origin| origin == url.origin()) {
            return Ok(());
        }
        let origin = url.origin().ascii_serialization();
        Err(OAuthError::new(
            OAuthErrorKind::Endpoint,
            format!(
                "{origin} is neither the origin of the base URL nor of the session's resource, so \
                 it gets no token"
            ),
        ))
    }

    async fn send(
        &self,
        mut request: Request,
        token: &AccessToken,
    ) -> Result<Response, OAuthError> {
        let context = &*self.context;
        let header = token.header().ok_or_else(|| {
            let server = &context.key.server;
            let problem = format!("that of {server} has a character that no header can have");
            OAuthError::new(OAuthErrorKind::Unreadable, problem)
        })?;
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, header);
        headers.entry(USER_AGENT).or_insert(context.poggio.transport().user_agent.clone());
        let host = url::host_and_port(request.url()).into();
        context.poggio.http().execute(request).await.map_err(|error| {
            OAuthError::transport(TransportError::new(failure_of(error), host, context.timeout()))
        })
    }
}

/// Returns an error if a response says that the token lacks scopes.
fn check_scope(response: Response) -> Result<Response, OAuthError> {
    if response.status() != StatusCode::FORBIDDEN {
        return Ok(response);
    }
    if challenge_param(&response, "error").as_deref() != Some("insufficient_scope") {
        return Ok(response);
    }
    let scopes = challenge_param(&response, "scope").unwrap_or_default();
    let scopes = scopes.split_whitespace().map(str::to_owned).collect();
    let host = url::host_and_port(response.url());
    Err(OAuthError::insufficient_scope(host, scopes))
}

/// Returns a parameter of the `WWW-Authenticate` header.
fn challenge_param(response: &Response, name: &str) -> Option<String> {
    challenge::values(response.headers(), name).into_iter().next()
}
