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
    /// the body, `client_secret_basic` in the `Authorization` header, or `none`. If the
    /// registration response states no method, the requested one applies. If that is not known
    /// either, it is the only one that the server supports, or else `client_secret_post`. A client
    /// without a method and a secret is a public client.
    ///
    /// `redirect_uri` is the URI to which the server redirects users; pass `None` for a client
    /// without users. It must be one of the granted redirect URIs. A loopback URI may have another
    /// port (RFC 8252 section 7.3). If the registration response states no redirect URIs, any URI
    /// is accepted.
    ///
    /// # At which servers
    ///
    /// A client that was registered, or that comes from a store, is used only at its own server, so
    /// that another one cannot obtain its secret, its codes and its tokens (RFC 9700 section 4.4).
    /// The server is known if the client was registered [for a server](crate::Client::for_server).
    /// Otherwise the client may be used at the origin of its registration endpoint, and at a server
    /// that you configure with [`AuthorizationServer::new`], but not at one that was
    /// [discovered](crate::Client::discover) elsewhere.
    ///
    /// # Errors
    ///
    /// Returns [`OAuthErrorKind::Client`] if the client belongs to another server, if the method is
    /// another one, if it needs a secret that
    /// the client does not have, if the redirect URI was not granted, or if there is a redirect URI
    /// and the server has no authorization endpoint. Returns [`OAuthErrorKind::Endpoint`] if an
    /// endpoint is neither an https URL nor on a loopback host, or if the query of the
    /// authorization endpoint has a parameter of the request. Nothing was sent.
    ///
    /// # Examples
    ///
    /// See [`oauth`](crate::oauth).
    #[doc(alias("client_secret_basic", "client_secret_post"))]
    pub fn oauth2_client(
        &self,
        server: &AuthorizationServer,
        redirect_uri: Option<&str>,
    ) -> Result<OAuth2Client, OAuthError> {
        let (authorization, token) = server.endpoints()?;
        if let Some(binding) = &self.binding {
            binding.check(&server.id(&token)).map_err(|problem| {
                let id = sanitize(&self.client_id);
                client_error(&format!(
                    "{id:?} {problem}; use it at its own server, or configure the endpoints with \
                     AuthorizationServer::new if this is the right one"
                ))
            })?;
        }
        let authorization = match authorization {
            Some(url) => AuthUrl::from_url(url),
            // The type requires a URL. This one never resolves (RFC 2606).
            None if redirect_uri.is_none() => {
                AuthUrl::new("https://authorization-endpoint.invalid/".to_owned())
                    .unwrap_or_else(|_| AuthUrl::from_url(token.clone()))
            }
            None => {
                return Err(client_error(
                    "authorization_endpoint: the server has none, so users cannot log in; pass no \
                     redirect URI, and use the client_credentials grant",
                ));
            }
        };
        let method = self.method(server);
        let auth_type = self.auth_type(&method)?;
        let mut client = BasicClient::new(ClientId::new(self.client_id.clone()))
            .set_auth_uri(authorization)
            .set_token_uri(TokenUrl::from_url(token))
            .set_auth_type(auth_type);
        if let Some(secret) = self.client_secret.as_ref().filter(|_| method != AuthMethod::None) {
            client = client.set_client_secret(oauth2::ClientSecret::new(secret.expose().into()));
        }
        if let Some(uri) = redirect_uri {
            client = client.set_redirect_uri(self.redirect_url(uri)?);
        }
        Ok(client)
    }

    /// Returns the method that the response states, or else the requested one, or else the only one
    /// of the server, or else the default.
    pub(super) fn method(&self, server: &AuthorizationServer) -> AuthMethod {
        let only = match &server.token_endpoint_auth_methods_supported[..] {
            [only] => Some(only),
            _ => None,
        };
        match self.auth_method() {
            Some(stated) => stated.clone(),
            None if self.client_secret.is_none() => AuthMethod::None,
            None => {
                let method = self.requested_auth_method.as_ref().or(only);
                method.cloned().unwrap_or(AuthMethod::ClientSecretPost)
            }
        }
    }

    fn auth_type(&self, method: &AuthMethod) -> Result<AuthType, OAuthError> {
        let auth_type = match method {
            // Without a secret, the body has only the client id.
            AuthMethod::None => return Ok(AuthType::RequestBody),
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

    fn redirect_url(&self, uri: &str) -> Result<RedirectUrl, OAuthError> {
        if uri.contains('#') {
            return Err(client_error(&format!(
                "redirect_uris: {uri:?} has a fragment (RFC 6749 section 3.1.2); remove the # and \
                 everything after it"
            )));
        }
        let granted = &self.metadata.redirect_uris;
        let is_same = |other: &String| url::without_port(other) == url::without_port(uri);
        if !granted.is_empty() && !granted.iter().any(is_same) {
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
