//! Logout: erases the tokens of an account, and revokes them at the server (RFC 7009).

use reqwest::{
    Method,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue},
};

use super::{
    context::Context,
    document::Entry,
    handle::Session,
    protocol::{CallResult, Step, Task},
    run::{call, no_request, run},
};
use crate::{
    metadata::AuthMethod,
    oauth::{
        error::OAuthError,
        http::read_error,
        server::{AuthorizationServer, endpoint},
    },
    response::ClientInformation,
};

/// The result of [`Session::logout`].
///
/// # Examples
///
/// See [`Session::logout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Logout {
    /// The tokens were erased from the store. The server was not told, because it names no
    /// revocation endpoint or the request failed: the tokens stay valid until they expire.
    Erased,
    /// The tokens were erased from the store and revoked at the server.
    Revoked,
    /// There were no tokens.
    NotLoggedIn,
}

impl Session {
    /// Erases the account's tokens from the store and from memory, and revokes them if the server
    /// has a revocation endpoint (RFC 7009). Returns which of the two happened.
    ///
    /// The registered client stays, and other processes may use the access token that they have in
    /// memory until it expires or is revoked. Tokens of other sessions and accounts stay too.
    ///
    /// # Errors
    ///
    /// Returns [`OAuthErrorKind::Registration`](crate::oauth::OAuthErrorKind::Registration) if the store cannot be
    /// read or written. A failed revocation is not an error.
    ///
    /// # Examples
    ///
    /// ```
    /// use poggio::oauth::{Logout, OAuthError, Session};
    ///
    /// async fn log_out(session: &Session) -> Result<(), OAuthError> {
    ///     match session.logout().await? {
    ///         Logout::Revoked => println!("logged out"),
    ///         _ => println!("logged out on this machine"),
    ///     }
    ///     Ok(())
    /// }
    /// ```
    #[doc(alias("revoke", "rfc7009", "sign out"))]
    pub async fn logout(&self) -> Result<Logout, OAuthError> {
        let context = &*self.context;
        context.log_out();
        let call = call(context, Task::LogOut);
        let result = run(context, call, Step::Lock, context.logouts(), no_request).await;
        // Once more, for a call that began in between and found the token before it was erased.
        context.log_out();
        let CallResult::Removed(Some(entry)) = result? else { return Ok(Logout::NotLoggedIn) };
        match revoke(context, &entry).await {
            Ok(true) => Ok(Logout::Revoked),
            Ok(false) => Ok(Logout::Erased),
            Err(error) => {
                tracing::warn!(%error, "the tokens were erased, but not revoked at the server");
                Ok(Logout::Erased)
            }
        }
    }
}

/// Revokes the refresh token, or the access token if there is none. Returns false if the server has no
/// revocation endpoint.
async fn revoke(context: &Context, entry: &Entry) -> Result<bool, OAuthError> {
    let Some(url) = &context.server.revocation_endpoint else { return Ok(false) };
    let url = endpoint("revocation_endpoint", url)?;
    let client = context.find_client().await?;
    let Some(client) = client.filter(|client| client.client_id == entry.client_id) else {
        return Ok(false);
    };
    let (token, hint) = entry.to_revoke();
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("token", token).append_pair("token_type_hint", hint);
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    authenticate(&client, &context.server, &mut form, &mut headers);
    let body = form.finish();
    let response = context.poggio.send(Method::POST, url, headers.clone(), body.as_bytes()).await?;
    if response.status.is_success() {
        return Ok(true);
    }
    Err(OAuthError::refused(read_error(&response, body.as_bytes(), &headers)))
}

/// Adds the client's credentials (RFC 6749 section 2.3.1).
fn authenticate(
    client: &ClientInformation,
    server: &AuthorizationServer,
    form: &mut form_urlencoded::Serializer<'_, String>,
    headers: &mut HeaderMap,
) {
    let method = client.method(server);
    let secret = client.client_secret.as_ref().filter(|_| method != AuthMethod::None);
    match secret {
        Some(secret) if method == AuthMethod::ClientSecretBasic => {
            let encode =
                |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let pair = format!("{}:{}", encode(&client.client_id), encode(secret.expose()));
            let value = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, pair);
            if let Ok(mut value) = HeaderValue::from_str(&format!("Basic {value}")) {
                value.set_sensitive(true);
                headers.insert(AUTHORIZATION, value);
            }
        }
        Some(secret) => {
            form.append_pair("client_id", &client.client_id);
            form.append_pair("client_secret", secret.expose());
        }
        None => {
            form.append_pair("client_id", &client.client_id);
        }
    }
}
