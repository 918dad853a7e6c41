//! A registered client as a client of the [`oauth2`] crate.

use oauth2::{
    AuthType, AuthUrl, ClientId, EndpointNotSet, EndpointSet, RedirectUrl, TokenUrl,
    basic::BasicClient,
};

use super::{
    error::{OAuthError, OAuthErrorKind},
    server::AuthorizationServer,
};
use crate::{metadata::AuthMethod, redact::sanitize, response::ClientInformation, url};

/// The client of the [`oauth2`] crate with the two endpoints that Poggio has.
pub type OAuth2Client =
    BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

impl ClientInformation {
    /// Returns this client for the [`oauth2`] crate: its id, its secret, the server's endpoints, and
    /// the authentication that was granted: `client_secret_post` in the body, `client_secret_basic`
    /// in the header, `none` without a secret.
    ///
    /// `redirect_uri` is the one that users will be sent back to, if there will be any. It has to be
    /// among those that were granted, unless the server has stated nothing but the credentials; the
    /// port of a loopback one may differ (RFC 8252 section 7.3).
    ///
    /// # Errors
    ///
    /// [`OAuthErrorKind::Client`] if the granted method is another one, or needs a secret that the
    /// client does not have, or where the redirect URI was not granted;
    /// [`OAuthErrorKind::Endpoint`] if an endpoint of the server is no https URL. Nothing was sent.
    ///
    /// # Examples
    ///
    /// See [`oauth`](crate::oauth).
    pub fn oauth2_client(
        &self,
        server: &AuthorizationServer,
        redirect_uri: Option<&str>,
    ) -> Result<OAuth2Client, OAuthError> {
        let (authorization, token) = server.endpoints()?;
        let auth_type = self.auth_type()?;
        let mut client = BasicClient::new(ClientId::new(self.client_id.clone()))
            .set_auth_uri(AuthUrl::from_url(authorization))
            .set_token_uri(TokenUrl::from_url(token))
            .set_auth_type(auth_type);
        if let Some(secret) = self.client_secret.as_ref().filter(|_| !self.is_public()) {
            client = client.set_client_secret(oauth2::ClientSecret::new(secret.expose().into()));
        }
        if let Some(uri) = redirect_uri {
            client = client.set_redirect_uri(self.redirect(uri)?);
        }
        Ok(client)
    }

    fn auth_type(&self) -> Result<AuthType, OAuthError> {
        let method = &self.metadata.token_endpoint_auth_method;
        let auth_type = match method {
            // Without a secret, the body has the id alone.
            _ if self.is_public() => return Ok(AuthType::RequestBody),
            AuthMethod::ClientSecretPost => AuthType::RequestBody,
            AuthMethod::ClientSecretBasic => AuthType::BasicAuth,
            other => {
                let other = sanitize(other.as_str());
                return Err(client_error(&format!(
                    "token_endpoint_auth_method: {other:?} was granted, and only \
                     client_secret_post, client_secret_basic and none can be used here; register \
                     with one of these"
                )));
            }
        };
        if self.client_secret.is_none() {
            let method = method.as_str();
            return Err(client_error(&format!(
                "client_secret: the granted method {method} needs one, and the server gave none; \
                 register anew, or ask for the method none"
            )));
        }
        Ok(auth_type)
    }

    /// Whether it has nothing to authenticate with, as was granted, or since the server stated
    /// neither a method nor a secret.
    fn is_public(&self) -> bool {
        match self.auth_method() {
            Some(method) => *method == AuthMethod::None,
            None => self.client_secret.is_none(),
        }
    }

    fn redirect(&self, uri: &str) -> Result<RedirectUrl, OAuthError> {
        if uri.contains('#') {
            return Err(client_error(&format!(
                "redirect_uris: {uri:?} has a fragment (RFC 6749 section 3.1.2); leave out the # and \
                 what follows it"
            )));
        }
        let granted = &self.metadata.redirect_uris;
        let same = |other: &String| url::without_port(other) == url::without_port(uri);
        if self.has_metadata() && !granted.iter().any(same) {
            let granted = sanitize(&format!("{granted:?}"));
            return Err(client_error(&format!(
                "redirect_uris: {uri:?} was not granted, but {granted}; use one of these, or \
                 register with it"
            )));
        }
        RedirectUrl::new(uri.to_owned())
            .map_err(|error| client_error(&format!("redirect_uris: {uri:?} is no URL ({error})")))
    }
}

fn client_error(problem: &str) -> OAuthError {
    OAuthError::new(OAuthErrorKind::Client, problem)
}
