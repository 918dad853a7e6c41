//! Converts a registered client to a client of the [`oauth2`] crate.

use oauth2::{
    AuthType, AuthUrl, ClientId, EndpointNotSet, EndpointSet, RedirectUrl, TokenUrl,
    basic::BasicClient,
};

use super::{
    error::{OAuthError, OAuthErrorKind},
    server::AuthorizationServer,
};
use crate::{metadata::AuthMethod, redact::sanitize, response::ClientInformation, url};

/// The client of the [`oauth2`] crate with an authorization endpoint and a token endpoint.
pub type OAuth2Client =
    BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

impl ClientInformation {
    /// Returns this client for the [`oauth2`] crate, with its id, its secret, and the endpoints of
    /// an [`AuthorizationServer`].
    ///
    /// The client authenticates with the method that the server granted: `client_secret_post` in
    /// the body, `client_secret_basic` in the `Authorization` header, or `none`.
    ///
    /// `redirect_uri` is the URI to which the server redirects users; pass `None` for a client
    /// without users. It must be one of the granted redirect URIs. A loopback URI may have another
    /// port (RFC 8252 section 7.3). If the server returned only credentials, any URI is accepted.
    ///
    /// # Errors
    ///
    /// Returns [`OAuthErrorKind::Client`] if the server granted another method, if the method needs
    /// a secret that the client does not have, or if the redirect URI was not granted. Returns
    /// [`OAuthErrorKind::Endpoint`] if an endpoint is neither an https URL nor on a loopback host.
    /// Nothing was sent.
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
            client = client.set_redirect_uri(self.redirect_url(uri)?);
        }
        Ok(client)
    }

    fn auth_type(&self) -> Result<AuthType, OAuthError> {
        let method = &self.metadata.token_endpoint_auth_method;
        let auth_type = match method {
            // Without a secret, the body has only the client id.
            _ if self.is_public() => return Ok(AuthType::RequestBody),
            AuthMethod::ClientSecretPost => AuthType::RequestBody,
            AuthMethod::ClientSecretBasic => AuthType::BasicAuth,
            other => {
                let other = sanitize(other.as_str());
                return Err(client_error(&format!(
                    "token_endpoint_auth_method: {other:?} was granted, but only \
                     client_secret_post, client_secret_basic and none are supported; register with \
                     one of these"
                )));
            }
        };
        if self.client_secret.is_none() {
            let method = method.as_str();
            return Err(client_error(&format!(
                "client_secret: the granted method {method} requires one, but the server returned \
                 none; register again, or request the method none"
            )));
        }
        Ok(auth_type)
    }

    /// Whether this client authenticates without a secret: the server granted `none`, or returned
    /// neither a method nor a secret.
    fn is_public(&self) -> bool {
        match self.auth_method() {
            Some(method) => *method == AuthMethod::None,
            None => self.client_secret.is_none(),
        }
    }

    fn redirect_url(&self, uri: &str) -> Result<RedirectUrl, OAuthError> {
        if uri.contains('#') {
            return Err(client_error(&format!(
                "redirect_uris: {uri:?} has a fragment (RFC 6749 section 3.1.2); remove the # and \
                 everything after it"
            )));
        }
        let granted = &self.metadata.redirect_uris;
        let is_same = |other: &String| url::without_port(other) == url::without_port(uri);
        if self.has_metadata() && !granted.iter().any(is_same) {
            let granted = sanitize(&format!("{granted:?}"));
            return Err(client_error(&format!(
                "redirect_uris: {uri:?} was not granted; use one of {granted}, or register with \
                 this URI"
            )));
        }
        RedirectUrl::new(uri.to_owned()).map_err(|error| {
            client_error(&format!("redirect_uris: {uri:?} is not a URL ({error})"))
        })
    }
}

fn client_error(problem: &str) -> OAuthError {
    OAuthError::new(OAuthErrorKind::Client, problem)
}
